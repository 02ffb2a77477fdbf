#include "flight.h"
#include "stack.h"
#include "suites.h"

static struct peer peer;

/* RFC 9438 4.1: W_max - cwnd = C * K^3, so W_cubic(0) is where the epoch began. */
static void test_formula(void)
{
	for (uint32_t segments = 1; segments < 100000; segments = segments * 3 + 1) {
		uint32_t deficit = segments * 1000;
		uint32_t k_ms = cubic_k_ms(1000, deficit);
		int64_t begin = cubic_offset(1000, k_ms, 0);

		CU_ASSERT(begin <= 0);
		CU_ASSERT(-begin >= (int64_t)deficit - deficit / 50 - 1000);
		CU_ASSERT(-begin <= (int64_t)deficit + 1000);
		CU_ASSERT_EQUAL(cubic_offset(1000, k_ms, k_ms), 0);
		CU_ASSERT(cubic_offset(1000, k_ms, 2ULL * k_ms) >= -begin - 2000);
	}
	/* 0.4 * 10^3 segments after ten seconds. */
	CU_ASSERT_EQUAL(cubic_offset(1000, 0, 10000), 400000);
	CU_ASSERT(cubic_offset(9000, 0, UINT32_MAX) > 0);
}

static void begin(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	flight_send(&peer, 1);
	peer.conn->cwnd = 100 * FLIGHT_MSS;
}

/* beta_cubic; 4.7: a second loss below the last maximum lowers that further. */
static void test_reduction(void)
{
	struct tcp_cubic *cubic;

	begin();
	cubic = &peer.conn->sender->cubic;
	peer.conn->cc->lost(peer.conn, 200 * FLIGHT_MSS);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, 100 * FLIGHT_MSS * 717 / 1024);
	CU_ASSERT_EQUAL(cubic->epoch.w_max, 100 * FLIGHT_MSS);
	peer.conn->cwnd = 80 * FLIGHT_MSS;
	peer.conn->cc->lost(peer.conn, 200 * FLIGHT_MSS);
	CU_ASSERT(cubic->epoch.w_max < 69 * FLIGHT_MSS);
	peer.conn->cc->undo(peer.conn);
	CU_ASSERT_EQUAL(cubic->epoch.w_max, 100 * FLIGHT_MSS);
	/* What was allowed but not used does not count. */
	peer.conn->cc->lost(peer.conn, 10 * FLIGHT_MSS);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, 10 * FLIGHT_MSS * 717 / 1024);
	peer_destroy(&peer);
}

/* Grows to the last maximum in K, rests there, and then beyond. */
static void test_growth(void)
{
	uint32_t k_ms;
	uint32_t at_k;

	begin();
	peer.conn->srtt_us = 100000;
	peer.conn->cwnd = 1000 * FLIGHT_MSS;
	peer.conn->cc->lost(peer.conn, 1000 * FLIGHT_MSS);
	peer.conn->cwnd = peer.conn->ssthresh;
	k_ms = cubic_k_ms(FLIGHT_MSS, 300 * FLIGHT_MSS);
	for (uint32_t ms = 0; ms < k_ms; ms += 100) {
		peer.conn->stack->now_us += 100000;
		peer.conn->cc->acked(peer.conn, peer.conn->cwnd, 0);
	}
	at_k = peer.conn->cwnd;
	CU_ASSERT(at_k > 990 * FLIGHT_MSS);
	CU_ASSERT(at_k < 1010 * FLIGHT_MSS);
	for (uint32_t ms = 0; ms < 1000; ms += 100) {
		peer.conn->stack->now_us += 100000;
		peer.conn->cc->acked(peer.conn, peer.conn->cwnd, 0);
	}
	CU_ASSERT(peer.conn->cwnd < at_k + 10 * FLIGHT_MSS);
	for (uint32_t ms = 0; ms < k_ms; ms += 100) {
		peer.conn->stack->now_us += 100000;
		peer.conn->cc->acked(peer.conn, peer.conn->cwnd, 0);
	}
	CU_ASSERT(peer.conn->cwnd > at_k + 100 * FLIGHT_MSS);
	peer_destroy(&peer);
}

/* 4.3: on a short path Reno would be faster, and is what is followed. */
static void test_reno_friendly(void)
{
	begin();
	peer.conn->srtt_us = 1000;
	peer.conn->cwnd = 20 * FLIGHT_MSS;
	peer.conn->cc->lost(peer.conn, 20 * FLIGHT_MSS);
	peer.conn->cwnd = peer.conn->ssthresh;
	for (uint32_t i = 0; i < 100; i++) {
		peer.conn->stack->now_us += 1000;
		peer.conn->cc->acked(peer.conn, peer.conn->cwnd, 0);
	}
	/* 0.53 a round to begin with, one from where the last loss was. */
	CU_ASSERT(peer.conn->cwnd > 60 * FLIGHT_MSS);
	CU_ASSERT(peer.conn->cwnd < 120 * FLIGHT_MSS);
	peer_destroy(&peer);
}

CU_TestInfo cubic_tests[] = {{"formula", test_formula},
			     {"reduction", test_reduction},
			     {"growth", test_growth},
			     {"Reno-friendly", test_reno_friendly},
			     CU_TEST_INFO_NULL};
