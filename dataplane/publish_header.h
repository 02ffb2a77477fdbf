/*
 * Header block of a publication (struct abi_header_block): metadata and sequence headers, copied
 * out of the log so that a consumer can be started at any time.
 */
#ifndef DP_PUBLISH_HEADER_H
#define DP_PUBLISH_HEADER_H

#include <stdint.h>

#include "abi/pub.h"

struct message;
struct message_pool;

/* Which header a message of this type and these flags is; ABI_HEADER_KINDS for none. */
uint32_t publish_header_kind(uint8_t type, uint8_t flags);

/* Empties the block. */
void publish_header_clear(struct abi_header_block *block);

/*
 * Puts `message` in the place of the header of its kind. `header` says type, timestamp and
 * position. One that does not fit is left out (length 0). `scratch` is a private block.
 */
void publish_header_set(struct abi_header_block *block, struct abi_header_block *scratch,
			uint32_t kind, const struct abi_header *header,
			const struct message_pool *pool, const struct message *message);

#endif
