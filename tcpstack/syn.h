/*
 * Half-open connections: SYN-RECEIVED of a passive open (RFC 9293 3.10.7.2) in one cache line. The
 * retransmission timeouts of a SYN-ACK are constants, so a FIFO for each attempt holds the timers.
 *
 * Under a SYN flood the records fill up and the rest is answered with SYN cookies (cookie.h), so
 * that nobody need be evicted: who has a record has been promised one, and the ACK of a SYN-ACK
 * without cookie could not be recognized any more. While half of them are taken, none is kept for
 * more than one retransmission: they come free again after 3 s, not 31.
 */
#ifndef TCPSTACK_SYN_H
#define TCPSTACK_SYN_H

#include <stdbool.h>
#include <stdint.h>

#include "key.h"
#include "timers.h"

struct tcp_conn;
struct tcp_segment;
struct tcp_stack;

#define SYN_TIMEOUT_US 1000000ULL /* RFC 6298 (2.1) */
#define SYN_ATTEMPTS   5          /* 1, 2, 4, 8 and 16 seconds */

enum tcp_syn_flags {
	TCP_SYN_WSCALE = 1,
	TCP_SYN_SACK = 2,
	TCP_SYN_TIMESTAMPS = 4,
	TCP_SYN_ECN = 8,
};

struct tcp_syn_record {
	struct tcp_key key;
	struct tcp_fifo_timer timer;
	uint32_t irs;
	uint32_t iss;
	uint32_t ts_recent;
	uint16_t mss;
	uint8_t flags : 4; /* enum tcp_syn_flags */
	uint8_t attempt : 3;
	uint8_t wscale;
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct tcp_syn_record) == 64, "SYN-RECEIVED is one cache line");

/* Whose SYNs were answered with a cookie, by hash, in this period and in the one before. */
#define COOKIE_MARKS 65536U

struct tcp_syn_pool {
	struct tcp_syn_record *records;
	struct tcp_fifo_timer *free; /* through `next` */
	uint32_t count;
	uint32_t short_at;      /* from this count on cookies are sent */
	uint32_t cookie_period; /* in which the last one was */
	bool cookies_used;
	uint64_t cookie_marks[2][COOKIE_MARKS / 64];
	struct tcp_fifo waiting[SYN_ATTEMPTS];
};

void syn_pool_init(struct tcp_syn_pool *pool, void *memory, uint32_t records);
/*
 * A segment without a record; may be anything. When it brings a cookie back the new connection is
 * returned and the segment still has to be processed there.
 */
struct tcp_conn *syn_listen(struct tcp_stack *stack, const struct tcp_segment *seg,
			    uint32_t iss_floor);
/* Would a SYN of that peer be taken up now? If not, it is counted and answered. */
bool syn_may_reopen(struct tcp_stack *stack, const struct tcp_segment *seg);
/*
 * A segment for a half-open connection. When it completes the handshake the new connection is
 * returned and the segment still has to be processed there.
 */
struct tcp_conn *syn_input(struct tcp_stack *stack, uint32_t index, const struct tcp_segment *seg);
/* Runs at most `budget` timers; returns how many ran. */
uint32_t syn_timers(struct tcp_stack *stack, uint32_t budget);
uint64_t syn_next_us(const struct tcp_syn_pool *pool);

#endif
