/* Recovery by SACK, and what the window may grow to (RFC 6675, RFC 7661). */
#include "conn.h"
#include "sending.h"
#include "suites.h"

static struct peer peer;

/* lost: segment 0.  SACK of 1..3 begins recovery; the hole goes out, once. */
static void test_sack_recovery(void)
{
	struct tcp_info info;

	sending_establish(&peer, true);
	sending_ten(&peer);
	peer_advance(&peer, 50000);
	sending_sack(&peer, 1, 1 + SENDING_MSS, 1 + 2 * SENDING_MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 10 * SENDING_MSS, 1,
			      SENDING_MSS)); /* limited transmit */
	sending_sack(&peer, 1, 1 + SENDING_MSS, 1 + 3 * SENDING_MSS);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1 + 11 * SENDING_MSS, 1, SENDING_MSS));
	sending_sack(&peer, 1, 1 + SENDING_MSS, 1 + 4 * SENDING_MSS);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, SENDING_MSS));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh,
			5 * SENDING_MSS); /* what limited transmit let out does not count */
	CU_ASSERT_EQUAL(info.cwnd,
			9 * SENDING_MSS); /* eight in flight, and the first goes at once */
	peer_send(&peer, TCP_ACK, 1, 1 + 12 * SENDING_MSS, 0);
	CU_ASSERT(peer_drain(&peer) > 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmits), 1);
	peer_destroy(&peer);
}

/* Hostile SACK blocks change nothing. */
static void test_bad_sack(void)
{
	sending_establish(&peer, true);
	sending_ten(&peer);
	sending_sack(&peer, 1, 1 + 50 * SENDING_MSS, 1 + 60 * SENDING_MSS); /* never sent */
	sending_sack(&peer, 1, 1 + 3 * SENDING_MSS, 1 + 2 * SENDING_MSS);   /* backwards */
	sending_sack(&peer, 1, 0U - 100, 1 + 2 * SENDING_MSS); /* begins before what is in flight */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 0);
	peer_destroy(&peer);
}

/* RFC 7661: slow start goes no further than twice what was in flight. */
static void test_unused_window(void)
{
	struct tcp_info info;

	sending_establish(&peer, true);
	for (uint32_t ack = 1; ack < 1 + 40 * SENDING_MSS; ack += 8 * SENDING_MSS) {
		CU_ASSERT_EQUAL(peer_write(&peer, 8 * SENDING_MSS), 0);
		CU_ASSERT_EQUAL(peer_drain(&peer), 8);
		for (uint32_t i = 2; i <= 8; i += 2) {
			peer_send(&peer, TCP_ACK, 1, ack + i * SENDING_MSS, 0);
		}
	}
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 16 * SENDING_MSS);
	/* Ten are more than half of it. */
	CU_ASSERT_EQUAL(peer_write(&peer, 10 * SENDING_MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 10);
	peer_send(&peer, TCP_ACK, 1, 1 + 42 * SENDING_MSS, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.cwnd, 18 * SENDING_MSS);
	peer_destroy(&peer);
}

/* A connection that ends in the middle of recovery gives its sender record back. */
static void test_senders_come_back(void)
{
	struct tcp_options syn;

	sending_establish(&peer, true);
	syn = peer_syn_options(&peer);
	for (uint16_t i = 0; i < 20; i++) {
		sending_ten(&peer);
		sending_sack(&peer, 1, 1 + SENDING_MSS, 1 + 5 * SENDING_MSS);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), i + 1U);
		CU_ASSERT_PTR_NOT_NULL(peer.conn->sender);
		peer_send(&peer, TCP_RST, 1, 0, 0);
		CU_ASSERT_EQUAL(peer.closed, i + 1U);
		(void)peer_drain(&peer);
		peer.port++;
		peer_handshake(&peer, &syn);
	}
	peer_destroy(&peer);
}

CU_TestInfo recovery_tests[] = {
	{"recovery with SACK", test_sack_recovery},
	{"bad SACK blocks", test_bad_sack},
	{"a window that is not used", test_unused_window},
	{"senders come back", test_senders_come_back},
	CU_TEST_INFO_NULL,
};
