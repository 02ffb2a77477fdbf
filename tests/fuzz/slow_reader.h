/*
 * The grammar of RTMP chunks (RTMP 1.0 section 5.3), one byte at a time: what rtmp/chunk_reader.c
 * is held against. Written from the specification and from what rtmp/chunk_reader.h promises, for
 * clarity alone: every header and every message is put together whole before it is looked at.
 */
#ifndef FUZZ_SLOW_READER_H
#define FUZZ_SLOW_READER_H

#include <stdbool.h>
#include <stdint.h>

#define SLOW_STREAMS     16u
#define SLOW_MESSAGE_MAX (1u << 16) /* bytes */

struct slow_message {
	uint32_t csid;
	uint32_t timestamp;
	uint32_t length;
	uint32_t stream_id;
	uint8_t type;
	const uint8_t *payload; /* at least 8 bytes, those behind the message are 0 */
	uint32_t aborted;       /* Abort: the chunk stream that lost a message, else 0 */
};

struct slow_stream {
	bool used;
	uint32_t csid;
	uint32_t timestamp;
	uint32_t delta;
	uint32_t length;
	uint32_t stream_id;
	uint8_t type;
	bool extended; /* the last fmt 0, 1 or 2 had an extended timestamp: */
	uint32_t extended_field;
	bool open; /* a message is under way */
	uint32_t got;
	uint64_t began; /* the how manieth message it was */
	uint8_t payload[SLOW_MESSAGE_MAX + 8];
};

enum slow_state { SLOW_BASIC, SLOW_HEADER, SLOW_EXTENDED, SLOW_LEARN, SLOW_PAYLOAD };
enum slow_habit { SLOW_UNKNOWN, SLOW_REPEATS, SLOW_OMITS };

struct slow_reader {
	struct slow_stream streams[SLOW_STREAMS];
	uint32_t streams_max;
	uint32_t chunk_size;
	enum slow_state state;
	uint8_t bytes[11]; /* of the header, or of what is being learned */
	uint32_t have;
	uint32_t csid; /* of the chunk under way */
	uint8_t fmt;
	uint8_t header[11]; /* of fmt 0, 1 or 2 */
	uint32_t chunk_left;
	enum slow_habit continues; /* of fmt 3 with an extended timestamp that continues */
	enum slow_habit begins;    /* and that begins a message */
	enum slow_habit *learning;
	bool forgot;     /* a chunk stream gave its place to another */
	uint64_t begun;  /* messages */
	uint32_t chunks; /* begun */
	void (*message)(void *context, const struct slow_message *message);
	void *context;
};

void slow_reader_init(struct slow_reader *r, uint32_t streams_max,
		      void (*message)(void *context, const struct slow_message *message),
		      void *context);

/* 0 or an RTMP_ERR(), after which there is no next byte. */
int slow_reader_byte(struct slow_reader *r, uint8_t byte) __attribute__((warn_unused_result));

#endif
