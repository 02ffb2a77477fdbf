#include "validate.h"

#include "ack.h"
#include "receive.h"
#include "reply.h"
#include "segment.h"
#include "stack.h"
#include "trace.h"

#define PAWS_VALID_S          (24U * 24 * 3600) /* RFC 7323 5.5 */
#define CHALLENGES_PER_SECOND 10

void validate_challenge(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	if (conn->challenge_s != stack_seconds(stack)) {
		conn->challenge_s = stack_seconds(stack);
		conn->challenge_count = 0;
	}
	/* First its own limit: one connection does not use up that of all. */
	if (conn->challenge_count >= CHALLENGES_PER_SECOND ||
	    !limiter_take(&stack->challenges, &stack->secret, stack_seconds(stack))) {
		tcp_count(stack, challenge_acks_limited);
		return;
	}
	conn->challenge_count++;
	tcp_count(stack, challenge_acks);
	tcp_trace(conn, challenge, conn->snd_max, conn->rcv_nxt);
	conn_ack_now(conn);
}

static bool paws_rejects(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (!(conn->flags & TCP_CONN_TIMESTAMPS) || seg->flags & TCP_RST) {
		return false;
	}
	return !(seg->opt.flags & TCP_OPT_TIMESTAMPS) ||
	       (seq_lt(seg->opt.tsval, conn->ts_recent) &&
		stack_seconds(conn->stack) - conn->ts_recent_s < PAWS_VALID_S);
}

/* RFC 9293 3.10.7.4, first check, with two allowances that other stacks need and make. */
static bool acceptable(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t span = segment_span(seg);

	/* A peer that filled the window acknowledges from its right edge: that is "in" it. */
	if (span == 0) {
		return seq_ge(seg->seq, conn->rcv_nxt) && seq_le(seg->seq, conn->rcv_adv);
	}
	/* The ACK of a probe of a closed window is used, its payload is not (trim()). */
	if (seg->seq == conn->rcv_nxt) {
		return true;
	}
	return seq_lt(seg->seq, conn->rcv_adv) && seq_gt(seg->seq + span, conn->rcv_nxt);
}

/*
 * Could the peer have sent it: is it within the largest window to the left? Anything else off the
 * window is a guess; an ACK to each (RFC 9293 3.10.7.4) would make the peer believe in losses.
 */
static bool was_received(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	return seq_le(seg->seq + segment_span(seg), conn->rcv_nxt) &&
	       conn->rcv_nxt - seg->seq <= 65535U << conn->rcv_wscale;
}

static void refuse(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t span = segment_span(seg);

	if (seg->flags & TCP_RST) {
		tcp_drop(conn, drop_out_of_window, seg->seq);
		return;
	}
	if (span == 0 || seg->flags & TCP_SYN || !was_received(conn, seg)) {
		tcp_drop(conn, drop_out_of_window, seg->seq);
		validate_challenge(conn);
		return;
	}
	tcp_drop(conn, drop_duplicate, seg->seq);
	if (seg->len > 0) {
		receive_duplicate(conn, seg->seq, seg->seq + seg->len);
	}
	conn_ack_now(conn);
}

/* RFC 5961 3.2: only the exact sequence number resets, others in the window are challenged. */
static void input_reset(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (seg->seq == conn->rcv_nxt) {
		tcp_count(conn->stack, rx_resets);
		tcp_trace(conn, rx_reset, seg->seq, conn->rcv_nxt);
		conn_end(conn, TCP_EVENT_RECEIVE_RST,
			 conn->state == TCP_SYN_RECEIVED_STATE ? TCP_CLOSE_REFUSED
							       : TCP_CLOSE_RESET);
	} else {
		tcp_count(conn->stack, rx_bad_resets);
		validate_challenge(conn);
	}
}

/* Cuts what was received before and what does not fit the window. */
static void trim(struct tcp_conn *conn, struct tcp_segment *seg)
{
	uint32_t old = seq_span(seg->seq, conn->rcv_nxt);
	uint32_t excess;

	if (old > 0) {
		old = old < seg->len ? old : seg->len;
		if (old > 0) {
			receive_duplicate(conn, seg->seq, seg->seq + old);
		}
		chain_trim_head(&seg->payload, old);
		if (seg->len > 0 && seg->len == old) {
			tcp_count(conn->stack, drop_duplicate); /* its FIN is new */
		}
		seg->seq += old;
		seg->len -= old;
		conn_ack_now(conn);
	}
	excess = seq_span(conn->rcv_adv, seg->seq + seg->len);
	if (excess > 0) {
		tcp_drop(conn, drop_out_of_window, seg->seq);
		seg->len -= excess < seg->len ? excess : seg->len;
		chain_keep(&seg->payload, seg->len);
		seg->flags &= (uint8_t)~TCP_FIN;
		conn_ack_now(conn);
	}
}

/*
 * RFC 5961 5.2, before anything is believed that the segment says: a blind attacker could have the
 * peer's segments rejected by a timestamp, duplicates reported, or a reduction echoed else.
 */
static bool bad_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (ack_in_range(conn, seg->ack)) {
		return false;
	}
	tcp_drop(conn, drop_bad_ack, seg->seq);
	if (conn->state == TCP_SYN_RECEIVED_STATE) {
		reply_reset(conn->stack, seg); /* RFC 9293 3.10.7.4, fifth check */
	} else {
		validate_challenge(conn);
	}
	return true;
}

/* RFC 7323 4.3, rule (2). PAWS has let the value pass: it is newer, or ts_recent is outdated. */
static void take_timestamp(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (conn->flags & TCP_CONN_TIMESTAMPS && seq_le(seg->seq, conn->rcv_acked)) {
		conn->ts_recent = seg->opt.tsval;
		conn->ts_recent_s = stack_seconds(conn->stack);
	}
}

bool validate_segment(struct tcp_conn *conn, struct tcp_segment *seg)
{
	if (paws_rejects(conn, seg)) {
		tcp_drop(conn, drop_paws, seg->seq);
		/* RFC 7323 3.2: without the option silently, 5.3: with an old one acknowledged. */
		if (seg->opt.flags & TCP_OPT_TIMESTAMPS) {
			validate_challenge(conn);
		}
		return false;
	}
	if (!acceptable(conn, seg)) {
		refuse(conn, seg);
		return false;
	}
	if (seg->flags & TCP_RST) {
		input_reset(conn, seg);
		return false;
	}
	if (seg->flags & TCP_SYN) {
		/* RFC 5961 4.2, in every synchronized state. */
		validate_challenge(conn);
		return false;
	}
	if (!(seg->flags & TCP_ACK)) {
		tcp_drop(conn, drop_no_ack, seg->seq);
		return false;
	}
	if (bad_ack(conn, seg)) {
		return false;
	}
	take_timestamp(conn, seg);
	trim(conn, seg);
	return true;
}
