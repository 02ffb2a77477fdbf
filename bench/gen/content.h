/*
 * Content: the messages of one synthetic H.264 + AAC stream.
 *
 * 30 frames a second with a keyframe every 60, audio every 23 ms; the first messages are metadata
 * and the two sequence headers. Every payload carries its stream's mark and its message number, so
 * that a receiver can tell whose it is.
 */
#ifndef GEN_CONTENT_H
#define GEN_CONTENT_H

#include <stdint.h>

#include "rtmp/message.h"

#define CONTENT_HEAD 32u /* bytes of a payload that differ; the rest is a fixed pattern */

struct content {
	uint32_t mark;
	uint32_t message; /* bytes of an inter frame */
	uint64_t number;
	uint64_t frames;
	uint64_t audio;
};

struct content_message {
	struct rtmp_message msg;
	uint8_t head[CONTENT_HEAD]; /* first bytes of the payload, as many as there are */
};

void content_init(struct content *content, uint32_t mark, uint32_t message);

/* The next message. */
void content_next(struct content *content, uint32_t stream_id, struct content_message *out);

/* Average bytes of payload per millisecond of media, times 1000. */
uint64_t content_bytes_per_second(uint32_t message);

/* The pattern that payloads continue with, from their byte `offset` on; at least 64 KiB of it. */
const uint8_t *content_pattern(uint32_t offset);

#endif
