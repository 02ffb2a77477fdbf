/*
 * What the logs hold, read as control would: every byte is the mark of the publisher that asked for
 * the slot, and every reference has its reference count.
 */
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/ref.h"
#include "hostile.h"

void hostile_fail(struct hostile *h, const char *what)
{
	if (!h->failed) {
		fprintf(stderr, "stress: %s (seed %lu)\n", what, (unsigned long)h->seed);
	}
	h->failed = true;
}

static const union abi_log_unit *unit_at(const struct world *w, uint32_t block, uint64_t position)
{
	const struct abi_log_block *blocks =
		(const void *)(w->pub_region.base + w->pub->blocks_offset);

	return &blocks[block].units[position % ABI_LOG_BLOCK_UNITS];
}

/* The block of the unit after `position`. */
static uint32_t block_after(const struct world *w, uint32_t block, uint64_t position)
{
	const _Atomic uint32_t *next =
		(const void *)(w->pub_region.base + w->pub->block_next_offset);

	return (position + 1) % ABI_LOG_BLOCK_UNITS == 0 ? atomic_load(&next[block]) : block;
}

static uint32_t walk(struct hostile *h, uint32_t block, uint64_t position)
{
	uint32_t after = block_after(&h->world, block, position);

	if (after >= h->world.memory.log_blocks) {
		hostile_fail(h, "the chain of blocks is broken");
		return 0;
	}
	return after;
}

static bool ref_valid(const struct world *w, uint64_t ref)
{
	return abi_ref_region(ref) == 0 && abi_ref_length(ref) > 0 &&
	       abi_ref_offset(ref) + abi_ref_length(ref) <= w->packets.region.size;
}

struct expected {
	uint64_t mark;
	uint32_t number;
	uint32_t at;
};

static bool is_ours(const struct world *w, uint64_t ref, struct expected *e)
{
	const uint8_t *data = w->packets.region.base + abi_ref_offset(ref);
	uint32_t length = abi_ref_length(ref);

	for (uint32_t i = 0; i < length; i++) {
		if (data[i] != hostile_byte(e->mark, e->number, e->at + i)) {
			return false;
		}
	}
	e->at += length;
	return true;
}

static void check_slices(struct hostile *h, struct hostile_log *log,
			 const struct abi_log_entry *entry)
{
	struct expected e = {.mark = log->mark, .number = entry->timestamp};
	const union abi_log_unit *unit = NULL;

	for (uint32_t i = 0; i < entry->slices && !h->failed; i++) {
		if (i % ABI_LOG_SLICES == 0) {
			unit = unit_at(&h->world, log->block, log->head);
			log->block = walk(h, log->block, log->head++);
		}
		uint64_t ref = unit->slices[i % ABI_LOG_SLICES];
		if (!ref_valid(&h->world, ref) || !is_ours(&h->world, ref, &e)) {
			hostile_fail(h, "a log holds what its publisher did not send");
		}
	}
	if (e.at != entry->length) {
		hostile_fail(h, "a message has not its length");
	}
}

static void check_message(struct hostile *h, struct hostile_log *log)
{
	struct abi_log_entry entry = unit_at(&h->world, log->block, log->head)->entry;
	uint64_t at = log->messages % HOSTILE_MESSAGES;

	if (!(entry.flags & ABI_LOG_ENTRY) || entry.number != log->messages) {
		hostile_fail(h, "an entry is out of order");
		return;
	}
	log->seen[at].position = log->head;
	log->seen[at].slices = entry.slices;
	log->block = walk(h, log->block, log->head++);
	check_slices(h, log, &entry);
	log->seen[at].next = log->head;
	log->messages++;
	h->messages++;
}

/* True when the publication in the slot is another one than the log knows. */
static bool is_new(const struct hostile_log *log, uint64_t generation)
{
	return generation != log->generation &&
	       !(generation % 2 == 0 && generation == log->generation + 1);
}

/* A command has no effect on another publication than it speaks of. */
static void check_name(struct hostile *h, const struct abi_stream *s, uint64_t generation)
{
	size_t length = strlen(HOSTILE_NAME);

	if (!h->two && atomic_load(&s->state) == ABI_STREAM_LIVE &&
	    strncmp(s->name, HOSTILE_NAME, length) == 0 &&
	    strtoull(s->name + length, NULL, 10) != generation) {
		hostile_fail(h, "a command was obeyed for another publication");
	}
}

