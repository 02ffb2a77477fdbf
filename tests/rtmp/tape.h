/*
 * Bytes of a connection put together by hand, and a record of what the chunk reader made of them.
 *
 * Spans are handed over in memory of exactly their size that is freed right afterwards, so that the
 * address sanitizer sees a reader that looks too far or holds on to a span.
 */
#ifndef TESTS_RTMP_TAPE_H
#define TESTS_RTMP_TAPE_H

#include "rtmp/chunk_reader.h"
#include "rtmp/error.h"

#define TAPE_MAX   (1u << 20)
#define RECORD_MAX 2048u

struct tape {
	uint8_t bytes[TAPE_MAX];
	uint32_t len;
};

void tape_reset(struct tape *t);
void tape_put(struct tape *t, const void *bytes, uint32_t len);
void tape_byte(struct tape *t, uint8_t byte);
void tape_be24(struct tape *t, uint32_t value);
void tape_be32(struct tape *t, uint32_t value);
void tape_fill(struct tape *t, uint8_t seed, uint32_t len); /* seed, seed + 1, ... */

/* Headers of one chunk, without its payload. csid is below 64. */
void tape_fmt0(struct tape *t, uint8_t csid, uint32_t time, uint32_t length, uint8_t type,
	       uint32_t stream_id);
void tape_fmt1(struct tape *t, uint8_t csid, uint32_t delta, uint32_t length, uint8_t type);
void tape_fmt2(struct tape *t, uint8_t csid, uint32_t delta);
void tape_fmt3(struct tape *t, uint8_t csid);

/* A whole protocol control message with one 32-bit field on `csid`. */
void tape_control(struct tape *t, uint8_t csid, uint8_t type, uint32_t value);

/* What came out: messages when complete, control messages, aborts. */
struct record_entry {
	struct rtmp_message msg;
	uint64_t hash; /* of the payload */
	bool control;
	struct rtmp_control ctl;
};

struct record {
	struct record_entry entries[RECORD_MAX];
	uint32_t count;
	int error;           /* what the reader returned at last */
	uint32_t copied;     /* bytes in copied pieces */
	uint32_t violations; /* of the contract of struct rtmp_piece */
};

struct recorder {
	struct rtmp_chunk_reader reader;
	uint64_t hash[RTMP_CHUNK_STREAMS];
	uint32_t got[RTMP_CHUNK_STREAMS];
	struct record *record;
	bool runs; /* takes runs where there are some */
};

void recorder_init(struct recorder *r, struct record *record, uint32_t message_max);

/* One span; false after an error. */
bool recorder_feed(struct recorder *r, const uint8_t *bytes, uint32_t len);

/* A whole tape as one span, cut once at `cut`, or in steps of `step` bytes. */
void record_whole(const struct tape *t, struct record *record);
void record_cut(const struct tape *t, uint32_t cut, struct record *record);
void record_steps(const struct tape *t, uint32_t step, struct record *record);

/* The same in steps, runs taken at once (rtmp_chunk_reader_run()). */
void record_runs(const struct tape *t, uint32_t step, struct record *record);

bool record_equal(const struct record *a, const struct record *b);

/* Runs the tape whole, cut at every byte, and in steps of 1 to 8; false if any result differs. */
bool tape_same_at_every_cut(const struct tape *t, const struct record *whole);

uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, uint32_t len);
uint64_t hash_fill(uint8_t seed, uint32_t len); /* of what tape_fill() puts */

#endif
