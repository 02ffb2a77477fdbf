#include "dataplane/publish_header.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/log_writer.h"
#include "dataplane/message.h"

#define HEADER_WORDS (sizeof(struct abi_header_block) / sizeof(uint64_t))
#define DATA_SIZE    (sizeof(((struct abi_header_block *)0)->data))

/* The block as words: readers copy it the same way while it may change under them. */
static _Atomic uint64_t *words(struct abi_header_block *block)
{
	return (_Atomic uint64_t *)(void *)block;
}

static struct abi_header_block *block_at(const struct log_pool *pool, uint32_t block)
{
	return (struct abi_header_block *)(void *)&pool->blocks[block];
}

static uint32_t write_begin(struct abi_stream *stream)
{
	uint32_t sequence = atomic_load_explicit(&stream->header_sequence, memory_order_relaxed);

	atomic_store_explicit(&stream->header_sequence, sequence + 1, memory_order_relaxed);
	/* A reader that sees any word written below also sees the odd sequence. */
	atomic_thread_fence(memory_order_release);
	return sequence + 2;
}

static void write_end(struct abi_stream *stream, uint32_t sequence)
{
	/* Pairs with the acquire with which a reader begins. */
	atomic_store_explicit(&stream->header_sequence, sequence, memory_order_release);
}

void publish_header_open(struct abi_stream *stream)
{
	uint32_t sequence = write_begin(stream);

	atomic_store_explicit(&stream->header_block, ABI_LOG_NO_BLOCK, memory_order_relaxed);
	write_end(stream, sequence);
}

void publish_header_close(struct log_pool *pool, struct abi_stream *stream)
{
	uint32_t block = atomic_load_explicit(&stream->header_block, memory_order_relaxed);

	publish_header_open(stream);
	if (block != ABI_LOG_NO_BLOCK) {
		/* Who still reads it sees the sequence with whatever is written there next. */
		atomic_thread_fence(memory_order_release);
		log_block_put(pool, block);
	}
}

/* Of the same kind and track; messages of several tracks are told apart by their first. */
static bool supersedes(const struct abi_header *a, const struct abi_header *b)
{
	return a->kind == b->kind && a->track == b->track &&
	       (a->flags & ABI_LOG_TRACKS) == (b->flags & ABI_LOG_TRACKS);
}

/* Copies the headers that stay in force, of kinds from `low` to `high`, to the end of `scratch`. */
static void keep_others(const struct abi_header_block *block, struct abi_header_block *scratch,
			const struct abi_header *header, uint32_t low, uint32_t high)
{
	const uint8_t *from = (const uint8_t *)block->data;
	uint8_t *to = (uint8_t *)scratch->data;

	for (uint32_t i = 0; i < block->count; i++) {
		const struct abi_header *h = &block->headers[i];
		struct abi_header *copy = &scratch->headers[scratch->count];
		if (h->kind < low || h->kind > high || supersedes(header, h)) {
			continue;
		}
		*copy = *h;
		copy->offset = (uint16_t)scratch->used;
		memcpy(to + scratch->used, from + h->offset, h->length);
		scratch->used += h->length;
		scratch->count++;
	}
}

/* Whether there is room for one more beside those that stay in force. */
static bool has_room(const struct abi_header_block *block, const struct abi_header *header,
		     uint32_t length)
{
	uint32_t count = 0;
	uint32_t used = 0;

	for (uint32_t i = 0; i < block->count; i++) {
		if (!supersedes(header, &block->headers[i])) {
			used += block->headers[i].length;
			count++;
		}
	}
	return count < ABI_HEADERS_MAX && length <= DATA_SIZE - used;
}

static void add(struct abi_header_block *scratch, const struct abi_header *header,
		const struct message_pool *messages, const struct message *message)
{
	struct abi_header *h = &scratch->headers[scratch->count];

	*h = *header;
	h->offset = (uint16_t)scratch->used;
	h->length = (uint16_t)message_copy(
		messages, message, (uint8_t *)scratch->data + scratch->used, message->bytes);
	scratch->used += h->length;
	scratch->count++;
}

/* Replaces the block by what stands in `from`, which is private. */
static void replace(struct log_pool *pool, struct abi_stream *stream, uint32_t block,
		    const struct abi_header_block *from)
{
	uint64_t image[HEADER_WORDS];
	uint32_t sequence = write_begin(stream);

	memcpy(image, from, sizeof(image));
	for (size_t i = 0; i < HEADER_WORDS; i++) {
		atomic_store_explicit(&words(block_at(pool, block))[i], image[i],
				      memory_order_relaxed);
	}
	atomic_store_explicit(&stream->header_block, block, memory_order_relaxed);
	write_end(stream, sequence);
}

/* The stream's block, or a fresh one; ABI_LOG_NO_BLOCK when there is none left. */
static uint32_t find_block(struct log_pool *pool, const struct abi_stream *stream)
{
	uint32_t block = atomic_load_explicit(&stream->header_block, memory_order_relaxed);

	if (block != ABI_LOG_NO_BLOCK || pool->free_count == 0) {
		return block;
	}
	block = log_block_get(pool);
	memset(block_at(pool, block), 0, sizeof(struct abi_header_block));
	return block;
}

int publish_header_set(struct log_pool *pool, struct abi_stream *stream,
		       struct abi_header_block *scratch, const struct abi_header *header,
		       const struct message_pool *messages, const struct message *message)
{
	uint32_t block = find_block(pool, stream);

	if (block == ABI_LOG_NO_BLOCK) {
		return -ENOSPC;
	}
	const struct abi_header_block *now = block_at(pool, block);
	bool room = has_room(now, header, message->bytes);

	memset(scratch, 0, sizeof(*scratch));
	keep_others(now, scratch, header, 0, header->kind);
	if (room) {
		add(scratch, header, messages, message);
	}
	keep_others(now, scratch, header, header->kind + 1, ABI_HEADER_KINDS);
	replace(pool, stream, block, scratch);
	return room ? 0 : -EMSGSIZE;
}
