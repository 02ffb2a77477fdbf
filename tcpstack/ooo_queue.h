/*
 * Out-of-order data of one connection: a list of disjoint, non-adjacent ranges in order, each a
 * chain of mbufs without gaps. Ranges come from a pool of the stack; one connection may have
 * OOO_RANGES_MAX, which also bounds how far an insertion ever looks.
 *
 * Data mostly extends the last range, fills the first hole, or goes on where it was inserted last:
 * each is found at once.
 *
 * Collapse: a small piece that continues a range is copied behind its last mbuf when that has room,
 * so that a peer that sends single bytes out of order pins no mbuf for each.
 *
 * Invariants: pool->segments is the sum of `segments` over all queues of the pool; range->start <
 * range->end < range->next->start; segments is the sum over ranges.
 */
#ifndef TCPSTACK_OOO_QUEUE_H
#define TCPSTACK_OOO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "chain.h"
#include "options.h"

#define OOO_RANGES_MAX 256U

struct ooo_range {
	struct ooo_range *next;
	struct ooo_range *prev;
	struct tcp_chain chain;
	uint32_t start;
	uint32_t end;
};

struct ooo_pool {
	struct ooo_range *free; /* linked by `next` */
	uint32_t segments;      /* of all queues */
	uint32_t collapse_max;  /* a chain that carries less is copied; 0: none is */
	uint64_t *collapsed;    /* counts the mbufs that were saved so */
};

struct tcp_ooo_queue {
	struct ooo_pool *pool;
	struct ooo_range *first;
	struct ooo_range *last;
	struct ooo_range *hint;                    /* changed last; NULL: it is gone */
	struct ooo_range *recent[TCP_SACK_BLOCKS]; /* the newest first, then NULL */
	uint32_t count;
	uint32_t segments;
};

enum ooo_result { OOO_KEPT, OOO_DUPLICATE, OOO_FULL };

/* `memory` has room for `ranges` ranges. The caller sets collapse_max. */
void ooo_pool_init(struct ooo_pool *pool, struct ooo_range *memory, uint32_t ranges,
		   uint64_t *collapsed);

void ooo_init(struct tcp_ooo_queue *queue, struct ooo_pool *pool);

/*
 * Takes the chain, which holds [start, end), in every case; what is there already is not stored
 * again. `duplicate` receives the first part that was there (start == end: none), for D-SACK.
 */
enum ooo_result ooo_insert(struct tcp_ooo_queue *queue, uint32_t start, uint32_t end,
			   struct tcp_chain *chain, struct tcp_sack_block *duplicate);

/* Is [start, end) here, whole? */
bool ooo_holds(const struct tcp_ooo_queue *queue, uint32_t start, uint32_t end);

/* Would ooo_insert() copy [start, end) behind what is there, so that it pins no mbuf? */
bool ooo_collapses(const struct tcp_ooo_queue *queue, uint32_t start, uint32_t end);

/*
 * Moves what continues `rcv_nxt` to the end of `chain`, drops what lies before it, and returns the
 * new rcv_nxt. `duplicate` receives the first part that was dropped (start == end: none).
 */
uint32_t ooo_take(struct tcp_ooo_queue *queue, uint32_t rcv_nxt, struct tcp_chain *chain,
		  struct tcp_sack_block *duplicate);

/* Drops at least `segments` mbufs, those with the highest numbers, or all that there are. RFC 2018
 * section 8 allows it although they were acknowledged by SACK. */
void ooo_drop_last(struct tcp_ooo_queue *queue, uint32_t segments);
void ooo_clear(struct tcp_ooo_queue *queue);

/*
 * Up to `max` blocks, at most TCP_SACK_BLOCKS; returns how many. The most recently changed first
 * (RFC 2018 section 4), then, where those are fewer, the highest of the others.
 */
uint32_t ooo_sack_blocks(const struct tcp_ooo_queue *queue, struct tcp_sack_block *blocks,
			 uint32_t max);

#endif
