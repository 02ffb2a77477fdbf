#include "ooo_queue.h"

#include <stddef.h>
#include <string.h>

#include <rte_mbuf.h>

#include "seq.h"

void ooo_pool_init(struct ooo_pool *pool, struct ooo_range *memory, uint32_t ranges,
		   uint64_t *collapsed)
{
	*pool = (struct ooo_pool){.collapsed = collapsed};
	for (uint32_t i = ranges; i-- > 0;) {
		memory[i].next = pool->free;
		pool->free = &memory[i];
	}
}

void ooo_init(struct tcp_ooo_queue *queue, struct ooo_pool *pool)
{
	*queue = (struct tcp_ooo_queue){.pool = pool};
}

static void count_in(struct tcp_ooo_queue *queue, uint32_t segments)
{
	queue->segments += segments;
	queue->pool->segments += segments;
}

static void count_out(struct tcp_ooo_queue *queue, uint32_t segments)
{
	queue->segments -= segments;
	queue->pool->segments -= segments;
}

static void forget_recent(struct tcp_ooo_queue *queue, const struct ooo_range *range)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < TCP_SACK_BLOCKS; i++) {
		if (queue->recent[i] != range) {
			queue->recent[kept++] = queue->recent[i];
		}
	}
	while (kept < TCP_SACK_BLOCKS) {
		queue->recent[kept++] = NULL;
	}
}

/* It is what the next SACK reports first. */
static void touch(struct tcp_ooo_queue *queue, struct ooo_range *range)
{
	struct ooo_range *pushed = range;

	queue->hint = range;
	for (uint32_t i = 0; i < TCP_SACK_BLOCKS && pushed != NULL; i++) {
		struct ooo_range *here = queue->recent[i];

		queue->recent[i] = pushed;
		pushed = here != range ? here : NULL;
	}
}

/* Takes it out of the list; its chain is the caller's. */
static void remove_range(struct tcp_ooo_queue *queue, struct ooo_range *range)
{
	if (range->prev != NULL) {
		range->prev->next = range->next;
	} else {
		queue->first = range->next;
	}
	if (range->next != NULL) {
		range->next->prev = range->prev;
	} else {
		queue->last = range->prev;
	}
	if (queue->hint == range) {
		queue->hint = range->prev;
	}
	forget_recent(queue, range);
	queue->count--;
	range->next = queue->pool->free;
	queue->pool->free = range;
}

static void drop_range(struct tcp_ooo_queue *queue, struct ooo_range *range)
{
	count_out(queue, range->chain.segments);
	chain_free(&range->chain);
	remove_range(queue, range);
}

/* First range that ends at or after `seq`: the only one on the left that can touch it. */
static struct ooo_range *first_touching(const struct tcp_ooo_queue *queue, uint32_t seq)
{
	struct ooo_range *range = queue->last;

	if (range == NULL || seq_gt(seq, range->end)) {
		return NULL;
	}
	if (seq_ge(seq, range->start)) {
		return range;
	}
	range = queue->hint != NULL && seq_le(queue->hint->start, seq) ? queue->hint : queue->first;
	while (seq_lt(range->end, seq)) {
		range = range->next;
	}
	return range;
}

/* Before `next`; NULL: at the end. NULL when there are too many. */
static struct ooo_range *new_range(struct tcp_ooo_queue *queue, struct ooo_range *next)
{
	struct ooo_range *range = queue->pool->free;

	if (range == NULL || queue->count == OOO_RANGES_MAX) {
		return NULL;
	}
	queue->pool->free = range->next;
	queue->count++;
	range->next = next;
	range->prev = next != NULL ? next->prev : queue->last;
	if (range->prev != NULL) {
		range->prev->next = range;
	} else {
		queue->first = range;
	}
	if (next != NULL) {
		next->prev = range;
	} else {
		queue->last = range;
	}
	return range;
}

/* Has the last mbuf of the range room for so little, and can nobody else see it? */
static bool may_collapse(const struct tcp_ooo_queue *queue, const struct ooo_range *range,
			 uint32_t len)
{
	const struct rte_mbuf *last = range->chain.tail;

	return len < queue->pool->collapse_max && RTE_MBUF_DIRECT(last) &&
	       rte_mbuf_refcnt_read(last) == 1 && rte_pktmbuf_tailroom(last) >= len;
}

bool ooo_holds(const struct tcp_ooo_queue *queue, uint32_t start, uint32_t end)
{
	const struct ooo_range *range = first_touching(queue, end);

	return range != NULL && seq_le(range->start, start);
}

bool ooo_collapses(const struct tcp_ooo_queue *queue, uint32_t start, uint32_t end)
{
	const struct ooo_range *range;

	if (end - start >= queue->pool->collapse_max) {
		return false;
	}
	range = first_touching(queue, start);
	return range != NULL && range->end == start &&
	       (range->next == NULL || seq_le(end, range->next->start)) &&
	       may_collapse(queue, range, end - start);
}

/* Copies the chain behind the last mbuf of the range. */
static bool collapse(struct tcp_ooo_queue *queue, struct ooo_range *range, struct tcp_chain *chain,
		     uint32_t len)
{
	struct rte_mbuf *last = range->chain.tail;

	if (!may_collapse(queue, range, len)) {
		return false;
	}
	for (const struct rte_mbuf *from = chain->head; from != NULL; from = from->next) {
		memcpy(rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len),
		       rte_pktmbuf_mtod(from, const uint8_t *), from->data_len);
		last->data_len = (uint16_t)(last->data_len + from->data_len);
	}
	*queue->pool->collapsed += chain->segments;
	chain_free(chain);
	return true;
}

