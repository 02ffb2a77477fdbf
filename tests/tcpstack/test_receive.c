#include <rte_mbuf.h>

#include "peer.h"
#include "suites.h"

static struct peer peer;

static void establish(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
}

/* Past the quick ACKs at the start; returns the next sequence number. */
static uint32_t past_quick_acks(void)
{
	uint32_t seq = 1;

	for (int i = 0; i < 16; i++, seq += 1460) {
		peer_send(&peer, TCP_ACK, seq, 1, 1460);
		CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	}
	return seq;
}

/* RFC 9293 3.8.6.3: every second full-sized segment, or 40 ms. */
static void test_delayed_ack(void)
{
	uint32_t seq;

	establish();
	seq = past_quick_acks();
	peer_send(&peer, TCP_ACK, seq, 1, 1460);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_send(&peer, TCP_ACK, seq + 1460, 1, 1460);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 2920, 0));
	peer_send(&peer, TCP_ACK, seq + 2920, 1, 100);
	peer_advance(&peer, 39000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 2000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 3020, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_delayed_acks), 1);
	peer_advance(&peer, 1000000);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

static void send_run(uint32_t seq, uint32_t count, uint32_t size, uint32_t last)
{
	struct rte_mbuf *packets[16];
	struct tcp_options none = {0};

	for (uint32_t i = 0; i < count; i++) {
		packets[i] = peer_build(&peer, TCP_ACK, PEER_ISS + seq + i * size, peer.our_iss + 1,
					512, &none, i + 1 < count ? size : last);
	}
	peer_input(&peer, packets, (uint16_t)count);
}

/* Merged into a run they count as what they were: two full-sized ones are enough. */
static void test_delayed_ack_of_runs(void)
{
	uint64_t merged;
	uint32_t seq;

	establish();
	seq = past_quick_acks();
	for (uint32_t count = 2; count <= 7; seq += count * 1460, count++) {
		merged = peer_count(&peer, TCP_COUNTER_rx_merged);
		send_run(seq, count, 1460, 1460);
		CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_merged), merged + count - 1);
		CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + count * 1460, 0));
		CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	}
	send_run(seq, 2, 1460, 100); /* less than two: may wait */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	send_run(seq + 1560, 1, 0, 1460);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 3020, 0));
	seq += 3020;
	send_run(seq, 14, 100, 100); /* many, but small ones */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_advance(&peer, 40000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 1400, 0));
	peer_destroy(&peer);
}

/* RFC 5681 4.2: out of order, at once; what fills the hole, at once, all of it or a part. */
static void test_no_delay_around_holes(void)
{
	uint32_t seq;

	establish();
	seq = past_quick_acks();
	send_run(seq + 1000, 1, 0, 100);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq, 0));
	send_run(seq + 2000, 3, 100, 100);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq, 0));
	peer_send(&peer, TCP_ACK, seq, 1, 1000);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 1100, 0));
	peer_send(&peer, TCP_ACK, seq + 1100, 1, 900);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, seq + 2300, 0));
	peer_send(&peer, TCP_ACK, seq + 2300, 1, 100); /* in order again: may wait */
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* At the limit of mbufs a small segment is kept that needs none. */
static void test_collapse_at_limit(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.ooo_segments = 1;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	peer_send(&peer, TCP_ACK, 101, 1, 10);
	peer_send(&peer, TCP_ACK, 201, 1, 10); /* the limit */
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_ooo_limit), 1);
	for (uint32_t i = 1; i < 10; i++) {
		peer_send(&peer, TCP_ACK, 101 + 10 * i, 1, 10);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_ooo_limit), 1);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 200);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 201, 0));
	peer_destroy(&peer);
}

