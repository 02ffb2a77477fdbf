/*
 * Chunk reader: from bytes to pieces of messages (RTMP 1.0 section 5.3).
 *
 * It resumes at any byte, touches no payload, allocates nothing and copies nothing but protocol
 * control messages (types 1 to 6, at most 16 bytes), because Set Chunk Size and Abort change how
 * the very next byte is read. The caller owns the struct; one thread uses it.
 *
 * Chunk streams stand in a table of RTMP_CHUNK_STREAMS slots. A piece names its slot, so that the
 * caller can keep what it builds from the pieces in an array of its own of the same size.
 */
#ifndef RTMP_CHUNK_READER_H
#define RTMP_CHUNK_READER_H

#include "rtmp/message.h"
#include "rtmp/span.h"

#define RTMP_CHUNK_STREAMS      16u
#define RTMP_DEFAULT_CHUNK_SIZE 128u
#define RTMP_CHUNK_HEADER_MAX   18u /* basic 3 + message header 11 + extended timestamp 4 */

enum rtmp_read {
	RTMP_READ_MORE = 0, /* the span is used up */
	RTMP_READ_PIECE,    /* some payload of a message, see struct rtmp_piece */
	RTMP_READ_CONTROL,  /* a protocol control message, see struct rtmp_control */
};

struct rtmp_piece {
	const struct rtmp_message *msg; /* valid until the next call */
	uint8_t *data;                  /* points into the span; NULL when len is 0 */
	uint32_t len;                   /* 0 only for a message of length 0 */
	uint32_t slot;                  /* 0 to RTMP_CHUNK_STREAMS - 1 */
	bool first;                     /* first piece of its message */
	bool last;                      /* the message is complete with this piece */
};

struct rtmp_control {
	uint8_t type;      /* 1 to 6 */
	uint8_t limit;     /* Set Peer Bandwidth: 0 hard, 1 soft, 2 dynamic */
	uint16_t event;    /* User Control: event type */
	uint32_t value;    /* Set Chunk Size, Abort (csid), ACK, window; User Control: first field */
	uint32_t aborted;  /* Abort: slot whose partial message is void, else RTMP_CHUNK_STREAMS */
};

struct rtmp_chunk_stream {
	struct rtmp_message msg;
	uint32_t delta;    /* ms, what a fmt 3 that begins a message adds */
	uint32_t received; /* bytes of the message under way */
	uint32_t extended; /* the last extended timestamp field, when has_extended */
	bool has_extended; /* the last fmt 0, 1 or 2 carried an extended timestamp */
	bool seen;         /* slot is in use */
	bool partial;      /* a message is under way */
};

struct rtmp_chunk_reader {
	struct rtmp_chunk_stream streams[RTMP_CHUNK_STREAMS];
	uint32_t chunk_size;
	uint32_t message_max; /* bytes: longer messages are an error before any of them is kept */
	uint32_t chunk_left;  /* payload bytes of the chunk under way */
	uint32_t current;     /* slot of the chunk under way */
	uint8_t header[RTMP_CHUNK_HEADER_MAX];
	uint8_t header_len;
	uint8_t control[16];
	uint8_t control_len;
	uint8_t state;
	/* RTMP 1.0 leaves doubt whether fmt 3 repeats the extended timestamp; old librtmp does not.
	 * Learned per connection from the first fmt 3 of a message that has one. */
	uint8_t extended_habit;
};

void rtmp_chunk_reader_init(struct rtmp_chunk_reader *r, uint32_t message_max);

/*
 * Reads on from `in`, which is advanced past what was used. Returns an enum rtmp_read or a
 * negative RTMP_ERR(); after an error the reader must not be called again.
 */
int rtmp_chunk_reader_next(struct rtmp_chunk_reader *r, struct rtmp_span *in,
			   struct rtmp_piece *piece, struct rtmp_control *control)
	__attribute__((warn_unused_result));

#endif
