/*
 * Wire image of one RTMP message: all its chunks, headers and payload, as a run of bytes that can
 * be cut anywhere, without having been written anywhere.
 *
 * Payload is a short head of its own, which carries the mark, and a body that is shared: a piece of
 * the pattern of marks, or a tag of an FLV file. So a message that waits for TCP takes 150 bytes,
 * whatever its length.
 */
#ifndef GEN_WIRE_H
#define GEN_WIRE_H

#include <stdint.h>
#include <sys/uio.h>

#include "bench/common/mark.h"
#include "rtmp/chunk_writer.h"

#define WIRE_HEAD 80u

struct wire {
	uint8_t *raw;        /* bytes instead of a message: replies; freed with the wire */
	const uint8_t *body; /* payload behind the head; the pattern, when `looped` */
	uint32_t size;       /* bytes on the wire */
	uint32_t length;     /* bytes of payload */
	uint32_t chunk_size;
	uint32_t start; /* of the pattern: payload byte `at` is its byte (start + at) % period */
	bool looped;
	uint8_t head_len;
	uint8_t first_len;
	uint8_t next_len;
	uint8_t first[RTMP_CHUNK_HEADER_MAX]; /* header of the first chunk */
	uint8_t next[RTMP_CHUNK_HEADER_MAX];  /* of all others */
	uint8_t head[WIRE_HEAD];
};

/* Takes the chunk headers of `msg` from the writer; head and body are the caller's to set. */
void wire_begin(struct wire *wire, struct rtmp_chunk_writer *writer,
		const struct rtmp_message *msg);

/*
 * Bytes from `offset` on, at most `limit` of them and at most `max` (1 or more) pieces: their
 * places in `iov`. Returns the bytes that the pieces hold; 0 only at the end. The places are valid
 * as long as the wire stands where it stands.
 */
uint32_t wire_cut(const struct wire *wire, uint32_t offset, uint32_t limit, struct iovec *iov,
		  uint32_t max, uint32_t *count);

#endif
