#include "conn.h"
#include "peer.h"
#include "suites.h"

static struct peer peer;
static uint32_t wscale;

static void establish(uint32_t budget_segments)
{
	struct tcp_options syn;

	peer_init(&peer);
	peer.config.receive_budget = budget_segments * WIRE_TRUESIZE;
	peer.hold = true;
	syn = peer_syn_options(&peer);
	peer_establish(&peer, &syn);
	wscale = 0;
	while (budget_segments * 1460 >> wscale > 65535) {
		wscale++;
	}
}

/* A reader that holds everything closes the window; releasing opens it and says so. */
static void test_close_and_reopen(void)
{
	struct seen seen;
	uint32_t seq = 1;
	uint32_t edge = 0;

	establish(8);
	for (int i = 0; i < 8; i++, seq += 1460) {
		peer_send(&peer, TCP_ACK, seq, 1, 1460);
		while (peer_take(&peer, &seen)) {
			uint32_t now = seen.ack + ((uint32_t)seen.wnd << wscale);

			CU_ASSERT(i == 0 || (int32_t)(now - edge) >= 0);
			edge = now;
		}
	}
	CU_ASSERT_EQUAL(peer.received, 8 * 1460);
	CU_ASSERT(seen.wnd == 0 || edge - (PEER_ISS + seq) < 1460);
	/* One segment free is less than two MSS: no update. */
	tcp_release(peer.conn, WIRE_TRUESIZE);
	CU_ASSERT_EQUAL(peer_drain(&peer), 0);
	tcp_release(peer.conn, 3 * WIRE_TRUESIZE);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.flags, TCP_ACK);
	CU_ASSERT(seen.ack + ((uint32_t)seen.wnd << wscale) - edge >= 2 * 1460);
	peer_destroy(&peer);
}

/* A probe of the closed window: its byte is not taken, its ACK is, and it is answered. */
static void test_probe_of_closed_window(void)
{
	struct seen seen;
	uint32_t seq = 1;

	establish(4);
	while (true) {
		peer_send(&peer, TCP_ACK, seq, 1, 1460);
		if (peer.received < seq + 1459) {
			break;
		}
		seq += 1460;
	}
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(peer_write(&peer, 100), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_send(&peer, TCP_ACK, peer.received + 1, 101, 1);
	CU_ASSERT_FATAL(peer_take(&peer, &seen));
	CU_ASSERT_EQUAL(seen.ack, PEER_ISS + 1 + peer.received);
	struct tcp_info info;
	tcp_conn_info(peer.conn, &info);
	CU_ASSERT_EQUAL(info.send_queue, 0);
	peer_destroy(&peer);
}

/* One byte a segment: never more than the budget is pinned, whatever the window says. */
static void test_tiny_segments(void)
{
	struct tcp_info info;

	establish(16);
	for (uint32_t i = 0; i < 1000; i++) {
		peer_send(&peer, TCP_ACK, 1 + peer.received, 1, 1);
		tcp_conn_info(peer.conn, &info);
		CU_ASSERT(info.pinned <= 16 * WIRE_TRUESIZE);
		(void)peer_drain(&peer);
	}
	CU_ASSERT_EQUAL(peer.received, 16);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_drop_window_budget) > 900);
	/* The same out of order. */
	tcp_release(peer.conn, 16 * WIRE_TRUESIZE);
	for (uint32_t i = 0; i < 1000; i++) {
		peer_send(&peer, TCP_ACK, 1 + peer.received + 2 + i * 2, 1, 1);
		tcp_conn_info(peer.conn, &info);
		CU_ASSERT(info.pinned <= 16 * WIRE_TRUESIZE);
		(void)peer_drain(&peer);
	}
	/* The hole can still be closed. */
	peer.hold = false;
	peer_send(&peer, TCP_ACK, 1 + peer.received, 1, 2);
	CU_ASSERT(peer.received > 18);
	peer_destroy(&peer);
}

/* Out-of-order data gives way to in-order data (RFC 2018 section 8). */
static void test_in_order_displaces(void)
{
	establish(8);
	for (uint32_t i = 1; i <= 8; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 1000, 1, 900);
	}
	for (uint32_t i = 0; i < 4; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 1000 / 4, 1, 250);
	}
	CU_ASSERT(peer.received >= 1000);
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_drop_ooo_limit) > 0);
	peer_destroy(&peer);
}

/* What arrived twice and was displaced then is not reported: it is not here any more. */
static void test_displaced_is_not_reported(void)
{
	struct seen seen = {0};

	establish(8);
	peer.conn->flags |= TCP_CONN_SACK;
	for (uint32_t i = 1; i <= 4; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 1000, 1, 900);
	}
	(void)peer_drain(&peer);
	peer_send(&peer, TCP_ACK, 4001, 1, 900);
	CU_ASSERT(peer.conn->flags & TCP_CONN_DUPLICATE_SEEN);
	for (uint32_t i = 0; i < 5; i++) {
		peer_send(&peer, TCP_ACK, 1 + i * 10, 1, 10);
	}
	CU_ASSERT(peer_count(&peer, TCP_COUNTER_drop_ooo_limit) > 0);
	while (peer_take(&peer, &seen)) {
		for (uint32_t i = 0; i < seen.opt.sack_count; i++) {
			CU_ASSERT(seen.opt.sack[i].end != PEER_ISS + 4901);
		}
	}
	CU_ASSERT(seen.opt.sack_count > 0);
	peer_destroy(&peer);
}

