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

/* Copies the headers that stay in force to `scratch`, one after the other. */
static void keep_others(const struct abi_header_block *block, struct abi_header_block *scratch,
			const struct abi_header *header)
{
	const uint8_t *from = (const uint8_t *)block->data;
	uint8_t *to = (uint8_t *)scratch->data;

	memset(scratch, 0, sizeof(*scratch));
	for (uint32_t i = 0; i < block->count; i++) {
		const struct abi_header *h = &block->headers[i];
		struct abi_header *copy = &scratch->headers[scratch->count];
		if (supersedes(header, h)) {
			continue;
		}
		*copy = *h;
		copy->offset = (uint16_t)scratch->used;
		memcpy(to + scratch->used, from + h->offset, h->length);
		scratch->used += h->length;
		scratch->count++;
	}
}

/* Puts one more there, if it fits. */
static int add(struct abi_header_block *scratch, const struct abi_header *header,
	       const struct message_pool *messages, const struct message *message)
{
	struct abi_header *h = &scratch->headers[scratch->count];

	if (scratch->count == ABI_HEADERS_MAX || message->bytes > DATA_SIZE - scratch->used) {
		return -EMSGSIZE;
	}
	*h = *header;
	h->offset = (uint16_t)scratch->used;
	h->length = (uint16_t)message_copy(
		messages, message, (uint8_t *)scratch->data + scratch->used, message->bytes);
	scratch->used += h->length;
	scratch->count++;
	return 0;
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
	keep_others(block_at(pool, block), scratch, header);
	int err = add(scratch, header, messages, message);
	replace(pool, stream, block, scratch);
	return err;
}