static void extend(struct tcp_ooo_queue *queue, struct ooo_range *range, uint32_t end,
		   struct tcp_chain *chain)
{
	if (!collapse(queue, range, chain, end - range->end)) {
		count_in(queue, chain->segments);
		chain_append(&range->chain, chain);
	}
	range->end = end;
}

static void merge_with_next(struct tcp_ooo_queue *queue, struct ooo_range *range)
{
	struct ooo_range *next = range->next;

	if (next != NULL && range->end == next->start) {
		range->end = next->end;
		chain_append(&range->chain, &next->chain);
		remove_range(queue, next);
	}
}

/* [start, end) lies behind `left`, which it may continue, and before what comes next. */
static enum ooo_result store(struct tcp_ooo_queue *queue, struct ooo_range *left,
			     struct ooo_range *next, struct tcp_sack_block block,
			     struct tcp_chain *chain)
{
	struct ooo_range *range = left;

	if (range != NULL) {
		extend(queue, range, block.end, chain);
	} else {
		range = new_range(queue, next);
		if (range == NULL) {
			chain_free(chain);
			return OOO_FULL;
		}
		count_in(queue, chain->segments);
		range->start = block.start;
		range->end = block.end;
		range->chain = *chain;
		*chain = (struct tcp_chain){0};
	}
	merge_with_next(queue, range);
	touch(queue, range);
	return OOO_KEPT;
}

static void note_duplicate(struct tcp_sack_block *duplicate, uint32_t start, uint32_t end)
{
	/* RFC 2883 4.2.3: of several parts the first is reported. */
	if (duplicate->start == duplicate->end) {
		*duplicate = (struct tcp_sack_block){start, end};
	}
}

/* Ranges that [.., end) covers make way for it; returns the first that goes beyond. */
static struct ooo_range *drop_covered(struct tcp_ooo_queue *queue, struct ooo_range *range,
				      uint32_t end, struct tcp_sack_block *duplicate)
{
	while (range != NULL && seq_le(range->end, end)) {
		struct ooo_range *next = range->next;

		note_duplicate(duplicate, range->start, range->end);
		drop_range(queue, range);
		range = next;
	}
	return range;
}

enum ooo_result ooo_insert(struct tcp_ooo_queue *queue, uint32_t start, uint32_t end,
			   struct tcp_chain *chain, struct tcp_sack_block *duplicate)
{
	struct ooo_range *next = first_touching(queue, start);
	struct ooo_range *left = NULL;

	*duplicate = (struct tcp_sack_block){start, start};
	if (next != NULL && seq_le(next->start, start)) {
		left = next;
		next = left->next;
		if (seq_gt(left->end, start)) {
			note_duplicate(duplicate, start, seq_min(left->end, end));
		}
		if (seq_ge(left->end, end)) {
			touch(queue, left);
			chain_free(chain);
			return OOO_DUPLICATE;
		}
		chain_trim_head(chain, left->end - start);
		start = left->end;
	}
	next = drop_covered(queue, next, end, duplicate);
	if (next != NULL && seq_lt(next->start, end)) {
		note_duplicate(duplicate, next->start, end);
		chain_keep(chain, next->start - start);
		end = next->start;
	}
	return store(queue, left, next, (struct tcp_sack_block){start, end}, chain);
}

uint32_t ooo_take(struct tcp_ooo_queue *queue, uint32_t rcv_nxt, struct tcp_chain *chain,
		  struct tcp_sack_block *duplicate)
{
	struct ooo_range *range = queue->first;

	*duplicate = (struct tcp_sack_block){rcv_nxt, rcv_nxt};
	while (range != NULL && seq_le(range->start, rcv_nxt)) {
		if (seq_lt(range->start, rcv_nxt)) {
			note_duplicate(duplicate, range->start, seq_min(range->end, rcv_nxt));
		}
		if (seq_le(range->end, rcv_nxt)) {
			drop_range(queue, range);
		} else {
			count_out(queue, range->chain.segments);
			chain_trim_head(&range->chain, rcv_nxt - range->start);
			rcv_nxt = range->end;
			chain_append(chain, &range->chain);
			remove_range(queue, range);
		}
		range = queue->first;
	}
	return rcv_nxt;
}

void ooo_drop_last(struct tcp_ooo_queue *queue, uint32_t segments)
{
	while (segments > 0 && queue->last != NULL) {
		struct ooo_range *range = queue->last;
		uint32_t has = range->chain.segments;
		uint32_t len;

		if (has <= segments) {
			segments -= has;
			drop_range(queue, range);
			continue;
		}
		len = chain_bytes(&range->chain, has - segments);
		chain_keep(&range->chain, len);
		range->end = range->start + len;
		count_out(queue, segments);
		segments = 0;
	}
}

void ooo_clear(struct tcp_ooo_queue *queue)
{
	while (queue->first != NULL) {
		drop_range(queue, queue->first);
	}
}

static bool is_recent(const struct tcp_ooo_queue *queue, const struct ooo_range *range)
{
	for (uint32_t i = 0; i < TCP_SACK_BLOCKS; i++) {
		if (queue->recent[i] == range) {
			return true;
		}
	}
	return false;
}

uint32_t ooo_sack_blocks(const struct tcp_ooo_queue *queue, struct tcp_sack_block *blocks,
			 uint32_t max)
{
	uint32_t count = 0;

	while (count < max && queue->recent[count] != NULL) {
		const struct ooo_range *range = queue->recent[count];

		blocks[count++] = (struct tcp_sack_block){range->start, range->end};
	}
	for (const struct ooo_range *range = queue->last; count < max && range != NULL;
	     range = range->prev) {
		if (!is_recent(queue, range)) {
			blocks[count++] = (struct tcp_sack_block){range->start, range->end};
		}
	}
	return count;
}
