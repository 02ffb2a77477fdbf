/*
 * Out-of-order data of one connection: sorted, disjoint, non-adjacent ranges, each a chain of
 * mbufs without gaps.
 *
 * Invariants: *total is the sum of `segments` over all queues that count into it; range[i].start <
 * range[i].end < range[i + 1].start; segments is the sum over ranges.
 */
#ifndef TCPSTACK_OOO_QUEUE_H
#define TCPSTACK_OOO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"
#include "options.h"

#define OOO_RANGES_MAX 32

struct ooo_range {
	uint32_t start;
	uint32_t end;
	struct tcp_chain chain;
	uint32_t stamp; /* when it changed last, in insertions: RFC 2018 wants the newest first */
};

struct tcp_ooo_queue {
	struct ooo_range range[OOO_RANGES_MAX];
	uint32_t count;
	uint32_t segments;
	uint32_t stamp;
	uint32_t *total; /* segments of all queues of the stack; NULL: nobody counts */
};

enum ooo_result { OOO_KEPT, OOO_DUPLICATE, OOO_FULL };

/*
 * Takes the chain, which holds [start, end), in every case; what is there already is not stored
 * again. `duplicate` receives the part that was there (start == end: none), for D-SACK.
 */
enum ooo_result ooo_insert(struct tcp_ooo_queue *queue, uint32_t start, uint32_t end,
			   struct tcp_chain *chain, struct tcp_sack_block *duplicate);

/*
 * Moves what continues `rcv_nxt` to the end of `chain`, drops what lies before it, and returns the
 * new rcv_nxt.
 */
uint32_t ooo_take(struct tcp_ooo_queue *queue, uint32_t rcv_nxt, struct tcp_chain *chain);

/* Drops the last range; allowed by RFC 2018 section 8 although it was acknowledged by SACK. */
void ooo_drop_last(struct tcp_ooo_queue *queue);
void ooo_clear(struct tcp_ooo_queue *queue);

/* Up to `max` blocks, the most recently changed first (RFC 2018 section 4); returns how many. */
uint32_t ooo_sack_blocks(const struct tcp_ooo_queue *queue, struct tcp_sack_block *blocks,
			 uint32_t max);

#endif
