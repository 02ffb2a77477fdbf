/*
 * What both sides do with a struct rtmp_gather.
 */
#ifndef RTMP_GATHER_PRIVATE_H
#define RTMP_GATHER_PRIVATE_H

#include "rtmp/chunk_reader.h"
#include "rtmp/gather.h"
#include "rtmp/span.h"

void gather_init(struct rtmp_gather *g, const struct rtmp_buffers *buffers);

/* Gives the buffer back: nothing is under way any more. */
void gather_clear(struct rtmp_gather *g);

/* Takes bytes of `in` until there are `whole`; 0, or RTMP_ERR(BUFFERS). */
int gather_add(struct rtmp_gather *g, struct rtmp_span *in, uint32_t whole)
	__attribute__((warn_unused_result));

/* The same without keeping them. True when there were `whole`. */
bool gather_skip(struct rtmp_gather *g, struct rtmp_span *in, uint32_t whole);

/*
 * Adds a piece of a command message: 1 when it is complete, for gather_clear() once it is carried
 * out; 0 when more must come, or a negative error.
 */
int gather_command(struct rtmp_gather *g, const struct rtmp_piece *piece)
	__attribute__((warn_unused_result));

/* The message in `slot` was aborted. True when it was the command under way. */
bool gather_abort(struct rtmp_gather *g, uint32_t slot);

#endif
