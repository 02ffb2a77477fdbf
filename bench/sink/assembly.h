/*
 * Assembly: complete messages from the pieces of one connection's chunk streams.
 *
 * A message that came in one piece is not copied. Buffers grow with what was received, never to a
 * declared length, and large ones are given back after each message, because a sink has thousands
 * of connections.
 */
#ifndef SINK_ASSEMBLY_H
#define SINK_ASSEMBLY_H

#include "rtmp/chunk_reader.h"

struct assembly_slot {
	uint8_t *data;
	uint32_t len;
	uint32_t cap;
	uint32_t pieces;
	uint32_t stream_id; /* publish that the message under way belongs to */
	bool partial;
};

struct assembly {
	struct assembly_slot slots[RTMP_CHUNK_STREAMS];
};

enum assembly_result {
	ASSEMBLY_MORE = 0,
	ASSEMBLY_COMPLETE, /* `data` is the message, up to assembly_release() */
	ASSEMBLY_SHORT,    /* the last piece came, the length is not the declared one */
	ASSEMBLY_NO_MEMORY,
};

enum assembly_result assembly_add(struct assembly *a, const struct rtmp_piece *piece,
				  uint32_t stream_id, const uint8_t **data);
void assembly_release(struct assembly *a, uint32_t index);

void assembly_fini(struct assembly *a);

#endif