/* Segments of one connection in one burst: one chain, one ACK. */
static void test_burst(void)
{
	struct rte_mbuf *packets[8];
	struct tcp_options none = {0};

	establish();
	for (uint32_t i = 0; i < 8; i++) {
		packets[i] = peer_build(&peer, TCP_ACK, PEER_ISS + 1 + i * 1000, peer.our_iss + 1,
					512, &none, 1000);
	}
	peer_input(&peer, packets, 8);
	CU_ASSERT_EQUAL(peer.deliveries, 1);
	CU_ASSERT_EQUAL(peer.received, 8000);
	CU_ASSERT_EQUAL(peer.received_mbufs, 8);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 8001, 0));
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* Holes in one burst: an ACK for each piece, so that no block goes untold (RFC 5681 4.2). */
static void test_burst_out_of_order(void)
{
	struct rte_mbuf *packets[8];
	struct tcp_options none = {0};
	struct seen seen;

	establish();
	for (uint32_t i = 0; i < 8; i++) {
		packets[i] = peer_build(&peer, TCP_ACK, PEER_ISS + 1 + 200 * (i + 1),
					peer.our_iss + 1, 512, &none, 100);
	}
	peer_input(&peer, packets, 8);
	for (uint32_t i = 0; i < 8; i++) {
		CU_ASSERT_FATAL(peer_take(&peer, &seen));
		CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
		CU_ASSERT_EQUAL_FATAL(seen.opt.sack_count, i < 3 ? i + 1 : 4);
		CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 1 + 200 * (i + 1));
	}
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/* Two duplicates in one burst that do not touch: each has its block (RFC 2883 4). */
static void test_burst_of_duplicates(void)
{
	struct rte_mbuf *packets[2];
	struct tcp_options none = {0};
	struct seen seen;

	establish();
	peer_send(&peer, TCP_ACK, 1, 1, 1000);
	peer_drain(&peer);
	for (uint32_t i = 0; i < 2; i++) {
		packets[i] = peer_build(&peer, TCP_ACK, PEER_ISS + 1 + 500 * i, peer.our_iss + 1,
					512, &none, 100);
	}
	peer_input(&peer, packets, 2);
	for (uint32_t i = 0; i < 2; i++) {
		CU_ASSERT_FATAL(peer_take(&peer, &seen));
		CU_ASSERT_EQUAL_FATAL(seen.opt.sack_count, 1);
		CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 1 + 500 * i);
		CU_ASSERT_EQUAL(seen.opt.sack[0].end, PEER_ISS + 101 + 500 * i);
	}
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	peer_destroy(&peer);
}

/*
 * 1 ......[101,201) [301,401)   SACKed, newest first; then [1,101) and the rest
 */
static void test_out_of_order(void)
{
	struct seen seen;

	establish();
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1);
	CU_ASSERT_EQUAL_FATAL(seen.opt.sack_count, 1);
	CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 101);
	CU_ASSERT_EQUAL(seen.opt.sack[0].end, PEER_ISS + 201);
	peer_send(&peer, TCP_ACK, 301, 1, 100);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL_FATAL(seen.opt.sack_count, 2);
	CU_ASSERT_EQUAL(seen.opt.sack[0].start, PEER_ISS + 301);
	CU_ASSERT_EQUAL(peer.received, 0);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 200);
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 201, 0));
	peer_send(&peer, TCP_ACK, 201, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 400);
	CU_ASSERT(peer_data_right(&peer, 1));
	CU_ASSERT(peer_expect(&peer, TCP_ACK, 1, 401, 0));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_out_of_order), 2);
	peer_destroy(&peer);
}

static void test_fin_out_of_order(void)
{
	establish();
	peer_send(&peer, TCP_ACK | TCP_FIN, 101, 1, 100);
	CU_ASSERT_EQUAL(peer.peer_closed, 0);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 200);
	CU_ASSERT_EQUAL(peer.peer_closed, 1);
	(void)peer_drain(&peer);
	/* Data after the FIN is not the peer's. */
	peer_send(&peer, TCP_ACK, 202, 1, 10);
	CU_ASSERT_EQUAL(peer.received, 200);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_after_close), 1);
	peer_destroy(&peer);
}

static void test_ooo_limit(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.ooo_segments = 3;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	for (uint32_t i = 1; i <= 5; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 400, 1, 400);
	}
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_ooo_limit), 2);
	peer_send(&peer, TCP_ACK, 1, 1, 400);
	CU_ASSERT_EQUAL(peer.received, 1600);
	peer_destroy(&peer);
}

/* Single bytes behind a hole: copied together, they do not fill what 16 mbufs would. */
static void test_collapse(void)
{
	struct tcp_options syn;
	struct tcp_info info;

	peer_init(&peer);
	peer.config.receive_budget = 16 * WIRE_TRUESIZE;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	for (uint32_t i = 0; i < 1000; i++) {
		peer_send(&peer, TCP_ACK, 11 + i, 1, 1);
		(void)peer_drain(&peer);
	}
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.pinned, WIRE_TRUESIZE);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_ooo_collapsed), 999);
	peer_send(&peer, TCP_ACK, 1, 1, 10);
	CU_ASSERT_EQUAL(peer.received, 1010);
	CU_ASSERT(peer_data_right(&peer, 1));
	peer_destroy(&peer);
}

static bool takes_dsack(uint32_t ack, uint32_t start, uint32_t end, uint32_t second)
{
	struct seen seen;

	if (!peer_take(&peer, &seen) || seen.ack != PEER_ISS + ack || seen.opt.sack_count == 0) {
		return false;
	}
	return seen.opt.sack[0].start == PEER_ISS + start &&
	       seen.opt.sack[0].end == PEER_ISS + end &&
	       seen.opt.sack_count == (second != 0 ? 2 : 1) &&
	       (second == 0 || seen.opt.sack[1].start == PEER_ISS + second);
}

