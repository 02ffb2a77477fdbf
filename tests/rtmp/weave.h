/*
 * Connections of several chunk streams woven into each other, and a reading of them that knows
 * where every byte of payload lies: pieces are compared by their place on the tape, so that long
 * tapes can be cut at every byte without reading their payload each time.
 */
#ifndef TESTS_RTMP_WEAVE_H
#define TESTS_RTMP_WEAVE_H

#include "rtmp/chunk_reader.h"

#define WEAVE_STREAMS 4u

/* What the sender does with an extended timestamp in fmt 3 (RTMP 1.0 section 5.3.1.3). */
enum weave_habit {
	WEAVE_SMALL = 0, /* no timestamp needs one */
	WEAVE_REPEATED,  /* as the specification says */
	WEAVE_OMITTED,   /* as old librtmp */
};

struct weave_spec {
	uint32_t size;   /* chunk size from the beginning */
	uint32_t resize; /* the one that comes while messages are under way; 0: none */
	uint32_t heavy;  /* bytes of the longest message */
	enum weave_habit habit;
	uint8_t match; /* OMITTED: so many bytes of payload look like the timestamp */
};

/* Payload of one chunk, or a message of length 0. */
struct weave_run {
	uint32_t at; /* place on the tape */
	uint32_t len;
	uint32_t message;
	uint32_t next; /* run of the same chunk stream that follows */
	bool first;    /* of its message */
	bool last;
};

struct weave_message {
	struct rtmp_message msg;
	uint32_t end; /* place on the tape behind its last byte */
};

struct weave {
	struct weave_spec spec;
	uint8_t *bytes;
	uint32_t len;
	uint32_t cap;
	struct weave_message messages[64];
	uint32_t message_count;
	uint32_t order[64]; /* of messages as they are complete */
	uint32_t order_count;
	struct weave_run *runs;
	uint32_t run_count;
	uint32_t run_cap;
	uint32_t first_run[WEAVE_STREAMS];
	uint32_t last_run[WEAVE_STREAMS];
	uint32_t *headers; /* places on the tape where chunks begin */
	uint32_t header_count;
	uint32_t controls; /* Set Chunk Size messages */
};

/* Makes the tape; what an earlier call made is given back. */
void weave_make(struct weave *w, const struct weave_spec *spec);
void weave_free(struct weave *w);

/* Messages that are complete in the first `len` bytes. */
uint32_t weave_complete(const struct weave *w, uint32_t len);

struct weave_reading {
	const struct weave *weave;
	struct rtmp_chunk_reader reader;
	uint32_t run[WEAVE_STREAMS]; /* under way, and how much of it was read */
	uint32_t offset[WEAVE_STREAMS];
	uint32_t completed;
	uint32_t controls;
	bool runs; /* takes runs where there are some */
	bool wrong;
};

void weave_start(struct weave_reading *r, const struct weave *w, bool runs);

/* Reads bytes `from` to `to` of the tape as one span. */
void weave_read(struct weave_reading *r, uint32_t from, uint32_t to);

/* Whether all came out as it should. */
bool weave_done(const struct weave_reading *r);

#endif
