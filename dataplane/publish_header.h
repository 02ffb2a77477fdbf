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

/* Without a header. */
void publish_header_open(struct abi_stream *stream);
/* Gives the block back, if there is one. */
void publish_header_close(struct log_pool *pool, struct abi_stream *stream);

/*
 * Puts `message` behind the others of its kind and takes the one of its track out. `header` says
 * all but length and offset. `scratch` is a private block. 0; -ENOSPC when the pool has no block
 * for the stream's first header; -EMSGSIZE when there is no room: then there is none of that kind
 * and track, because the one before is not in force any more.
 */
int publish_header_set(struct log_pool *pool, struct abi_stream *stream,
		       struct abi_header_block *scratch, const struct abi_header *header,
		       const struct message_pool *messages, const struct message *message)
	__attribute__((warn_unused_result));

#endif
