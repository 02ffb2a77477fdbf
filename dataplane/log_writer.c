#include "dataplane/log_writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "abi/ref.h"

#define LOG_BATCH 64u /* references given back in one call */

int log_pool_init(struct log_pool *pool, struct abi_log_block *blocks, _Atomic uint32_t *next,
		  uint32_t count)
{
	*pool = (struct log_pool){.blocks = blocks, .next = next, .count = count};
	pool->free = calloc(count, sizeof(pool->free[0]));
	if (!pool->free) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		pool->free[i] = count - 1 - i;
	}
	pool->free_count = count;
	return 0;
}

void log_pool_fini(struct log_pool *pool)
{
	free(pool->free);
	pool->free = NULL;
}

uint32_t log_block_get(struct log_pool *pool)
{
	assert(pool->free_count > 0);
	uint32_t block = pool->free[--pool->free_count];
	atomic_store_explicit(&pool->next[block], ABI_LOG_NO_BLOCK, memory_order_relaxed);
	return block;
}

void log_block_put(struct log_pool *pool, uint32_t block)
{
	assert(pool->free_count < pool->count);
	pool->free[pool->free_count++] = block;
}

static uint32_t block_after(const struct log_pool *pool, uint32_t block)
{
	return atomic_load_explicit(&pool->next[block], memory_order_relaxed);
}

static union abi_log_unit *unit_at(const struct log_pool *pool, uint32_t block, uint64_t position)
{
	return &pool->blocks[block].units[position % ABI_LOG_BLOCK_UNITS];
}

/* True when `position` is where a block begins that has one before it. */
static bool at_boundary(uint64_t position)
{
	return position != 0 && position % ABI_LOG_BLOCK_UNITS == 0;
}

void log_open(struct log_writer *w, struct log_pool *pool, struct abi_stream *stream)
{
	*w = (struct log_writer){
		.pool = pool,
		.stream = stream,
		.cursor_block = ABI_LOG_NO_BLOCK,
		.first_block = ABI_LOG_NO_BLOCK,
		.last_put = UINT64_MAX,
		.last_given = UINT64_MAX,
	};
	stream->first_block = ABI_LOG_NO_BLOCK;
	atomic_store_explicit(&stream->reclaimed_block, ABI_LOG_NO_BLOCK, memory_order_relaxed);
	atomic_store_explicit(&stream->reclaimed, 0, memory_order_relaxed);
	atomic_store_explicit(&stream->head, 0, memory_order_relaxed);
}

void log_close(struct log_writer *w)
{
	assert(log_drained(w));
	if (w->cursor_block == ABI_LOG_NO_BLOCK) {
		return;
	}
	while (w->first_block != w->cursor_block) {
		uint32_t block = w->first_block;
		w->first_block = block_after(w->pool, block);
		log_block_put(w->pool, block);
	}
	log_block_put(w->pool, w->cursor_block);
}

/* Steps to the next unit. The block it needs is there: log_begin() counted. */
static void advance(struct log_writer *w)
{
	w->filled = 0;
	w->cursor++;
	if (at_boundary(w->cursor)) {
		uint32_t block = log_block_get(w->pool);
		/* Ordered before the reader by the release of `head`. */
		atomic_store_explicit(&w->pool->next[w->cursor_block], block, memory_order_relaxed);
		w->cursor_block = block;
	}
}

/* The block of position 0. Ordered before the reader by the release of `head`. */
static void begin_first(struct log_writer *w)
{
	w->cursor_block = log_block_get(w->pool);
	w->first_block = w->cursor_block;
	w->stream->first_block = w->first_block;
	atomic_store_explicit(&w->stream->reclaimed_block, w->first_block, memory_order_relaxed);
}

int log_begin(struct log_writer *w, const struct abi_log_entry *entry)
{
	assert(w->cursor == w->head);
	uint64_t units = abi_log_units(entry->slices);
	uint64_t blocks = (w->head % ABI_LOG_BLOCK_UNITS + units) / ABI_LOG_BLOCK_UNITS;
	bool first = w->cursor_block == ABI_LOG_NO_BLOCK;
	if (blocks + first > w->pool->free_count) {
		return -ENOSPC;
	}
	if (first) {
		begin_first(w);
	}

	struct abi_log_entry *e = &unit_at(w->pool, w->cursor_block, w->cursor)->entry;
	*e = *entry;
	e->flags |= ABI_LOG_ENTRY;
	e->number = w->number++;
	advance(w);
	return 0;
}

/*
 * Counts a segment once for each run of references to it, in the same order when written and when
 * given back: so that the sum returns to 0.
 */
