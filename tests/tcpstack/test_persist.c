/* Windows that close, shrink or are too small to use (RFC 9293 3.8.6). */
#include "conn.h"
#include "sending.h"
#include "suites.h"

static struct peer peer;

/* RFC 9293 3.8.6.1: one byte, ever more seldom, as long as the peer answers. */
static void test_persist(void)
{
	sending_establish(&peer, true);
	sending_window(&peer, 1, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	for (int i = 0; i < 10; i++) {
		peer_advance(&peer, 60000000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 1));
		(void)peer_drain(&peer);
		sending_window(&peer, 1, 0);
	}
	CU_ASSERT_EQUAL(peer.closed, 0);
	/* A byte that the peer took after all is not sent again. */
	sending_window(&peer, 2, 100);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 2, 1, SENDING_MSS));
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_zero_window_probes) >= 10);
	peer_destroy(&peer);
}

/* RFC 6429: a closed window does not keep a connection that we closed. */
static void test_persist_after_close(void)
{
	sending_establish(&peer, true);
	sending_window(&peer, 1, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	tcp_close(peer.conn);
	for (int i = 0; i < 10 && peer.closed == 0; i++) {
		(void)peer_drain(&peer);
		peer_advance(&peer, 10000000);
		sending_window(&peer, 1, 0);
	}
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
	peer_destroy(&peer);
}

/* RFC 9293 3.8.6.2.1: a sliver of window is not used until the override timer. */
static void test_silly_window(void)
{
	sending_establish(&peer, true);
	sending_window(&peer, 1, 1); /* 128 bytes */
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 1100000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 128));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* Data for a window that has long been closed: the peer is asked before it is given up. */
static void test_persist_after_silence(void)
{
	for (int closing = 0; closing <= 1; closing++) {
		sending_establish(&peer, true);
		sending_window(&peer, 1, 0);
		peer_advance(&peer, 300000000);
		CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
		if (closing) {
			tcp_close(peer.conn);
		}
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
		for (int s = 0; s < 50; s++) {
			peer_advance(&peer, 1000000);
		}
		CU_ASSERT(peer_drain(&peer) > 0);
		CU_ASSERT_EQUAL(peer.closed, 0);
		for (int s = 0; s < 60; s++) {
			peer_advance(&peer, 1000000);
			(void)peer_drain(&peer);
		}
		CU_ASSERT_EQUAL(peer.closed, 1);
		CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
		peer_destroy(&peer);
	}
}

/*
 * The window opens and closes within a burst while data is in flight, and the peer reports what
 * begins at snd_una: a timer runs on.
 */
static void test_window_flutters(void)
{
	struct tcp_options report = {.sack_count = 1};
	struct tcp_options none = {0};
	struct rte_mbuf *packets[2];

	sending_establish(&peer, true);
	CU_ASSERT_EQUAL(peer_write(&peer, 5000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 4);
	sending_window(&peer, 1, 0);
	peer_advance(&peer, 1001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0); /* persist */
	report.sack[0] = (struct tcp_sack_block){peer.our_iss + 1, peer.our_iss + 11};
	packets[0] = peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 1, &report, 0);
	packets[1] = peer_build(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 0, &none, 0);
	peer_input(&peer, packets, 2);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	unsigned int probes = 0;
	for (int s = 0; s < 10; s++) {
		peer_advance(&peer, 1000000);
		probes += peer_drain(&peer);
	}
	CU_ASSERT(probes > 0);
	peer_destroy(&peer);
}

/*
 * What was thought to be lost behind a closed window had arrived: it stays closed for what comes
 * after it, and the update that opens it may be lost.
 */
static void test_persist_goes_on(void)
{
	unsigned int probes = 0;

	sending_establish(&peer, true);
	CU_ASSERT_EQUAL(peer_write(&peer, 20 * SENDING_MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 10);
	sending_window(&peer, 1, 0);
	for (int s = 0; s < 3; s++) { /* the timeout marks, the closed window holds it back */
		peer_advance(&peer, 1001000);
		(void)peer_drain(&peer);
	}
	CU_ASSERT(peer.conn->flags & TCP_CONN_PERSIST);
	sending_window(&peer, 1 + 10 * SENDING_MSS, 0);
	for (int s = 0; s < 10; s++) {
		(void)peer_drain(&peer);
		peer_advance(&peer, 1000000);
		while (peer_expect(&peer, TCP_ACK, 1 + 10 * SENDING_MSS, 1, 1)) {
			probes++;
		}
	}
	CU_ASSERT(probes > 0);
	CU_ASSERT_EQUAL(peer.conn->snd_una, peer.our_iss + 1 + 10 * SENDING_MSS);
	sending_window(&peer, 1 + 10 * SENDING_MSS, 512);
	CU_ASSERT(peer_drain(&peer) > 0);
	peer_destroy(&peer);
}

/* A peer that takes its window back accepts an ACK only within what is left of it. */
static void test_ack_in_a_shrunk_window(void)
{
	sending_establish(&peer, true);
	sending_ten(&peer);
	sending_window(&peer, 1, 0);
	(void)peer_drain(&peer);
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1, 0, &(struct tcp_options){0},
		      10);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 11, 0));
	peer_destroy(&peer);
}

CU_TestInfo persist_tests[] = {
	{"persist", test_persist},
	{"persist after close", test_persist_after_close},
	{"silly window", test_silly_window},
	{"persist after silence", test_persist_after_silence},
	{"window flutters", test_window_flutters},
	{"persist goes on", test_persist_goes_on},
	{"ACK in a shrunk window", test_ack_in_a_shrunk_window},
	CU_TEST_INFO_NULL,
};