/* When all of it is displaced the side record is free for others. */
static void test_all_displaced(void)
{
	establish(8);
	peer_send(&peer, TCP_ACK, 1001, 1, 900);
	CU_ASSERT_PTR_NOT_NULL(peer.conn->side);
	for (uint32_t i = 0; i < 8; i++) {
		peer_send(&peer, TCP_ACK, 1 + i, 1, 1);
	}
	CU_ASSERT_EQUAL(peer.received, 8);
	CU_ASSERT_PTR_NULL(peer.conn->side);
	peer_destroy(&peer);
}

/* What the budget has no room for does not cost a side record either. */
static void test_no_side_record_without_room(void)
{
	establish(4);
	for (uint32_t i = 0; i < 4; i++) {
		peer_send(&peer, TCP_ACK, 1 + i, 1, 1);
	}
	peer_send(&peer, TCP_ACK, 100, 1, 1);
	CU_ASSERT_EQUAL(peer_count(&peer, TCP_COUNTER_drop_window_budget), 1);
	CU_ASSERT_PTR_NULL(peer.conn->side);
	peer_destroy(&peer);
}

/* A small budget full of small segments: what is released is window again, though no large one. */
static void test_small_segments_reopen(void)
{
	uint32_t room = 65535;
	struct seen seen;

	establish(8);
	for (uint32_t i = 0; i < 2000 && room > 0; i++) {
		uint32_t len = room < 60 ? room : 60;

		peer_send(&peer, TCP_ACK, 1 + peer.received, 1, len);
		if (i % 8 == 7) {
			tcp_release(peer.conn, 8 * WIRE_TRUESIZE);
		}
		while (peer_take(&peer, &seen)) {
			room = (uint32_t)seen.wnd << wscale;
		}
		room -= PEER_ISS + 1 + peer.received - seen.ack;
	}
	CU_ASSERT(peer.received > 60 * 1500);
	peer_destroy(&peer);
}

/*
 * A retransmission that acknowledges more than anything before has an old sequence number, but the
 * newest window: nothing is sent beyond its edge.
 */
static void test_window_of_retransmission(void)
{
	struct tcp_options none = {0};
	struct seen seen;

	establish(8);
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 101, peer.our_iss + 1, 20, &none, 100);
	(void)peer_drain(&peer);
	CU_ASSERT_EQUAL(peer_write(&peer, 1000), 0);
	CU_ASSERT_EQUAL(peer_drain(&peer), 1);
	peer_send_raw(&peer, TCP_ACK, PEER_ISS + 1, peer.our_iss + 1001, 8, &none, 100);
	CU_ASSERT_EQUAL(peer_write(&peer, 4000), 0);
	peer_advance(&peer, 5000000);
	while (peer_take(&peer, &seen)) {
		CU_ASSERT(seen.seq + seen.len - peer.our_iss <= 1001 + 1024);
	}
	peer_destroy(&peer);
}

/* What acknowledges for a half-open connection takes nothing of the SYN-ACK's window back. */
static void test_half_open(void)
{
	struct tcp_options syn;
	struct seen syn_ack;
	struct seen challenge;

	peer_init(&peer);
	peer.config.receive_budget = 200 * WIRE_TRUESIZE;
	syn = peer_syn_options(&peer);
	peer_create(&peer);
	peer_send_raw(&peer, TCP_SYN, PEER_ISS, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &syn_ack));
	CU_ASSERT(syn_ack.opt.wscale > 0);
	peer_send_raw(&peer, TCP_RST, PEER_ISS + 100, 0, 65535, &syn, 0);
	CU_ASSERT_FATAL(peer_take(&peer, &challenge));
	CU_ASSERT_EQUAL(challenge.flags, TCP_ACK);
	CU_ASSERT((uint32_t)challenge.wnd << syn_ack.opt.wscale >= syn_ack.wnd);
	peer_advance(&peer, 100000000);
	peer_destroy(&peer);
}

CU_TestInfo window_tests[] = {
	{"close and reopen", test_close_and_reopen},
	{"probe of a closed window", test_probe_of_closed_window},
	{"tiny segments", test_tiny_segments},
	{"in order displaces out of order", test_in_order_displaces},
	{"what was displaced is not reported", test_displaced_is_not_reported},
	{"all displaced", test_all_displaced},
	{"no side record without room", test_no_side_record_without_room},
	{"small segments, then window again", test_small_segments_reopen},
	{"window of a half-open connection", test_half_open},
	{"window of a retransmission", test_window_of_retransmission},
	CU_TEST_INFO_NULL};
