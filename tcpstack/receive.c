#include "receive.h"

#include "output.h"
#include "segment.h"
#include "stack.h"
#include "trace.h"
#include "tune.h"
#include "window.h"

#define DELAYED_ACK_US 40000ULL

void receive_duplicate(struct tcp_conn *conn, uint32_t start, uint32_t end)
{
	conn->rx_duplicates++;
	tcp_trace(conn, rx_duplicate, start, end);
	if (conn->flags & TCP_CONN_DUPLICATE_SEEN && conn->dsack.end == start) {
		conn->dsack.end = end;
	} else {
		if (conn->flags & TCP_CONN_DUPLICATE_SEEN) {
			output_ack(conn);
		}
		conn->dsack = (struct tcp_sack_block){start, end};
	}
	conn->flags |= TCP_CONN_DUPLICATE_SEEN;
}

/* The average moves by an eighth: it steers how much window an mbuf is worth (window.h). */
static void note_sizes(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t per_mbuf = seg->len / seg->payload.segments;
	uint32_t mss = conn->stack->mss[0];

	per_mbuf = per_mbuf < 32768 ? per_mbuf : 32768;
	conn->rcv_avg = (uint16_t)(conn->rcv_avg - conn->rcv_avg / 8 + per_mbuf / 8);
	if (seg->largest > conn->rcv_mss) {
		conn->rcv_mss = (uint16_t)(seg->largest < mss ? seg->largest : mss);
	}
}

/* A part at once: finding the end of what stays means walking through it. */
static void drop_ooo(struct tcp_ooo_queue *queue, uint32_t wanted)
{
	uint32_t part = queue->segments / 8;

	ooo_drop_last(queue, part > wanted ? part : wanted);
}

/*
 * In-order data may displace out-of-order data, never the other way round: else a full queue
 * behind a hole would keep the hole open (RFC 2018 section 8 allows it). Returns the mbufs that
 * there is room for, up to `wanted`.
 */
static uint32_t make_room(struct tcp_conn *conn, uint32_t wanted)
{
	while (!window_admits(conn, wanted)) {
		if (conn->side == NULL || conn->side->ooo.count == 0) {
			return window_room(conn);
		}
		drop_ooo(&conn->side->ooo, wanted);
		conn_side_put(conn);
		tcp_drop(conn, drop_ooo_limit, conn->rcv_nxt);
	}
	return wanted;
}

/*
 * Cuts what the first `room` mbufs do not hold off: of a run (gro.h) as much is taken as would have
 * been of its segments one by one. False when something was cut off, all of it included.
 */
static bool fits(struct tcp_segment *seg, uint32_t room)
{
	if (seg->payload.segments <= room) {
		return true;
	}
	seg->len = chain_bytes(&seg->payload, room);
	chain_keep(&seg->payload, seg->len);
	return false;
}

/* What was out of order follows on what came in order. */
static void fill_hole(struct tcp_conn *conn, uint32_t before)
{
	struct tcp_sack_block duplicate;

	conn->rcv_nxt = ooo_take(&conn->side->ooo, conn->rcv_nxt, &conn->rx, &duplicate);
	tcp_trace(conn, rx_filled, conn->rcv_nxt, conn->rcv_nxt - before);
	/* Of several parts of a segment the first is reported: validate.c saw that before. */
	if (duplicate.start != duplicate.end && !(conn->flags & TCP_CONN_DUPLICATE_SEEN)) {
		receive_duplicate(conn, duplicate.start, duplicate.end);
	}
	/* RFC 5681 4.2: a segment that fills a hole is acknowledged at once. */
	conn_ack_now(conn);
	conn_side_put(conn);
}

static void receive_in_order(struct tcp_conn *conn, struct tcp_segment *seg)
{
	uint32_t before = conn->rcv_nxt;

	if (!fits(seg, make_room(conn, seg->payload.segments))) {
		tcp_drop(conn, drop_window_budget, seg->seq);
		conn_ack_now(conn);
		if (seg->len == 0) {
			return;
		}
	}
	note_sizes(conn, seg);
	tcp_trace(conn, rx_run, seg->seq, seg->len);
	chain_append(&conn->rx, &seg->payload);
	conn->rcv_nxt += seg->len;
	if (conn->side != NULL && conn->side->ooo.count > 0) {
		fill_hole(conn, before);
	}
	conn->rx_len += conn->rcv_nxt - before;
	tune_received(conn, seg);
	conn->flags |= TCP_CONN_ACK_PENDING;
	if (conn->quick_acks > 0) {
		conn->quick_acks--;
		conn_ack_now(conn);
	}
	conn_touch(conn);
}

/* mbufs that may still be kept out of order. */
static uint32_t ooo_room(const struct tcp_conn *conn)
{
	uint32_t limit = conn->stack->config.ooo_segments;
	uint32_t segments = conn_ooo_segments(conn);

	return segments < limit ? limit - segments : 0;
}

