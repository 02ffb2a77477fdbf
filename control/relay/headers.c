#include "headers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SEED_TRIES 1000u

uint8_t headers_kind(const struct abi_log_entry *entry)
{
	return entry->header < ABI_HEADER_KINDS ? entry->header : ABI_HEADER_NONE;
}

static struct header *header_create(const struct abi_header *from, uint32_t length)
{
	struct header *header = malloc(sizeof(*header) + length);

	if (header) {
		header->references = 1;
		header->length = length;
		header->type = from->type;
		header->kind = from->kind;
		header->track = from->track;
		header->flags = from->flags;
	}
	return header;
}

static void header_put(struct header *header)
{
	if (header && --header->references == 0) {
		free(header);
	}
}

/* Of the same kind and track; messages of several tracks are told apart by their first. */
static bool supersedes(const struct abi_header *a, const struct header *b)
{
	return a->kind == b->kind && a->track == b->track &&
	       (a->flags & ABI_LOG_TRACKS) == (b->flags & ABI_LOG_TRACKS);
}

static void append(struct header_set *set, struct header *header)
{
	set->headers[set->count++] = header;
}

/* All of the old set of kinds from `low` to `high` that `key` does not supersede. */
static void keep(struct header_set *to, const struct header_set *from, const struct abi_header *key,
		 uint8_t low, uint8_t high)
{
	for (uint32_t i = 0; from && i < from->count; i++) {
		struct header *header = from->headers[i];

		if (header->kind >= low && header->kind <= high && !supersedes(key, header)) {
			assert(header->references > 0);
			header->references++;
			append(to, header);
		}
	}
}

/* How many of the set `key` leaves in force. */
static uint32_t count_others(const struct header_set *set, const struct abi_header *key)
{
	uint32_t count = 0;

	for (uint32_t i = 0; set && i < set->count; i++) {
		count += !supersedes(key, set->headers[i]);
	}
	return count;
}

/*
 * A set with `header`, whose reference it takes over, in place of what `key` names. NULL, or a set
 * that is full: that place is empty then.
 */
static int exchange(struct header_set **set, const struct abi_header *key, struct header *header)
{
	struct header_set *from = *set;
	struct header_set *to = calloc(1, sizeof(*to));

	if (!to || (header && count_others(from, key) == ABI_HEADERS_MAX)) {
		header_put(header);
		header = NULL;
	}
	if (!to) {
		return -1;
	}
	to->references = 1;
	keep(to, from, key, 0, key->kind);
	if (header) {
		append(to, header);
	}
	keep(to, from, key, key->kind + 1, UINT8_MAX);
	headers_put(from);
	*set = to;
	return 0;
}

int headers_update(struct header_set **set, const struct log_view *view,
		   const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	struct abi_header key = {
		.type = entry->type,
		.kind = headers_kind(entry),
		.track = entry->track,
		.flags = entry->flags,
	};
	struct header *header = NULL;

	if (entry->length <= HEADER_MAX) {
		header = header_create(&key, entry->length);
		if (!header || log_reader_copy(view, message, header->data, header->length)) {
			free(header);
			return -1;
		}
	}
	return exchange(set, &key, header);
}

static void copy_words(struct abi_header_block *to, const struct abi_header_block *from)
{
	const _Atomic uint64_t *words = (const _Atomic uint64_t *)from;
	uint64_t *out = (uint64_t *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*out); i++) {
		out[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
	}
}

/*
 * A copy that no write crossed; empty when there is no block. False when the worker was at it all
 * the time, or names a block that there is not.
 */
static bool copy_block(struct abi_header_block *to, const struct log_view *view,
		       const struct abi_stream *stream)
{
	const struct abi_header_block *blocks = (const void *)view->units;

	for (uint32_t try = 0; try < SEED_TRIES; try++) {
		/* Acquire: pairs with the worker's release that makes the sequence even. */
		uint32_t before =
			atomic_load_explicit(&stream->header_sequence, memory_order_acquire);
		uint32_t block = atomic_load_explicit(&stream->header_block, memory_order_relaxed);

		memset((void *)to, 0, sizeof(*to));
		if (block < view->blocks) {
			copy_words(to, &blocks[block]);
		}
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == atomic_load_explicit(&stream->header_sequence,
								      memory_order_relaxed)) {
			return block < view->blocks || block == ABI_LOG_NO_BLOCK;
		}
	}
	return false;
}

/* False for what the dataplane cannot have written. */
static bool valid(const struct abi_header_block *block, const struct abi_header *from)
{
	return from->kind > ABI_HEADER_NONE && from->kind < ABI_HEADER_KINDS &&
	       from->offset <= sizeof(block->data) &&
	       from->length <= sizeof(block->data) - from->offset;
}

static int seed(struct header_set **set, const struct abi_header_block *block,
		const struct abi_header *from)
{
	struct header *header = valid(block, from) ? header_create(from, from->length) : NULL;

	if (!header) {
		return -1;
	}
	memcpy(header->data, (const uint8_t *)block->data + from->offset, from->length);
	return exchange(set, from, header);
}

int headers_seed(struct header_set **set, const struct log_view *view,
		 const struct abi_stream *stream)
{
	struct abi_header_block copy;

	if (!copy_block(&copy, view, stream) || copy.count > ABI_HEADERS_MAX) {
		return -1;
	}
	for (uint32_t i = 0; i < copy.count; i++) {
		if (seed(set, &copy, &copy.headers[i])) {
			return -1;
		}
	}
	return 0;
}

struct header_set *headers_get(struct header_set *set)
{
	if (set) {
		set->references++;
	}
	return set;
}

void headers_put(struct header_set *set)
{
	if (!set || --set->references > 0) {
		return;
	}
	for (uint32_t i = 0; i < set->count; i++) {
		header_put(set->headers[i]);
	}
	free(set);
}

const struct header *headers_find(const struct header_set *set, uint8_t kind, uint8_t track)
{
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct header *header = set->headers[i];

		if (header->kind == kind && header->track == track &&
		    !(header->flags & ABI_LOG_TRACKS)) {
			return header;
		}
	}
	return NULL;
}
