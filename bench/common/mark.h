/*
 * Mark: what a synthetic payload says of itself, so that a receiver can tell whose it is, which one
 * it is, and whether every byte of it is its own.
 *
 * A marked payload is an RTMP media header (5 bytes of video, 2 of audio), a mark of MARK_BYTES in
 * host byte order, and a filler that follows from the mark; data messages carry theirs at the end.
 *
 * The filler is a piece of one constant pattern, so that a sender need not write it: where it
 * begins depends on stream and number. Each of 65536 messages of a stream in a row has another
 * filler; those of two streams may by chance (1 in 65536) agree.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

#include <stdbool.h>
#include <stdint.h>

#define MARK_BYTES     40u
#define MARK_VIDEO     5u /* offset: AVC packet type and composition time stand before it */
#define MARK_AUDIO     2u

/* The pattern repeats itself after MARK_PERIOD bytes and is readable for as many again. */
#define MARK_PERIOD    65536u
#define MARK_PATTERN   (2 * MARK_PERIOD)

/* Number of sequence headers and metadata, which a relay may repeat at any time. */
#define MARK_NO_NUMBER UINT64_MAX

struct mark {
	uint32_t stream;      /* mark_stream() */
	uint32_t incarnation; /* connection of the publisher, from 0: numbers begin anew */
	uint64_t number;      /* of the message, from 0, all types counted together */
	uint64_t keyframe;    /* number of the keyframe that began its GOP */
	uint64_t sent_ns; /* CLOCK_MONOTONIC when its sender made it, to hand it to TCP; 0: not said
			   */
};

/* Once, before anything else here; also makes sink_crc32() usable. */
void mark_init(void);

/* Stream number of a name; its query does not count. */
uint32_t mark_stream(const char *name);

/* Offset of the mark in a message of this RTMP type; UINT32_MAX when it is too short for one. */
uint32_t mark_offset(uint8_t type, uint32_t len);

/* Writes the mark alone, without its filler. */
void mark_write_head(const struct mark *mark, uint8_t data[MARK_BYTES]);

/* The pattern, MARK_PATTERN bytes. */
const uint8_t *mark_pattern(void);

/* Filler byte `at` (from the mark's first byte on) is pattern byte (start + at) % MARK_PERIOD. */
uint32_t mark_start(const struct mark *mark);

/* Writes mark and filler; len >= MARK_BYTES. */
void mark_write(const struct mark *mark, uint8_t *data, uint32_t len);

/* Reads what mark_write() wrote; false when there is none, or a damaged one. */
bool mark_read(struct mark *mark, const uint8_t *data, uint32_t len)
	__attribute__((warn_unused_result));

/* Bytes of the filler that are not what the mark says. */
uint32_t mark_foreign_bytes(const struct mark *mark, const uint8_t *data, uint32_t len);

#endif
