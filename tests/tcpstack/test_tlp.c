#include "flight.h"
#include "suites.h"

static struct peer peer;

static void begin(void)
{
	peer_init(&peer);
	flight_establish(&peer);
}

static uint32_t cwnd(void)
{
	struct tcp_info info;

	tcp_conn_info(peer.conn, &info);
	return info.cwnd;
}

/* 7.2: two round trips after the last segment, which is what goes. */
static void test_last_segment(void)
{
	begin();
	flight_send(&peer, 3);
	peer_advance(&peer, 2 * FLIGHT_RTT_US - 2000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 4000);
	CU_ASSERT(flight_expect(&peer, 2));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_loss_probes), 1);
	/* One probe; then it is the timeout's turn. */
	peer_advance(&peer, 2 * FLIGHT_RTT_US + 2000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* 7.3: new data when there are any, although the window of congestion is full. */
static void test_new_data(void)
{
	begin();
	CU_ASSERT_EQUAL(peer_write(&peer, 30 * FLIGHT_MSS), 0);
	uint32_t sent = peer_drain(&peer);
	CU_ASSERT(sent < 30);
	peer_advance(&peer, 2 * FLIGHT_RTT_US + 2000);
	CU_ASSERT(flight_expect(&peer, sent));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmits), 0);
	peer_destroy(&peer);
}

/* 7.2: a single segment may wait for a delayed ACK. */
static void test_one_segment(void)
{
	begin();
	flight_send(&peer, 1);
	peer_advance(&peer, 2 * FLIGHT_RTT_US + 100000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 104000);
	CU_ASSERT(flight_expect(&peer, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_loss_probes), 1);
	peer_destroy(&peer);
}

static void probe(void)
{
	begin();
	flight_send(&peer, 3);
	peer_advance(&peer, 2 * FLIGHT_RTT_US + 2000);
	CU_ASSERT(flight_expect(&peer, 2));
}

/* 7.4.1: the probe repaired the loss of the last segment, which was congestion. */
static void test_loss_repaired(void)
{
	uint32_t before;

	probe();
	before = cwnd();
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 3, 0, 0);
	CU_ASSERT_EQUAL(cwnd(), before); /* a D-SACK may follow */
	flight_send(&peer, 1);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 4, 0, 0);
	CU_ASSERT(cwnd() < before);
	peer_destroy(&peer);
}

/* 7.4.2: the first copy had only been late. */
static void test_both_arrived(void)
{
	uint32_t before;

	probe();
	before = cwnd();
	flight_send(&peer, 1);
	flight_ack(&peer, 3, 0, 0);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_dsack(&peer, 3, 2);
	flight_ack(&peer, 4, 0, 0);
	CU_ASSERT(cwnd() >= before);
	peer_destroy(&peer);
}

/* Lost: 1 and 2. The probe's acknowledgement shows the hole, RACK repairs it. */
static void test_tail_lost(void)
{
	probe();
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 1, 2, 3);
	CU_ASSERT(flight_expect(&peer, 1));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmit_timeouts), 0);
	flight_ack(&peer, 3, 0, 0);
	CU_ASSERT_EQUAL(tcp_next_timer_us(peer.stack) == UINT64_MAX, false);
	peer_advance(&peer, 10000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

CU_TestInfo tlp_tests[] = {{"the last segment", test_last_segment},
			   {"new data", test_new_data},
			   {"one segment", test_one_segment},
			   {"loss repaired", test_loss_repaired},
			   {"both copies arrived", test_both_arrived},
			   {"the tail is lost", test_tail_lost},
			   CU_TEST_INFO_NULL};
