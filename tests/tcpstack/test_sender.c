#include "flight.h"
#include "stack.h"
#include "suites.h"

static struct peer peer;

/* The pool is empty: NewReno goes on without, counted. */
static void test_no_sender(void)
{
	peer_init(&peer);
	peer.config.side_records = 0;
	flight_establish(&peer);
	CU_ASSERT_PTR_NULL(peer.conn->sender);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_no_sender), 1);
	flight_send(&peer, 6);
	peer_advance(&peer, FLIGHT_RTT_US);
	for (uint32_t i = 2; i <= 4; i++) {
		flight_ack(&peer, 0, 1, i);
	}
	CU_ASSERT(flight_expect(&peer, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	flight_ack(&peer, 6, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* What was learnt stays with an idle connection until another one needs the record. */
static void test_idle_sender_is_taken(void)
{
	struct tcp_options syn;
	struct tcp_conn *first;
	uint32_t min_rtt_us;

	peer_init(&peer);
	peer.config.side_records = 1;
	flight_establish(&peer);
	first = peer.conn;
	CU_ASSERT_PTR_NOT_NULL_FATAL(first->sender);
	CU_ASSERT(first->sender->idle);
	min_rtt_us = rack_min_rtt_us(&first->sender->rack);
	CU_ASSERT_EQUAL(min_rtt_us, FLIGHT_RTT_US);
	flight_send(&peer, 1);
	CU_ASSERT_EQUAL(rack_min_rtt_us(&first->sender->rack), min_rtt_us);
	flight_ack(&peer, 1, 0, 0);
	syn = peer_syn_options(&peer);
	peer.port++;
	peer_handshake(&peer, &syn);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	CU_ASSERT_PTR_NULL(first->sender);
	CU_ASSERT_PTR_NOT_NULL(peer.conn->sender);
	CU_ASSERT_EQUAL(rack_min_rtt_us(&peer.conn->sender->rack), 0);
	peer_destroy(&peer);
}

/* No record for new data, and none that could grow: the flight goes on by duplicate ACKs. */
static void test_no_transmission(void)
{
	peer_init(&peer);
	peer.config.transmissions = 2;
	flight_establish(&peer);
	flight_send(&peer, 2);
	peer_advance(&peer, 1000);
	flight_send(&peer, 2);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 2, 4);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_no_transmission), 0);
	flight_send(&peer, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_no_transmission), 1);
	CU_ASSERT_FALSE(peer.conn->sender->recording);
	CU_ASSERT_EQUAL(peer.stack->senders.transmissions.free_count, 2);
	peer_advance(&peer, 2000000);
	CU_ASSERT(flight_expect(&peer, 0));
	flight_ack(&peer, 5, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	/* The next flight is recorded again. */
	flight_send(&peer, 1);
	CU_ASSERT(peer.conn->sender->recording);
	peer_destroy(&peer);
}

CU_TestInfo sender_tests[] = {{"no sender record", test_no_sender},
			      {"an idle one is taken", test_idle_sender_is_taken},
			      {"no transmission record", test_no_transmission},
			      CU_TEST_INFO_NULL};
