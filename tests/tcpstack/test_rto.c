/* Retransmission timeouts: their length, backoff and end (RFC 6298, RFC 5681 3.1). */
#include "sending.h"
#include "suites.h"

static struct peer peer;

/* RFC 6298: RTO from the sample, doubled at each timeout; all of it is sent again. */
static void test_timeout(void)
{
	struct tcp_info info;

	sending_establish(&peer, false);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 100000);
	peer_send(&peer, TCP_ACK, 1, 101, 0);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rtt_us, 100000);
	CU_ASSERT_EQUAL(info.rto_us, 300000); /* SRTT + 4 * RTT / 2 */
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	for (uint64_t rto = 300000; rto < 10000000; rto *= 2) {
		peer_advance(&peer, rto - 2000);
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
		peer_advance(&peer, 2000);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 101, 1, 100));
	}
	peer_send(&peer, TCP_ACK, 1, 201, 0);
	peer_advance(&peer, 100000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack), UINT64_MAX);
	peer_destroy(&peer);
}

static void test_gives_up(void)
{
	struct seen seen;

	sending_establish(&peer, true);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_advance(&peer, 200000000);
	CU_ASSERT_EQUAL(peer.closed, 1);
	CU_ASSERT_EQUAL(peer.reason, TCP_CLOSE_TIMEOUT);
	while (peer_take(&peer, &seen)) {
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_closed_timeout), 1);
	peer_destroy(&peer);
}

/*
 * Karn's second rule (RFC 6298 5): a backed-off timeout stays until a segment that was sent once is
 * acknowledged. Else a path slower than the timeout is never measured.
 */
static void test_backoff_stays(void)
{
	sending_establish(&peer, false);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 1001000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 1, 100));
	peer_advance(&peer, 500000);
	peer_send(&peer, TCP_ACK, 1, 101, 0);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 101, 1, 100));
	peer_advance(&peer, 1500000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_send(&peer, TCP_ACK, 1, 201, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmits), 1);
	/* Measured: 1.5 s + 4 * 0.75 s. */
	struct tcp_info info;
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.rto_us, 4500000);
	peer_destroy(&peer);
}

/* With timestamps the echo tells which copy was answered: the second ends the backoff. */
static void test_backoff_and_timestamps(void)
{
	struct tcp_options opt = {.flags = TCP_OPT_TIMESTAMPS, .tsval = 77};
	struct tcp_options syn;
	struct tcp_info info;
	struct seen first;
	struct seen second;

	for (int copy = 1; copy <= 2; copy++) {
		peer_init(&peer);
		peer.ts = 77;
		syn = peer_syn_options(&peer);
		syn.flags &= (uint8_t)~TCP_OPT_SACK_PERMITTED;
		peer_establish(&peer, &syn);
		CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
		CU_ASSERT_FATAL(peer_take(&peer, &first));
		peer_advance(&peer, 1001000);
		CU_ASSERT_FATAL(peer_take(&peer, &second));
		opt.tsecr = copy == 1 ? first.opt.tsval : second.opt.tsval;
		peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 101, 512, &opt, 0);
		tcp_conn_info(peer.conn, &info);
		CU_ASSERT_EQUAL(info.send_queue, 0);
		CU_ASSERT_EQUAL(info.rto_us, copy == 1 ? 2000000 : 200500);
		peer_destroy(&peer);
	}
}

/* RFC 5681 3.1: ssthresh is held while the same data times out, and set again for other data. */
static void test_timeouts_and_ssthresh(void)
{
	struct tcp_info info;

	sending_establish(&peer, false);
	sending_ten(&peer);
	peer_advance(&peer, 1001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * SENDING_MSS);
	peer_advance(&peer, 2001000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ssthresh, 5 * SENDING_MSS);
	peer_send(&peer, TCP_ACK, 1, 1 + 8 * SENDING_MSS, 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, 20000000);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT(info.ssthresh < 5 * SENDING_MSS);
	peer_destroy(&peer);
}

CU_TestInfo rto_tests[] = {
	{"retransmission timeout", test_timeout},
	{"gives up", test_gives_up},
	{"backoff stays (Karn)", test_backoff_stays},
	{"backoff and timestamps", test_backoff_and_timestamps},
	{"ssthresh after timeouts", test_timeouts_and_ssthresh},
	CU_TEST_INFO_NULL,
};