/* The cases of RFC 2883 section 4, in its order. */
static void test_dsack(void)
{
	struct seen seen;

	establish();
	/* 4.1: a full segment again, below what is acknowledged and above. */
	peer_send(&peer, TCP_ACK, 1, 1, 1000);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 501, 1, 500);
	CU_ASSERT(takes_dsack(1001, 501, 1001, 0));
	peer_send(&peer, TCP_ACK, 1501, 1, 500);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 501, 1, 500);
	CU_ASSERT(takes_dsack(1001, 501, 1001, 1501));
	peer_send(&peer, TCP_ACK, 1601, 1, 100); /* the block that has it comes second */
	CU_ASSERT(takes_dsack(1001, 1601, 1701, 1501));
	/* Reported once. */
	peer_send(&peer, TCP_ACK, 2001, 1, 500);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.opt.sack_count, 1);
	CU_ASSERT_EQUAL(seen.opt.sack[0].end, PEER_ISS + 2501);
	/* 4.2: a part of a segment, behind, before and above what is acknowledged. */
	peer_send(&peer, TCP_ACK, 901, 1, 200);
	CU_ASSERT(takes_dsack(1101, 901, 1001, 1501));
	peer_send(&peer, TCP_ACK, 2401, 1, 200);
	CU_ASSERT(takes_dsack(1101, 2401, 2501, 1501));
	/* In order, and over what was there: that is acknowledged with it. */
	peer_send(&peer, TCP_ACK, 1101, 1, 600);
	CU_ASSERT(takes_dsack(2601, 1501, 1701, 0));
	/* 4.2.3: of two parts of one segment the first. */
	peer_send(&peer, TCP_ACK, 2801, 1, 100);
	peer_send(&peer, TCP_ACK, 3001, 1, 100);
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 2701, 1, 500);
	CU_ASSERT(takes_dsack(2601, 2801, 2901, 2701));
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_rx_out_of_order), 6);
	peer_destroy(&peer);
}

/* Two duplicates of one burst that continue one another are one block. */
static void test_dsack_of_burst(void)
{
	struct tcp_options none = {0};
	struct rte_mbuf *packets[2];

	establish();
	peer_send(&peer, TCP_ACK, 1, 1, 1000);
	(void)peer_drain(&peer);
	for (uint32_t i = 0; i < 2; i++) {
		packets[i] = peer_build(&peer, TCP_ACK, PEER_ISS + 201 + i * 100, peer.our_iss + 1,
					512 + (uint16_t)i, &none, 100);
	}
	peer_input(&peer, packets, 2);
	CU_ASSERT(takes_dsack(1001, 201, 401, 0));
	peer_destroy(&peer);
}

/* No side record: out-of-order data is dropped, nothing else changes. */
static void test_no_side_record(void)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.side_records = 0;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	peer_send(&peer, TCP_ACK, 101, 1, 100);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(peer.received, 100);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_ooo_limit), 1);
	peer_destroy(&peer);
}

/* Memory runs short: what is out of order goes, what is in order stays, and it may come again. */
static void test_shed(void)
{
	establish();
	for (uint32_t i = 1; i <= 5; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 200, 1, 100);
	}
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 5);
	CU_ASSERT_EQUAL(tcp_shed_ooo(peer.stack), 5);
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 0);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_shed_ooo), 5);
	CU_ASSERT_EQUAL(tcp_shed_ooo(peer.stack), 0);
	for (uint32_t i = 10; i > 0; i--) {
		peer_send(&peer, TCP_ACK, 1 + i * 100, 1, 100);
	}
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 10);
	CU_ASSERT_EQUAL(peer.received, 0);
	peer_send(&peer, TCP_ACK, 1, 1, 100);
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 0);
	CU_ASSERT_EQUAL(peer.received, 1100);
	CU_ASSERT(peer_data_right(&peer, 1));
	/* A connection that dies takes its share out of the sum. */
	peer_send(&peer, TCP_ACK, 2001, 1, 100);
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 1);
	tcp_abort(peer.conn);
	CU_ASSERT_EQUAL(tcp_ooo_segments(peer.stack), 0);
	peer_destroy(&peer);
}

CU_TestInfo receive_tests[] = {{"delayed ACK", test_delayed_ack},
			       {"delayed ACK of runs", test_delayed_ack_of_runs},
			       {"no delay around holes", test_no_delay_around_holes},
			       {"collapse at the limit", test_collapse_at_limit},
			       {"one burst, one chain, one ACK", test_burst},
			       {"out of order in one burst", test_burst_out_of_order},
			       {"duplicates in one burst", test_burst_of_duplicates},
			       {"out of order", test_out_of_order},
			       {"FIN out of order", test_fin_out_of_order},
			       {"out-of-order limit", test_ooo_limit},
			       {"no side record", test_no_side_record},
			       {"out-of-order data is shed", test_shed},
			       {"collapse", test_collapse},
			       {"D-SACK", test_dsack},
			       {"D-SACK of a burst", test_dsack_of_burst},
			       CU_TEST_INFO_NULL};
