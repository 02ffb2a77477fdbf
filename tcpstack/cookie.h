/*
 * SYN cookies (RFC 4987 3.6): when half-open records run short, what a record would hold goes into
 * our initial sequence number and comes back with the ACK.
 *
 *	31                             3 2   0
 *	| keyed hash of the connection, | MSS |
 *	| its first sequence number,    |class|
 *	| the period and the class      |     |
 *
 * A period is 64 s; a cookie is good for the rest of its own and the next. Window scale,
 * SACK-permitted and the rest ride in the low bits of our timestamp when the peer has timestamps;
 * without, they are lost, as they are in Linux.
 *
 * A random ACK passes with a chance of 2^-28, and only while cookies are being sent.
 */
#ifndef TCPSTACK_COOKIE_H
#define TCPSTACK_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_segment;
struct tcp_stack;
struct tcp_syn_record;

/*
 * Sets record->iss, and rounds record->mss down to its class; false: the MSS is below them all.
 * `hash` is the segment's.
 */
bool cookie_make(struct tcp_stack *stack, struct tcp_syn_record *record, uint32_t hash);
/* The timestamp of its SYN-ACK: at most 63 ms behind `now`, the clock as it is. */
uint32_t cookie_timestamp(const struct tcp_syn_record *record, uint32_t now);

/*
 * May an ACK that arrives now carry a cookie? Only of a connection that was sent one which can
 * still be good; a few others are taken for such, during a flood all.
 */
bool cookie_expected(const struct tcp_stack *stack, uint32_t hash);
/* Fills a record from an ACK as from its SYN; false: it carries no cookie of ours. */
bool cookie_check(const struct tcp_stack *stack, const struct tcp_segment *seg,
		  struct tcp_syn_record *record);

#endif
