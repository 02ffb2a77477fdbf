/*
 * Header block of a publication (struct abi_header_block): metadata and sequence headers, copied
 * out of the log so that a consumer can be started at any time.
 */
#ifndef DP_PUBLISH_HEADER_H
#define DP_PUBLISH_HEADER_H

#include <stdint.h>

#include "abi/pub.h"

struct log_pool;
struct message;
struct message_pool;

/* Which header a message of this type and these flags is; ABI_HEADER_KINDS for none. */
uint32_t publish_header_kind(uint8_t type, uint8_t flags);

/* Without a header. */
void publish_header_open(struct abi_stream *stream);
/* Gives the block back, if there is one. */
void publish_header_close(struct log_pool *pool, struct abi_stream *stream);

/*
 * Puts `message` in the place of the header of its kind. `header` says type, timestamp and
 * position. One that does not fit is left out (length 0). `scratch` is a private block. 0, or
 * -ENOSPC when the pool has no block for the stream's first header.
 */
int publish_header_set(struct log_pool *pool, struct abi_stream *stream,
		       struct abi_header_block *scratch, uint32_t kind,
		       const struct abi_header *header, const struct message_pool *messages,
		       const struct message *message) __attribute__((warn_unused_result));

#endif
