#include "dataplane/publish_header.h"

#include <assert.h>
#include <string.h>

#include "dataplane/message.h"
#include "rtmp/message.h"

#define HEADER_WORDS (sizeof(struct abi_header_block) / sizeof(uint64_t))
#define DATA_SIZE    (sizeof(((struct abi_header_block *)0)->data))

static_assert(offsetof(struct abi_header_block, used) == 4, "sequence and used are word 0");

uint32_t publish_header_kind(uint8_t type, uint8_t flags)
{
	switch (type) {
	case RTMP_TYPE_VIDEO:
		if (flags & RTMP_MEDIA_SEQUENCE_HEADER) {
			return ABI_HEADER_VIDEO;
		}
		return flags & RTMP_MEDIA_METADATA ? ABI_HEADER_VIDEO_META : ABI_HEADER_KINDS;
	case RTMP_TYPE_AUDIO:
		return flags & RTMP_MEDIA_SEQUENCE_HEADER ? ABI_HEADER_AUDIO : ABI_HEADER_KINDS;
	case RTMP_TYPE_DATA_AMF0:
	case RTMP_TYPE_DATA_AMF3:
		return flags & RTMP_MEDIA_METADATA ? ABI_HEADER_METADATA : ABI_HEADER_KINDS;
	default:
		return ABI_HEADER_KINDS;
	}
}

/* The block as words: readers copy it the same way while it may change under them. */
static _Atomic uint64_t *words(struct abi_header_block *block)
{
	return (_Atomic uint64_t *)(void *)block;
}

/* Replaces all but the sequence by what stands in `from`, which is private. */
static void replace(struct abi_header_block *block, const struct abi_header_block *from)
{
	uint64_t image[HEADER_WORDS];
	uint32_t sequence = atomic_load_explicit(&block->sequence, memory_order_relaxed);

	memcpy(image, from, sizeof(image));
	atomic_store_explicit(&block->sequence, sequence + 1, memory_order_relaxed);
	/* A reader that sees any word written below also sees the odd sequence. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 1; i < HEADER_WORDS; i++) {
		atomic_store_explicit(&words(block)[i], image[i], memory_order_relaxed);
	}
	atomic_store_explicit((_Atomic uint32_t *)(void *)&block->used, from->used,
			      memory_order_relaxed);
	/* Pairs with the acquire with which a reader begins. */
	atomic_store_explicit(&block->sequence, sequence + 2, memory_order_release);
}

void publish_header_clear(struct abi_header_block *block)
{
	static const struct abi_header_block empty;

	replace(block, &empty);
}

/* Copies the headers of all other kinds to `scratch`, one after the other. */
static void keep_others(const struct abi_header_block *block, struct abi_header_block *scratch,
			uint32_t kind)
{
	const uint8_t *from = (const uint8_t *)block->data;
	uint8_t *to = (uint8_t *)scratch->data;

	memset(scratch, 0, sizeof(*scratch));
	for (uint32_t i = 0; i < ABI_HEADER_KINDS; i++) {
		const struct abi_header *h = &block->headers[i];
		if (i == kind || h->length == 0) {
			continue;
		}
		scratch->headers[i] = *h;
		scratch->headers[i].offset = scratch->used;
		memcpy(to + scratch->used, from + h->offset, h->length);
		scratch->used += h->length;
	}
}

void publish_header_set(struct abi_header_block *block, struct abi_header_block *scratch,
			uint32_t kind, const struct abi_header *header,
			const struct message_pool *pool, const struct message *message)
{
	keep_others(block, scratch, kind);
	if (message->bytes <= DATA_SIZE - scratch->used) {
		struct abi_header *h = &scratch->headers[kind];
		*h = *header;
		h->offset = scratch->used;
		h->length = message_copy(pool, message, (uint8_t *)scratch->data + scratch->used,
					 message->bytes);
		scratch->used += h->length;
	}
	replace(block, scratch);
}