static void pin(struct log_writer *w, uint64_t ref)
{
	uint64_t segment = ref >> (ABI_REF_START_BITS + ABI_REF_LENGTH_BITS);
	if (segment != w->last_put) {
		w->last_put = segment;
		w->pinned += w->pool->truesize;
		w->written += w->pool->truesize;
		w->pool->pinned += w->pool->truesize;
	}
}

static void unpin(struct log_writer *w, uint64_t ref)
{
	uint64_t segment = ref >> (ABI_REF_START_BITS + ABI_REF_LENGTH_BITS);
	if (segment != w->last_given) {
		w->last_given = segment;
		w->pinned -= w->pool->truesize;
		w->pool->pinned -= w->pool->truesize;
	}
}

void log_put(struct log_writer *w, const uint64_t *refs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		unit_at(w->pool, w->cursor_block, w->cursor)->slices[w->filled++] = refs[i];
		pin(w, refs[i]);
		if (w->filled == ABI_LOG_SLICES) {
			advance(w);
		}
	}
}

void log_commit(struct log_writer *w)
{
	if (w->filled > 0) {
		union abi_log_unit *unit = unit_at(w->pool, w->cursor_block, w->cursor);
		while (w->filled < ABI_LOG_SLICES) {
			unit->slices[w->filled++] = 0;
		}
		advance(w);
	}
	w->head = w->cursor;
	atomic_store_explicit(&w->stream->pinned_bytes, w->pinned, memory_order_relaxed);
	/* Pairs with the acquire of the consumer: units and block_next below `head` are complete.
	 */
	atomic_store_explicit(&w->stream->head, w->head, memory_order_release);
}

/* Takes the references out of the unit at `reclaimed`; returns how many, 0 to ABI_LOG_SLICES. */
static uint32_t reclaim_unit(struct log_writer *w, uint64_t *refs)
{
	if (at_boundary(w->reclaimed)) {
		uint32_t block = w->first_block;
		w->first_block = block_after(w->pool, block);
		log_block_put(w->pool, block);
	}

	const union abi_log_unit *unit = unit_at(w->pool, w->first_block, w->reclaimed++);
	if (w->slices_left == 0) {
		w->slices_left = unit->entry.slices;
		w->given++;
		return 0;
	}
	uint32_t n = w->slices_left < ABI_LOG_SLICES ? w->slices_left : ABI_LOG_SLICES;
	for (uint32_t i = 0; i < n; i++) {
		refs[i] = unit->slices[i];
		unpin(w, refs[i]);
	}
	w->slices_left -= n;
	return n;
}

static void publish_reclaimed(struct log_writer *w)
{
	uint32_t block = w->first_block;
	if (at_boundary(w->reclaimed)) {
		block = block_after(w->pool, block);
	}
	atomic_store_explicit(&w->stream->pinned_bytes, w->pinned, memory_order_relaxed);
	atomic_store_explicit(&w->stream->reclaimed_block, block, memory_order_relaxed);
	/* Pairs with the acquire of a control that resumes: the block above is that position's. */
	atomic_store_explicit(&w->stream->reclaimed, w->reclaimed, memory_order_release);
}

uint32_t log_reclaim(struct log_writer *w, uint64_t to, uint32_t budget)
{
	assert(to >= w->reclaimed && to <= w->head);
	uint64_t refs[LOG_BATCH];
	uint32_t count = 0;
	uint32_t units = 0;

	while (w->reclaimed < to && units < budget) {
		if (count > LOG_BATCH - ABI_LOG_SLICES) {
			w->pool->put(w->pool->app, refs, count);
			count = 0;
		}
		count += reclaim_unit(w, &refs[count]);
		units++;
	}
	if (count > 0) {
		w->pool->put(w->pool->app, refs, count);
	}
	if (units > 0) {
		publish_reclaimed(w);
	}
	return units;
}

void log_align(struct log_writer *w)
{
	uint64_t units = (w->slices_left + ABI_LOG_SLICES - 1) / ABI_LOG_SLICES;

	(void)log_reclaim(w, w->reclaimed + units, UINT32_MAX);
}

void log_walk(const struct log_writer *w, void (*see)(void *app, uint64_t ref), void *app)
{
	uint32_t block = w->first_block;
	uint32_t left = w->slices_left;

	for (uint64_t at = w->reclaimed; at < w->head; at++) {
		if (at_boundary(at)) {
			block = block_after(w->pool, block);
		}
		const union abi_log_unit *unit = unit_at(w->pool, block, at);
		if (left == 0) {
			left = unit->entry.slices;
			continue;
		}
		for (uint32_t i = 0; i < ABI_LOG_SLICES && left > 0; i++, left--) {
			see(app, unit->slices[i]);
		}
	}
}
