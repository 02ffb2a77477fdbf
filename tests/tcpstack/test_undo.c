#include "flight.h"
#include "suites.h"

static struct peer peer;
static uint32_t cwnd;
static uint32_t ssthresh;

static void remember(void)
{
	cwnd = peer.conn->cwnd;
	ssthresh = peer.conn->ssthresh;
}

static void check_undone(void)
{
	CU_ASSERT(peer.conn->cwnd >= cwnd);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, ssthresh);
	CU_ASSERT_EQUAL(peer.conn->sender->phase, TCP_SENDER_OPEN);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_recoveries_undone), 1);
}

static uint32_t echo_now(void)
{
	return (uint32_t)(peer.now_us / 1000) + peer.conn->ts_offset;
}

/* RFC 3522: fast retransmit, but the first copy is what was acknowledged. */
static void test_eifel(void)
{
	uint32_t first;

	peer_init(&peer);
	flight_establish_ts(&peer);
	remember();
	first = echo_now();
	flight_send(&peer, 8);
	peer_advance(&peer, FLIGHT_RTT_US);
	peer.echo = first;
	flight_ack(&peer, 0, 1, 5);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	peer_advance(&peer, 3000);
	flight_ack(&peer, 8, 0, 0);
	check_undone();
	CU_ASSERT(peer.conn->sender->rack.reordering_seen);
	peer_destroy(&peer);
}

/* The echo of the second copy: the reduction stays. */
static void test_eifel_genuine(void)
{
	peer_init(&peer);
	flight_establish_ts(&peer);
	remember();
	peer.echo = echo_now();
	flight_send(&peer, 8);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 5);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer.echo = echo_now();
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 8, 0, 0);
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_recoveries_undone), 0);
	peer_destroy(&peer);
}

/* RFC 3708: what was sent again is reported as duplicate, all of it. */
static void test_dsack(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	remember();
	flight_send(&peer, 8);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 5);
	CU_ASSERT(flight_expect(&peer, 0));
	flight_ack(&peer, 8, 0, 0);
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	flight_send(&peer, 1);
	flight_dsack(&peer, 8, 0);
	check_undone();
	peer_destroy(&peer);
}

/* RFC 5682 3.1: after the timeout something arrives that was not sent again. */
static void test_frto(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	remember();
	flight_send(&peer, 4);
	peer_advance(&peer, 2 * FLIGHT_RTT_US + 2000);
	(void)peer_drain(&peer);
	peer_advance(&peer, 400000);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmit_timeouts), 1);
	CU_ASSERT(flight_expect(&peer, 0));
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	flight_ack(&peer, 0, 1, 2);
	check_undone();
	peer_destroy(&peer);
}

/* A duplicate that the network made proves nothing. */
static void test_duplicate_of_the_network(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	flight_send(&peer, 4);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_dsack(&peer, 1, 0);
	CU_ASSERT_EQUAL(peer.conn->sender->rack.reo_wnd_mult, 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_recoveries_undone), 0);
	peer_destroy(&peer);
}

/* What was held for lost arrived before anything was sent again: nothing was lost. */
static void test_nothing_resent(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	remember();
	flight_send(&peer, 8);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 5);
	CU_ASSERT_EQUAL(peer.conn->sender->phase, TCP_SENDER_RECOVERY);
	flight_ack(&peer, 5, 0, 0);
	check_undone();
	CU_ASSERT_EQUAL(peer.conn->sender->rack.reo_wnd_mult, 1);
	CU_ASSERT_EQUAL(peer.conn->sender->rack.reo_wnd_persist, 16);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* Two were held for lost, and one came. */
static void test_one_of_two(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	remember();
	flight_send(&peer, 9);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 2, 7);
	CU_ASSERT_EQUAL(peer.conn->sender->board.lost_bytes, 2 * FLIGHT_MSS);
	flight_ack(&peer, 1, 2, 7);
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	CU_ASSERT(flight_expect(&peer, 1));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_recoveries_undone), 0);
	peer_destroy(&peer);
}

/* What came may be the probe's copy: the loss that it repaired stays one (RFC 8985 7.4.2). */
static void test_probe_was_the_copy(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	remember();
	flight_send(&peer, 8);
	peer_advance(&peer, UINT64_C(2) * FLIGHT_RTT_US);
	CU_ASSERT(flight_expect(&peer, 7));
	flight_ack(&peer, 0, 1, 7);
	CU_ASSERT_EQUAL(peer.conn->sender->phase, TCP_SENDER_RECOVERY);
	flight_ack(&peer, 8, 0, 0);
	CU_ASSERT(peer.conn->ssthresh < ssthresh);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_recoveries_undone), 0);
	peer_destroy(&peer);
}

CU_TestInfo undo_tests[] = {{"nothing was sent again", test_nothing_resent},
			    {"one of two came", test_one_of_two},
			    {"the probe's copy", test_probe_was_the_copy},
			    {"Eifel", test_eifel},
			    {"a genuine loss", test_eifel_genuine},
			    {"D-SACK", test_dsack},
			    {"F-RTO", test_frto},
			    {"duplicate of the network", test_duplicate_of_the_network},
			    CU_TEST_INFO_NULL};
