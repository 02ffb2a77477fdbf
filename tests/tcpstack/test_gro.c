#include <rte_mbuf.h>

#include "peer.h"
#include "suites.h"

#define LEN 1000U

static struct peer peer;
static struct rte_mbuf *packets[8];
static uint16_t count;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.ts = 77;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	count = 0;
}

/* One more data segment of the burst; `at` is the relative sequence number. */
static void queue(uint8_t flags, uint32_t at, uint32_t ack, uint16_t wnd, uint32_t tsval)
{
	struct tcp_options opt = {.flags = TCP_OPT_TIMESTAMPS, .tsval = tsval};

	packets[count++] =
		peer_build(&peer, flags, PEER_ISS + at, peer.our_iss + ack, wnd, &opt, LEN);
}

static void queue_data(uint32_t at)
{
	queue(TCP_ACK, at, 1, 512, 77);
}

static void expect(uint32_t received, uint64_t merged)
{
	peer_input(&peer, packets, count);
	CU_ASSERT_EQUAL(peer.received, received);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), merged);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_segments), 2U + count);
	(void)peer_drain(&peer);
	peer_destroy(&peer);
}

static void test_run(void)
{
	establish();
	for (uint32_t i = 0; i < 8; i++) {
		queue(i == 7 ? TCP_ACK | TCP_PSH : TCP_ACK, 1 + i * LEN, 1, 512, 77);
	}
	expect(8 * LEN, 7);
}

/* Each differs from the one before in one field: none is merged, all are received. */
static void test_differences(void)
{
	establish();
	queue_data(1);
	queue(TCP_ACK, 1 + LEN, 1, 513, 77);
	queue(TCP_ACK, 1 + 2 * LEN, 1, 513, 78);
	queue(TCP_ACK | TCP_URG, 1 + 3 * LEN, 1, 513, 78);
	queue(TCP_ACK | TCP_FIN, 1 + 4 * LEN, 1, 513, 78);
	peer_input(&peer, packets, count);
	CU_ASSERT_EQUAL(peer.received, 5 * LEN);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), 0);
	peer_destroy(&peer);
}

/* What acknowledges something new is looked at by itself. */
static void test_acknowledgement(void)
{
	establish();
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	(void)peer_drain(&peer);
	queue_data(1);
	queue(TCP_ACK, 1 + LEN, 101, 512, 77);
	expect(2 * LEN, 0);
}

static void test_gap(void)
{
	establish();
	queue_data(1);
	queue_data(1 + 2 * LEN);
	queue_data(1 + 3 * LEN); /* continues the one behind the gap */
	queue_data(1 + LEN);
	expect(4 * LEN, 1);
}

/* The run begins with what was received before. */
static void test_overlap(void)
{
	establish();
	queue_data(1);
	peer_input(&peer, packets, count);
	count = 0;
	queue_data(1);
	queue_data(1 + LEN);
	peer_input(&peer, packets, count);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), 1);
	CU_ASSERT_EQUAL(peer.received, 2 * LEN);
	CU_ASSERT(peer_data_right(&peer, 1));
	peer_destroy(&peer);
}

/* A damaged segment does not join, and does not take its neighbours along. */
static void test_damage(void)
{
	establish();
	queue_data(1);
	queue_data(1 + LEN);
	queue_data(1 + 2 * LEN);
	*rte_pktmbuf_mtod_offset(packets[1], uint8_t *, packets[1]->data_len - 1) ^= 1;
	expect(LEN, 0);
}

/* RFC 9293 3.8.6.3 counts full-sized segments of the peer, not runs. */
static void test_ack_every_second(void)
{
	uint32_t at = 1;

	establish();
	for (uint32_t i = 0; i < 16; i++, at += LEN) { /* past the quick ACKs */
		count = 0;
		queue_data(at);
		peer_input(&peer, packets, count);
		(void)peer_drain(&peer);
	}
	count = 0;
	queue_data(at);
	queue_data(at + LEN);
	peer_input(&peer, packets, count);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, at + 2 * LEN, 0));
	count = 0;
	queue_data(at + 2 * LEN);
	peer_input(&peer, packets, count);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

static void establish_with(uint32_t budget_segments, uint32_t ooo_segments)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.receive_budget = budget_segments * WIRE_TRUESIZE;
	peer.config.ooo_segments = ooo_segments;
	peer.hold = true;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	(void)peer_drain(&peer);
	count = 0;
}

/* One more small data segment of the burst, without timestamps. */
static void queue_small(uint32_t at)
{
	struct tcp_options opt = {0};

	packets[count++] =
		peer_build(&peer, TCP_ACK, PEER_ISS + at, peer.our_iss + 1, 512, &opt, 100);
}

/* Of a run that is larger than the budget, what there is room for is taken. */
static void test_run_beyond_budget(void)
{
	establish_with(5, 32);
	for (uint32_t i = 0; i < 8; i++) {
		queue_small(1 + i * 100);
	}
	peer_input(&peer, packets, count);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), 7);
	CU_ASSERT_EQUAL(peer.received, 500);
	CU_ASSERT_EQUAL(peer.received_mbufs, 5);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_window_budget), 1);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 501, 0));
	peer_destroy(&peer);
}

/* The same behind a hole: the rest of the budget, then of what a connection may hold there. */
static void run_behind_hole(uint32_t budget_segments, uint32_t ooo_segments, uint32_t kept)
{
	struct seen seen;
	struct tcp_info info;

	establish_with(budget_segments, ooo_segments);
	for (uint32_t i = 1; i <= 8; i++) {
		queue_small(1 + i * 100);
	}
	peer_input(&peer, packets, count);
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.ooo_segments, kept);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.sack_count, 1);
	CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 101);
	CU_ASSERT_EQUAL(seen.opt.sack[0].end, PEER_ISS + 101 + kept * 100);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT(peer_data_right(&peer, 1));
}

static void test_run_beyond_budget_behind_hole(void)
{
	run_behind_hole(5, 32, 5);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_window_budget), 1);
	CU_ASSERT_EQUAL(peer.received, 500); /* in-order data displaced the last one */
	peer_destroy(&peer);
}

static void test_run_beyond_limit_behind_hole(void)
{
	run_behind_hole(64, 5, 5);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_ooo_limit), 1);
	CU_ASSERT_EQUAL(peer.received, 600);
	peer_destroy(&peer);
}

CU_TestInfo gro_tests[] = {{"run", test_run},
			   {"differences", test_differences},
			   {"acknowledgement", test_acknowledgement},
			   {"gap", test_gap},
			   {"overlap", test_overlap},
			   {"damage", test_damage},
			   {"ACK every second segment", test_ack_every_second},
			   {"run beyond the budget", test_run_beyond_budget},
			   {"... behind a hole", test_run_beyond_budget_behind_hole},
			   {"run beyond the limit", test_run_beyond_limit_behind_hole},
			   CU_TEST_INFO_NULL};
