#include "trace.h"

#define CHUNK      64u
#define CUT_TRIES  8u
#define START_SKIP 8u /* part of a full ring that the first reading leaves out */

/* One ring on its way into the merge. */
struct ring_reader {
	uint64_t next; /* record that is copied next */
	uint64_t end;
	uint32_t at; /* in `chunk` */
	uint32_t count;
	struct trace_event chunk[CHUNK];
};

struct merge {
	const struct abi_trace *trace;
	uint32_t records;
	uint64_t lost;
	struct ring_reader rings[ABI_TRACE_RINGS];
};

static uint64_t load_head(const struct abi_trace *trace, uint32_t ring)
{
	/* Pairs with the release of the worker: the records below are written. */
	return atomic_load_explicit(&trace->ring[ring].head, memory_order_acquire);
}

/*
 * Heads of one moment, if that can be had: what happened later is then in none of the rings, and a
 * reading never ends with an event of which an older one is still to come.
 */
static void cut(const struct abi_trace *trace, uint64_t heads[ABI_TRACE_RINGS])
{
	bool moved = true;

	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		heads[i] = load_head(trace, i);
	}
	for (uint32_t tries = 0; moved && tries < CUT_TRIES; tries++) {
		moved = false;
		for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
			uint64_t head = load_head(trace, i);

			moved |= head != heads[i];
			heads[i] = head;
		}
	}
}

static void begin_ring(struct merge *merge, uint32_t ring, uint64_t from, uint64_t head)
{
	struct ring_reader *reader = &merge->rings[ring];
	uint64_t oldest = head >= merge->records ? head - merge->records + 1 : 0;

	reader->at = 0;
	reader->count = 0;
	reader->end = head;
	if (from == TRACE_FROM_OLDEST || from > head) {
		/* The oldest are being overwritten while we read: that is no loss. */
		reader->next = oldest > 0 ? oldest + merge->records / START_SKIP : 0;
		return;
	}
	if (from < oldest) {
		merge->lost += oldest - from;
		from = oldest;
	}
	reader->next = from;
}

static void copy_record(const struct abi_trace_record *from, struct trace_event *to)
{
	to->stamp = atomic_load_explicit(&from->stamp, memory_order_relaxed);
	to->connection = atomic_load_explicit(&from->connection, memory_order_relaxed);
	to->event = atomic_load_explicit(&from->event, memory_order_relaxed);
	to->argument[0] = atomic_load_explicit(&from->argument[0], memory_order_relaxed);
	to->argument[1] = atomic_load_explicit(&from->argument[1], memory_order_relaxed);
}

/* Copies the next records and sets those aside that were overwritten meanwhile. */
static void fill(struct merge *merge, uint32_t ring)
{
	struct ring_reader *reader = &merge->rings[ring];
	uint64_t from = reader->next;
	uint64_t left = reader->end - from;
	const struct abi_trace_record *records =
		&merge->trace->records[(uint64_t)ring * merge->records];

	reader->at = 0;
	reader->count = left < CHUNK ? (uint32_t)left : CHUNK;
	for (uint32_t i = 0; i < reader->count; i++) {
		copy_record(&records[(from + i) % merge->records], &reader->chunk[i]);
	}
	reader->next = from + reader->count;
	/* Pairs with the release fence of the worker: who saw a word of record n sees head >= n. */
	atomic_thread_fence(memory_order_acquire);
	uint64_t head = atomic_load_explicit(&merge->trace->ring[ring].head, memory_order_relaxed);
	while (reader->at < reader->count && from + reader->at + merge->records <= head) {
		reader->at++;
		merge->lost++;
	}
}

/* True when there is a record. */
static bool refill(struct merge *merge, uint32_t ring)
{
	struct ring_reader *reader = &merge->rings[ring];

	while (reader->at == reader->count && reader->next < reader->end) {
		fill(merge, ring);
	}
	return reader->at < reader->count;
}

/* The oldest event that is left of all rings, NULL when there is none. */
static const struct trace_event *take(struct merge *merge)
{
	struct ring_reader *oldest = NULL;

	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		struct ring_reader *reader = &merge->rings[i];

		if (refill(merge, i) &&
		    (oldest == NULL ||
		     reader->chunk[reader->at].stamp < oldest->chunk[oldest->at].stamp)) {
			oldest = reader;
		}
	}
	return oldest != NULL ? &oldest->chunk[oldest->at++] : NULL;
}

struct trace_result trace_read(const struct abi_trace *trace, uint32_t records,
			       struct trace_cursor *cursor, uint32_t connection,
			       struct trace_event *out, uint32_t max)
{
	struct merge merge = {.trace = trace, .records = records};
	struct trace_result result = {.count = 0};
	const struct trace_event *event = NULL;
	uint64_t heads[ABI_TRACE_RINGS];

	cut(trace, heads);
	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		begin_ring(&merge, i, cursor->next[i], heads[i]);
	}
	while (result.count < max && (event = take(&merge)) != NULL) {
		if (connection == 0 || event->connection == connection) {
			out[result.count++] = *event;
		}
	}
	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		const struct ring_reader *reader = &merge.rings[i];

		cursor->next[i] = reader->next - (reader->count - reader->at);
	}
	result.lost = merge.lost;
	result.more = event != NULL;
	return result;
}
