#include "flight.h"
#include "stack.h"
#include "suites.h"

static struct peer peer;
static struct tcp_hystart hystart;
static bool app_limited;

/* A round of ten acknowledgements `rtt_us` after they were sent, `gap_us` apart; bytes grown. */
static uint32_t round_of(uint32_t rtt_us, uint32_t gap_us)
{
	struct tcp_conn *conn = peer.conn;
	uint32_t grown = 0;

	conn->snd_una = conn->snd_max;
	conn->snd_max += 10 * FLIGHT_MSS;
	conn->sender->limited_end = app_limited ? conn->snd_una - 1 : conn->snd_max;
	conn->stack->now_us += 100000; /* no train from the round before */
	grown += hystart_acked(&hystart, conn, FLIGHT_MSS, rtt_us); /* begins the round */
	for (uint32_t i = 0; i < 9; i++) {
		conn->stack->now_us += gap_us;
		conn->snd_una += FLIGHT_MSS;
		grown += hystart_acked(&hystart, conn, FLIGHT_MSS, rtt_us);
	}
	return grown;
}

static void begin(void)
{
	peer_init(&peer);
	flight_establish(&peer);
	flight_send(&peer, 1);
	hystart_begin(&hystart, peer.conn);
	peer.conn->cwnd = 20 * FLIGHT_MSS;
}

static void end(void)
{
	tcp_abort(peer.conn);
	peer_destroy(&peer);
}

/* 4.2: delays grow by more than an eighth: a quarter of the growth, and five rounds later the end.
 */
static void test_delay(void)
{
	begin();
	CU_ASSERT_EQUAL(round_of(40000, 5000), 10 * FLIGHT_MSS);
	CU_ASSERT_EQUAL(round_of(44000, 5000), 10 * FLIGHT_MSS);
	CU_ASSERT(round_of(50000, 5000) < 10 * FLIGHT_MSS);
	CU_ASSERT(hystart.css_baseline_us != 0);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT(round_of(50000, 5000) <= 10 * FLIGHT_MSS / 4);
		CU_ASSERT_EQUAL(peer.conn->ssthresh, UINT32_MAX);
	}
	(void)round_of(50000, 5000);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, peer.conn->cwnd);
	end();
}

/* They grow on: that is a queue, and slow start ends with the round. */
static void test_delay_grows_on(void)
{
	begin();
	(void)round_of(40000, 5000);
	(void)round_of(50000, 5000);
	CU_ASSERT(hystart.css_baseline_us != 0);
	(void)round_of(55000, 5000);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, UINT32_MAX);
	(void)round_of(58000, 5000);
	CU_ASSERT_EQUAL(peer.conn->ssthresh, peer.conn->cwnd);
	end();
}

/* Delays shrink again: it was jitter, slow start goes on. */
static void test_jitter(void)
{
	begin();
	(void)round_of(40000, 5000);
	(void)round_of(50000, 5000);
	CU_ASSERT(hystart.css_baseline_us != 0);
	(void)round_of(40000, 5000);
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0);
	CU_ASSERT_EQUAL(round_of(40000, 5000), 10 * FLIGHT_MSS);
	end();
}

/* A train for half of a round trip: the bottleneck is nearly busy. A gap breaks it. */
static void test_train(void)
{
	begin();
	(void)round_of(40000, 1900);
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0); /* 17 ms of the 20 */
	peer.conn->sender->rack.min_rtt_us[0] = 30000;
	(void)round_of(40000, 2100);
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0);
	/* Behind a gap one begins in the middle of a round. */
	peer.conn->stack->now_us += 5000;
	for (int i = 0; i < 9; i++) {
		CU_ASSERT_FALSE(hystart.by_train);
		(void)hystart_acked(&hystart, peer.conn, FLIGHT_MSS, 40000);
		peer.conn->stack->now_us += 1900;
	}
	CU_ASSERT(hystart.by_train);
	CU_ASSERT(hystart.css_baseline_us != 0);
	end();
}

/* On a long path a train has larger gaps: receivers that sleep, radio links. */
static void test_train_of_batches(void)
{
	begin();
	peer.conn->sender->rack.min_rtt_us[0] = 120000;
	(void)round_of(120000, 7600);
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0); /* 68 ms of the 60, in pieces */
	(void)round_of(120000, 7400);
	CU_ASSERT(hystart.by_train);
	end();
}

/* Nor may they be as large as the path is long: that is a path that does not queue. */
static void test_gap_has_a_limit(void)
{
	begin();
	peer.conn->sender->rack.min_rtt_us[0] = 140000;
	(void)round_of(140000, 8100); /* 73 ms of the 70 */
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0);
	end();
}

/* What the application sends in small portions is acknowledged so: no train. */
static void test_paced_by_the_application(void)
{
	begin();
	peer.conn->sender->rack.min_rtt_us[0] = 30000;
	app_limited = true;
	(void)round_of(30000, 1900);
	CU_ASSERT_EQUAL(hystart.css_baseline_us, 0);
	app_limited = false;
	(void)round_of(30000, 1900);
	CU_ASSERT(hystart.by_train);
	end();
}

CU_TestInfo hystart_tests[] = {{"delay grows", test_delay},
			       {"delay grows on", test_delay_grows_on},
			       {"jitter", test_jitter},
			       {"train of acknowledgements", test_train},
			       {"train of batches", test_train_of_batches},
			       {"gap has a limit", test_gap_has_a_limit},
			       {"paced by the application", test_paced_by_the_application},
			       CU_TEST_INFO_NULL};