static void check_slot(struct hostile *h, uint32_t slot)
{
	struct abi_stream *s = world_stream(&h->world, slot);
	struct hostile_log *log = &h->logs[slot];
	uint64_t generation = atomic_load(&s->generation);

	if (is_new(log, generation)) {
		log->generation = generation % 2 == 0 ? generation - 1 : generation;
		log->mark = hostile_mark(strtoull(s->asked, NULL, 10));
		log->head = 0;
		log->messages = 0;
	}
	if (log->head == 0) {
		log->block = s->first_block;
	}
	if (strnlen(s->name, sizeof(s->name)) == sizeof(s->name)) {
		hostile_fail(h, "a name has no end");
	}
	check_name(h, s, generation);
	while (log->head < atomic_load(&s->head) && !h->failed) {
		check_message(h, log);
	}
}

void hostile_check_new(struct hostile *h)
{
	for (uint32_t slot = 0; slot < h->world.memory.streams && !h->failed; slot++) {
		check_slot(h, slot);
	}
}

/* Counts the references of one unit of slices; `e` is NULL when the message is not there whole. */
static void count_unit(struct hostile *h, const union abi_log_unit *unit, uint32_t count,
		       struct expected *e)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t ref = unit->slices[i];
		if (!ref_valid(&h->world, ref) || (e && !is_ours(&h->world, ref, e))) {
			hostile_fail(h, "what a log holds has changed");
			return;
		}
		h->held[abi_ref_segment(ref) / ABI_SEGMENT_ALIGN]++;
	}
}

/* What is left of message `n`; `block` is that of the first unit that is left. */
static uint32_t count_message(struct hostile *h, const struct hostile_log *log, uint64_t n,
			      uint64_t reclaimed, uint32_t block)
{
	uint64_t at = log->seen[n % HOSTILE_MESSAGES].position;
	uint32_t left = log->seen[n % HOSTILE_MESSAGES].slices;
	struct expected e = {.mark = log->mark};
	bool whole = at >= reclaimed;

	if (whole) {
		e.number = unit_at(&h->world, block, at)->entry.timestamp;
		block = walk(h, block, at);
	}
	for (at++; left > 0 && !h->failed; at++) {
		uint32_t count = left < ABI_LOG_SLICES ? left : ABI_LOG_SLICES;
		left -= count;
		if (at >= reclaimed) {
			count_unit(h, unit_at(&h->world, block, at), count, whole ? &e : NULL);
			block = walk(h, block, at);
		}
	}
	return block;
}

/* Counts the references of the units that are not given back. */
static void count_log(struct hostile *h, uint32_t slot)
{
	const struct abi_stream *s = world_stream(&h->world, slot);
	const struct hostile_log *log = &h->logs[slot];
	uint64_t reclaimed = atomic_load(&s->reclaimed);
	uint32_t block = atomic_load(&s->reclaimed_block);
	uint64_t n = log->messages;

	if (reclaimed > log->head) {
		hostile_fail(h, "more was given back than there was");
		return;
	}
	while (n > 0 && log->seen[(n - 1) % HOSTILE_MESSAGES].next > reclaimed) {
		n--;
	}
	for (; n < log->messages && !h->failed; n++) {
		block = count_message(h, log, n, reclaimed, block);
	}
}

struct audit {
	struct hostile *h;
	bool strict;
	uint32_t held;
	uint32_t more; /* references beyond those of logs */
};

static void audit_mbuf(struct rte_mempool *pool, void *app, void *object, unsigned int index)
{
	struct audit *audit = app;
	const struct rte_mbuf *m = object;
	size_t offset = (size_t)((const uint8_t *)object - audit->h->world.packets.region.base);
	uint16_t held = audit->h->held[offset / ABI_SEGMENT_ALIGN];
	uint16_t count = rte_mbuf_refcnt_read(m);

	(void)pool;
	(void)index;
	audit->held += held > 0;
	if (held > 0 && count > held) {
		audit->more += (uint32_t)count - held;
	}
	if (held > 0 && (count < held || (audit->strict && count > held + 1))) {
		hostile_fail(audit->h, "a segment has not the reference counts that logs hold");
	}
}

void hostile_audit(struct hostile *h, bool strict)
{
	struct world *w = &h->world;
	struct audit audit = {.h = h, .strict = strict};

	memset(h->held, 0, w->packets.region.size / ABI_SEGMENT_ALIGN * sizeof(h->held[0]));
	for (uint32_t slot = 0; slot < w->memory.streams && !h->failed; slot++) {
		count_log(h, slot);
	}
	(void)rte_mempool_obj_iter(w->packets.pool, audit_mbuf, &audit);
	uint32_t used = w->memory.packets - rte_mempool_avail_count(w->packets.pool);
	/* Each connection may keep one segment, into which it copies small ones; logs may hold it
	 * as well. */
	if (used < audit.held || (strict && used - audit.held + audit.more > HOSTILE_PUBLISHERS)) {
		hostile_fail(h, "segments are lost, or free while they are held");
	}
	if (!dp_ingest_check_memory(w->ingest)) {
		hostile_fail(h, "the accounts are not what is there");
	}
	h->audits += strict;
}