/* False when nothing of it may be kept. */
static bool admit_out_of_order(struct tcp_conn *conn, struct tcp_segment *seg)
{
	/* What pins nothing needs no room. */
	if (conn->side != NULL && ooo_collapses(&conn->side->ooo, seg->seq, seg->seq + seg->len)) {
		return true;
	}
	if (!fits(seg, window_room(conn))) {
		tcp_drop(conn, drop_window_budget, seg->seq);
	}
	if (seg->len > 0 && !fits(seg, ooo_room(conn))) {
		tcp_drop(conn, drop_ooo_limit, seg->seq);
	}
	if (seg->len > 0 && conn_side_get(conn) == NULL) {
		tcp_drop(conn, drop_ooo_limit, seg->seq);
		return false;
	}
	return seg->len > 0;
}

static void receive_out_of_order(struct tcp_conn *conn, struct tcp_segment *seg)
{
	struct tcp_sack_block duplicate;
	enum ooo_result result;

	tcp_trace(conn, rx_out_of_order, seg->seq, seg->len);
	/*
	 * RFC 5681 4.2: every out-of-order segment is acknowledged at once, also each of a burst.
	 * One ACK of all has no room for their blocks: a sender repeats what it was not told of.
	 */
	if (conn->flags & TCP_CONN_ACK_NOW && conn_ooo_segments(conn) > 0) {
		output_ack(conn);
	}
	conn_ack_now(conn);
	if (!admit_out_of_order(conn, seg)) {
		return;
	}
	result = ooo_insert(&conn->side->ooo, seg->seq, seg->seq + seg->len, &seg->payload,
			    &duplicate);
	if (result == OOO_KEPT) {
		tcp_count(conn->stack, rx_out_of_order);
		conn->rx_out_of_order++;
	} else if (result == OOO_DUPLICATE) {
		tcp_drop(conn, drop_duplicate, seg->seq);
	} else {
		tcp_drop(conn, drop_ooo_limit, seg->seq);
		conn_side_put(conn);
	}
	if (duplicate.start != duplicate.end) {
		receive_duplicate(conn, duplicate.start, duplicate.end);
	}
}

static bool may_receive(const struct tcp_conn *conn)
{
	return conn->state == TCP_ESTABLISHED_STATE || conn->state == TCP_FIN_WAIT_1_STATE ||
	       conn->state == TCP_FIN_WAIT_2_STATE;
}

static void receive_payload(struct tcp_conn *conn, struct tcp_segment *seg)
{
	if (conn->flags & TCP_CONN_FIN_SEEN && seq_gt(seg->seq + seg->len, conn->fin_seq)) {
		tcp_drop(conn, drop_after_close, seg->seq);
		return;
	}
	if (seg->seq == conn->rcv_nxt) {
		receive_in_order(conn, seg);
	} else {
		receive_out_of_order(conn, seg);
	}
}

static void receive_fin(struct tcp_conn *conn)
{
	conn->rcv_nxt++;
	conn->rcv_adv = seq_max(conn->rcv_adv, conn->rcv_nxt);
	if (conn->side != NULL) {
		ooo_clear(&conn->side->ooo); /* beyond the end: not the peer's data */
		conn_side_put(conn);
	}
	conn->flags |= TCP_CONN_PEER_CLOSED;
	conn->close_reason = TCP_CLOSE_NORMAL;
	conn_event(conn, TCP_EVENT_RECEIVE_FIN);
	conn_ack_now(conn);
	conn_touch(conn);
}

void receive_segment(struct tcp_conn *conn, struct tcp_segment *seg)
{
	if (!may_receive(conn)) {
		if (seg->len > 0) {
			tcp_drop(conn, drop_after_close, seg->seq);
			conn_ack_now(conn);
		}
		return;
	}
	if (seg->flags & TCP_FIN && !(conn->flags & TCP_CONN_FIN_SEEN)) {
		conn->flags |= TCP_CONN_FIN_SEEN;
		conn->fin_seq = seg->seq + seg->len;
	}
	if (seg->len > 0) {
		receive_payload(conn, seg);
	}
	if (conn->flags & TCP_CONN_FIN_SEEN) {
		if (conn->rcv_nxt == conn->fin_seq) {
			receive_fin(conn);
		} else if (seg->flags & TCP_FIN) {
			conn_ack_now(conn);
		}
	}
}

void receive_schedule_ack(struct tcp_conn *conn)
{
	if (!(conn->flags & TCP_CONN_ACK_PENDING)) {
		return;
	}
	/* RFC 9293 3.8.6.3: at least every second full-sized segment. */
	if (conn->flags & TCP_CONN_ACK_NOW ||
	    conn->rcv_nxt - conn->rcv_acked >= 2U * conn->rcv_mss) {
		conn_ack_now(conn);
		return;
	}
	if (conn->ack_at_us == 0) {
		conn->ack_at_us = conn->stack->now_us + DELAYED_ACK_US;
		conn_arm(conn, conn->ack_at_us);
	}
}
