#include "headers.h"

#include <stdlib.h>
#include <string.h>

#include "rtmp/message.h"

#define SEED_TRIES 1000u

int headers_kind(uint8_t type, uint8_t flags)
{
	if (flags & ABI_LOG_METADATA && type == RTMP_TYPE_AUDIO) {
		return -1; /* multichannel configuration: abi/pub.h has no place for it */
	}
	if (flags & ABI_LOG_METADATA) {
		return type == RTMP_TYPE_VIDEO ? ABI_HEADER_VIDEO_META : ABI_HEADER_METADATA;
	}
	if (!(flags & ABI_LOG_SEQUENCE_HEADER)) {
		return -1;
	}
	if (type == RTMP_TYPE_VIDEO) {
		return ABI_HEADER_VIDEO;
	}
	return type == RTMP_TYPE_AUDIO ? ABI_HEADER_AUDIO : -1;
}

static struct header *header_create(uint8_t type, uint32_t length)
{
	struct header *header = malloc(sizeof(*header) + length);

	if (header) {
		header->references = 1;
		header->length = length;
		header->type = type;
	}
	return header;
}

static void header_put(struct header *header)
{
	if (header && --header->references == 0) {
		free(header);
	}
}

static void replace(struct header_set *set, int kind, struct header *header)
{
	header_put(set->headers[kind]);
	set->headers[kind] = header;
}

int headers_update(struct header_set *set, const struct log_view *view,
		   const struct log_message *message)
{
	int kind = headers_kind(message->entry.type, message->entry.flags);
	struct header *header;

	if (kind < 0 || message->entry.length > HEADER_MAX) {
		return 0;
	}
	header = header_create(message->entry.type, message->entry.length);
	if (!header || log_reader_copy(view, message, header->data, header->length)) {
		free(header);
		return -1;
	}
	replace(set, kind, header);
	return 0;
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

int headers_seed(struct header_set *set, const struct log_view *view,
		 const struct abi_stream *stream)
{
	struct abi_header_block copy;

	if (!copy_block(&copy, view, stream)) {
		return -1;
	}
	for (int kind = 0; kind < (int)ABI_HEADER_KINDS; kind++) {
		const struct abi_header *from = &copy.headers[kind];
		struct header *header;

		if (from->length == 0) {
			continue;
		}
		if (from->offset > sizeof(copy.data) ||
		    from->length > sizeof(copy.data) - from->offset) {
			return -1;
		}
		header = header_create(from->type, from->length);
		if (!header) {
			return -1;
		}
		memcpy(header->data, (const uint8_t *)copy.data + from->offset, from->length);
		replace(set, kind, header);
	}
	return 0;
}

void headers_copy(struct header_set *to, const struct header_set *from)
{
	for (int kind = 0; kind < (int)ABI_HEADER_KINDS; kind++) {
		struct header *header = from->headers[kind];

		if (header) {
			header->references++;
		}
		replace(to, kind, header);
	}
}

void headers_clear(struct header_set *set)
{
	for (int kind = 0; kind < (int)ABI_HEADER_KINDS; kind++) {
		replace(set, kind, NULL);
	}
}
