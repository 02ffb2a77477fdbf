#include "ooo_queue.h"

#include <stddef.h>
#include <string.h>

#include "seq.h"

static void remove_range(struct tcp_ooo_queue *queue, uint32_t index)
{
	queue->count--;
	memmove(&queue->range[index], &queue->range[index + 1],
		(queue->count - index) * sizeof(queue->range[0]));
}

static void count_in(struct tcp_ooo_queue *queue, uint32_t segments)
{
	queue->segments += segments;
	if (queue->total != NULL) {
		*queue->total += segments;
	}
}

static void count_out(struct tcp_ooo_queue *queue, uint32_t segments)
{
	queue->segments -= segments;
	if (queue->total != NULL) {
		*queue->total -= segments;
	}
}

static void drop_range(struct tcp_ooo_queue *queue, uint32_t index)
{
	count_out(queue, queue->range[index].chain.segments);
	chain_free(&queue->range[index].chain);
	remove_range(queue, index);
}

/* First range that ends at or after `seq`: the only one on the left that can touch it. */
static uint32_t first_touching(const struct tcp_ooo_queue *queue, uint32_t seq)
{
	uint32_t i = 0;

	/* Data mostly extends the last range. */
	if (queue->count > 0 && seq_gt(seq, queue->range[queue->count - 1].end)) {
		return queue->count;
	}
	while (i < queue->count && seq_lt(queue->range[i].end, seq)) {
		i++;
	}
	return i;
}

static void merge_with_next(struct tcp_ooo_queue *queue, uint32_t index)
{
	struct ooo_range *range = &queue->range[index];

	if (index + 1 < queue->count && range[0].end == range[1].start) {
		range[0].end = range[1].end;
		chain_append(&range[0].chain, &range[1].chain);
		remove_range(queue, index + 1);
	}
}

static enum ooo_result store(struct tcp_ooo_queue *queue, uint32_t index, uint32_t start,
			     uint32_t end, struct tcp_chain *chain)
{
	struct ooo_range *range = &queue->range[index];

	if (index < queue->count && range->end == start) {
		count_in(queue, chain->segments);
		chain_append(&range->chain, chain);
		range->end = end;
	} else {
		if (queue->count == OOO_RANGES_MAX) {
			chain_free(chain);
			return OOO_FULL;
		}
		memmove(range + 1, range, (queue->count - index) * sizeof(*range));
		queue->count++;
		count_in(queue, chain->segments);
		*range = (struct ooo_range){.start = start, .end = end, .chain = *chain};
		*chain = (struct tcp_chain){0};
	}
	range->stamp = ++queue->stamp;
	merge_with_next(queue, index);
	return OOO_KEPT;
}

enum ooo_result ooo_insert(struct tcp_ooo_queue *queue, uint32_t start, uint32_t end,
			   struct tcp_chain *chain, struct tcp_sack_block *duplicate)
{
	uint32_t index = first_touching(queue, start);
	struct ooo_range *range = &queue->range[index];

	duplicate->start = start;
	duplicate->end = start;
	if (index < queue->count && seq_le(range->start, start) && seq_gt(range->end, start)) {
		duplicate->end = seq_min(range->end, end);
		range->stamp = ++queue->stamp;
		if (seq_ge(range->end, end)) {
			chain_free(chain);
			return OOO_DUPLICATE;
		}
		chain_trim_head(chain, range->end - start);
		start = range->end;
	}
	/* From here the range at `index` ends exactly at start, or begins after it. */
	range += index < queue->count && range->end == start ? 1 : 0;
	while (range < queue->range + queue->count && seq_le(range->end, end)) {
		*duplicate = (struct tcp_sack_block){range->start, range->end};
		drop_range(queue, (uint32_t)(range - queue->range));
	}
	if (range < queue->range + queue->count && seq_lt(range->start, end)) {
		*duplicate = (struct tcp_sack_block){range->start, end};
		chain_keep(chain, range->start - start);
		end = range->start;
	}
	return store(queue, index, start, end, chain);
}

uint32_t ooo_take(struct tcp_ooo_queue *queue, uint32_t rcv_nxt, struct tcp_chain *chain)
{
	while (queue->count > 0 && seq_le(queue->range[0].start, rcv_nxt)) {
		struct ooo_range *range = &queue->range[0];

		if (seq_le(range->end, rcv_nxt)) {
			drop_range(queue, 0);
			continue;
		}
		count_out(queue, range->chain.segments);
		chain_trim_head(&range->chain, rcv_nxt - range->start);
		rcv_nxt = range->end;
		chain_append(chain, &range->chain);
		remove_range(queue, 0);
	}
	return rcv_nxt;
}

void ooo_drop_last(struct tcp_ooo_queue *queue)
{
	drop_range(queue, queue->count - 1);
}

void ooo_clear(struct tcp_ooo_queue *queue)
{
	while (queue->count > 0) {
		ooo_drop_last(queue);
	}
}

/* The range whose stamp is the highest below `below`. */
static const struct ooo_range *next_newest(const struct tcp_ooo_queue *queue, uint64_t below)
{
	const struct ooo_range *best = NULL;

	for (uint32_t i = 0; i < queue->count; i++) {
		const struct ooo_range *range = &queue->range[i];

		if (range->stamp < below && (best == NULL || range->stamp > best->stamp)) {
			best = range;
		}
	}
	return best;
}

uint32_t ooo_sack_blocks(const struct tcp_ooo_queue *queue, struct tcp_sack_block *blocks,
			 uint32_t max)
{
	uint64_t below = UINT64_MAX;
	uint32_t count = 0;

	while (count < max) {
		const struct ooo_range *range = next_newest(queue, below);

		if (range == NULL) {
			break;
		}
		blocks[count++] = (struct tcp_sack_block){range->start, range->end};
		below = range->stamp;
	}
	return count;
}
