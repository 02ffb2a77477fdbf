#include "flight.h"
#include "suites.h"

static struct peer peer;

/*
 * Ten in flight, the first is lost, each further one is reported by itself. What is sent until the
 * end of recovery is what ssthresh allows: five for ten, spread, never two at a time.
 */
static void test_proportional(void)
{
	uint32_t sent = 0;

	peer_init(&peer);
	peer.config.congestion = TCP_NEWRENO;
	flight_establish(&peer);
	peer.conn->cwnd = 10 * FLIGHT_MSS;
	flight_send(&peer, 10);
	CU_ASSERT_EQUAL(peer_write(&peer, 20 * FLIGHT_MSS), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 4);
	CU_ASSERT(flight_expect(&peer, 0));
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, 5 * FLIGHT_MSS);
	for (uint32_t i = 5; i <= 10; i++) {
		flight_ack(&peer, 0, 1, i);
		uint32_t now = peer_drain(&peer);
		CU_ASSERT(now <= 1);
		sent += now;
		CU_ASSERT(peer.conn->sender->prr.out <=
			  peer.conn->sender->prr.delivered / 2 + FLIGHT_MSS);
	}
	CU_ASSERT(sent >= 3);
	peer_destroy(&peer);
}

/* Recovery ends with cwnd at ssthresh. */
static void test_end(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	flight_send(&peer, 10);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 6);
	CU_ASSERT(flight_expect(&peer, 0));
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 10, 0, 0);
	CU_ASSERT_EQUAL(peer.conn->cwnd, peer.conn->ssthresh);
	CU_ASSERT_EQUAL(peer.conn->sender->phase, TCP_SENDER_OPEN);
	peer_destroy(&peer);
}

/* Most of the flight is lost: one goes for one that arrives, the first at once. */
static void test_heavy_loss(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	flight_send(&peer, 10);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 9, 10);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, FLIGHT_RTT_US / 4 + 2000);
	uint32_t sent = peer_drain(&peer);
	CU_ASSERT(sent >= 1 && sent <= 2);
	peer_destroy(&peer);
}

CU_TestInfo prr_tests[] = {{"proportional", test_proportional},
			   {"end of recovery", test_end},
			   {"heavy loss", test_heavy_loss},
			   CU_TEST_INFO_NULL};
