/*
 * Receive-window auto-tuning (dynamic right-sizing): a connection begins with a small grant of
 * packet memory, and gets more as its peer proves that it fills a window in a round trip.
 *
 * A round ends when the peer echoes a timestamp that we sent after its beginning (RFC 7323), or,
 * without timestamps, after the round-trip time that our own segments measured. What arrives in
 * order within one round is what the peer keeps in flight; the window shall hold twice as much, and
 * up to four times as much while rounds still grow: a sender in slow start has doubled its flight
 * by the time at which it hears of a larger window.
 *
 * Grants beyond the first are promises of packet memory, and bounded three times: per connection
 * (receive_budget); for all connections of the stack (receive_total), of which each may have a
 * quarter of what is left, so that there is always something left; and by the owner's word that
 * packets run short (tcp_set_pressure()). What must shrink does so by letting the right edge stand
 * while data arrives (RFC 9293 3.8.6.2.1: it never moves left).
 */
#ifndef TCPSTACK_TUNE_H
#define TCPSTACK_TUNE_H

#include <stdbool.h>

#include "segment.h"
#include "stack.h"

#define TUNE_TICK_SHIFT 8 /* rounds without timestamps are timed in units of 256 us */

void tune_init(struct tcp_conn *conn);
/* Gives back what the connection was granted beyond the first. */
void tune_fini(struct tcp_conn *conn);

/* Of `bytes` received in a round so far; `over`: it ends. */
void tune_round(struct tcp_conn *conn, uint32_t bytes, bool over);

/* Takes grants back from connections that are idle, a few at a time, when much is granted. */
void tune_sweep(struct tcp_stack *stack);

static inline bool tune_round_over(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t clock = conn->flags & TCP_CONN_TIMESTAMPS
				 ? seg->opt.tsecr
				 : (uint32_t)(conn->stack->now_us >> TUNE_TICK_SHIFT);

	return seq_ge(clock, conn->round_mark);
}

/* After in-order data of the segment moved rcv_nxt. */
static inline void tune_received(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t bytes = conn->rcv_nxt - conn->round_seq;
	bool over = tune_round_over(conn, seg);

	if (over || bytes >= conn->round_limit) {
		tune_round(conn, bytes, over);
	}
}

#endif
