#include "delivery.h"
#include "flight.h"
#include "suites.h"

static struct peer peer;

static struct tcp_rack *rack(void)
{
	return &peer.conn->sender->rack;
}

static void begin(void)
{
	peer_init(&peer);
	flight_establish(&peer);
}

/* Segment 0 comes after 2: nothing is sent again, and the reordering is remembered. */
static void test_reordering(void)
{
	begin();
	flight_send(&peer, 4);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 3);
	peer_advance(&peer, 2000);
	flight_ack(&peer, 4, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	CU_ASSERT(rack()->reordering_seen);
	/* From then on three reports are no proof: a quarter of a round trip is waited. */
	flight_send(&peer, 6);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 4, 5, 9);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, FLIGHT_RTT_US / 4 - 2000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 4000);
	CU_ASSERT(flight_expect(&peer, 4));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmit_timeouts), 0);
	peer_destroy(&peer);
}

/* Reports count for the window once the path is known to reorder, and not before. */
static void test_growth(void)
{
	uint32_t cwnd;

	begin();
	flight_send(&peer, 10); /* as many as the initial window lets out */
	cwnd = peer.conn->cwnd;
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 3);
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd);
	flight_ack(&peer, 3, 0, 0);
	CU_ASSERT(rack()->reordering_seen);
	CU_ASSERT(peer.conn->cwnd > cwnd);
	cwnd = peer.conn->cwnd;
	flight_ack(&peer, 3, 4, 6);
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd + 2 * FLIGHT_MSS);
	flight_ack(&peer, 3, 4, 6);
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd + 2 * FLIGHT_MSS); /* said before */
	peer_destroy(&peer);
}

/* A delayed ACK and a hole, told at once; two blocks, the newer first: nothing came late. */
static void test_no_reordering(void)
{
	struct tcp_options opt = {.sack_count = 2};
	uint32_t first;

	begin();
	flight_send(&peer, 10);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 1, 2, 3);
	CU_ASSERT_FALSE(rack()->reordering_seen);
	first = peer.our_iss + 1;
	opt.sack[0].start = first + 6 * FLIGHT_MSS;
	opt.sack[0].end = opt.sack[0].start + FLIGHT_MSS;
	opt.sack[1].start = first + 4 * FLIGHT_MSS;
	opt.sack[1].end = opt.sack[1].start + FLIGHT_MSS;
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, first + FLIGHT_MSS, 2000, &opt, 0);
	CU_ASSERT_EQUAL(peer.conn->sender->board.sacked_bytes, 3 * FLIGHT_MSS);
	CU_ASSERT_FALSE(rack()->reordering_seen);
	peer_destroy(&peer);
}

/* After a timeout reports alone do not open the window: the retransmission may be lost again. */
static void test_no_growth_after_timeout(void)
{
	uint32_t cwnd;

	begin();
	flight_send(&peer, 10);
	rack()->reordering_seen = true;
	while (peer.conn->sender->phase != TCP_SENDER_LOSS) {
		peer_advance(&peer, FLIGHT_RTT_US);
		(void)peer_drain(&peer);
	}
	peer.conn->sender->frto = false;
	peer.conn->sender->undo.possible = false;
	cwnd = peer.conn->cwnd;
	flight_ack(&peer, 0, 1, 4);
	CU_ASSERT_EQUAL(peer.conn->cwnd, cwnd);
	flight_ack(&peer, 4, 0, 0);
	CU_ASSERT(peer.conn->cwnd > cwnd);
	peer_destroy(&peer);
}

/* One report is enough when the time has come: no third is waited for. */
static void test_few_reports(void)
{
	begin();
	flight_send(&peer, 2);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 2);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, FLIGHT_RTT_US / 4 + 2000);
	CU_ASSERT(flight_expect(&peer, 0));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* Segment 0 and its retransmission are lost: what was sent later arrives, so it goes a third time.
 */
static void test_lost_retransmission(void)
{
	begin();
	flight_send(&peer, 8);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 5);
	CU_ASSERT(flight_expect(&peer, 0));
	peer_advance(&peer, 5000);
	flight_ack(&peer, 0, 1, 8);
	CU_ASSERT_EQUAL(peer_write(&peer, FLIGHT_MSS), 0);
	CU_ASSERT(flight_expect(&peer, 8));
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 9);
	CU_ASSERT(flight_expect(&peer, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_retransmit_timeouts), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_fast_retransmits), 1);
	flight_ack(&peer, 9, 0, 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* A report of a duplicate widens the window once a round; 16 recoveries without one narrow it. */
static void test_reo_wnd(void)
{
	struct tcp_delivery delivery = {.dsack = true};

	begin();
	rack()->reordering_seen = true;
	flight_send(&peer, 2);
	rack_adapt(peer.conn, &delivery);
	CU_ASSERT_EQUAL(rack()->reo_wnd_mult, 1);
	rack_adapt(peer.conn, &delivery);
	CU_ASSERT_EQUAL(rack()->reo_wnd_mult, 1); /* the same round */
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 2, 0, 0);
	flight_send(&peer, 6);
	rack_adapt(peer.conn, &delivery);
	CU_ASSERT_EQUAL(rack()->reo_wnd_mult, 2);
	/* Three quarters of a round trip now. */
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 2, 3, 8);
	peer_advance(&peer, FLIGHT_RTT_US * 3 / 4 - 2000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 4000);
	CU_ASSERT(flight_expect(&peer, 2));
	for (int i = 0; i < 15; i++) {
		rack_recovery_ended(rack());
	}
	CU_ASSERT_EQUAL(rack()->reo_wnd_mult, 2);
	rack_recovery_ended(rack());
	CU_ASSERT_EQUAL(rack()->reo_wnd_mult, 0);
	peer_destroy(&peer);
}

/* A timeout loses what was sent long ago, not what has just been sent. */
static void test_timeout(void)
{
	struct tcp_scoreboard *board;

	begin();
	flight_send(&peer, 3);
	peer_advance(&peer, UINT64_C(3) * FLIGHT_RTT_US); /* the probe, of what is last */
	CU_ASSERT(flight_expect(&peer, 2));
	board = &peer.conn->sender->board;
	CU_ASSERT_EQUAL(rack_mark_at_timeout(peer.conn), 2 * FLIGHT_MSS);
	CU_ASSERT_EQUAL(board->in_flight_bytes, FLIGHT_MSS);
	peer_destroy(&peer);
}

/* The peer acknowledges up to what it had reported: it has dropped that, and gets it again. */
static void test_reneging(void)
{
	begin();
	flight_send(&peer, 4);
	peer_advance(&peer, FLIGHT_RTT_US);
	flight_ack(&peer, 0, 1, 2);
	flight_ack(&peer, 1, 0, 0);
	(void)peer_drain(&peer);
	peer_advance(&peer, FLIGHT_RTT_US);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_sack_reneged), 1);
	CU_ASSERT(flight_expect(&peer, 1));
	peer_destroy(&peer);
}

CU_TestInfo rack_tests[] = {{"reordering", test_reordering},
			    {"no reordering", test_no_reordering},
			    {"reports count where the path reorders", test_growth},
			    {"no growth after a timeout", test_no_growth_after_timeout},
			    {"few reports", test_few_reports},
			    {"lost retransmission", test_lost_retransmission},
			    {"reo_wnd grows and persists", test_reo_wnd},
			    {"timeout", test_timeout},
			    {"reneging", test_reneging},
			    CU_TEST_INFO_NULL};
