/*
 * Chunk reader: from bytes to pieces of messages (RTMP 1.0 section 5.3).
 *
 * It resumes at any byte, touches no payload, allocates nothing and copies nothing but headers and
 * the first bytes of protocol control messages (types 1 to 6), because Set Chunk Size and Abort
 * change how the very next byte is read. The caller owns the struct; one thread uses it.
 *
 * Tolerated, because encoders in the field do it: control messages on any chunk stream, a fresh
 * chunk stream that begins with fmt 1 or 2 (what the header leaves out is 0), fmt 1 or 2 on a
 * continuation chunk that repeats the length, basic headers longer than needed, both habits of
 * fmt 3 with an extended timestamp, more chunk streams than the table holds: the one that has been
 * idle for the longest is forgotten. Refused: fmt 3 on a fresh chunk stream, fmt 0 or another
 * length in the middle of a message, a chunk stream more than the table holds when messages are
 * under way on all, and, once one was forgotten, fresh ones that begin with fmt 1 or 2: they may be
 * that one, and what their header leaves out would be read wrong.
 *
 * Copied pieces. Old librtmp leaves the extended timestamp out of fmt 3, the specification repeats
 * it. While the reader does not know which (at most twice per connection: once for fmt 3 that
 * continues a message, once for fmt 3 that begins one) it compares the bytes that follow with the
 * timestamp it expects. Where they turn out to be payload after all and came in an earlier span,
 * which is gone, the piece has `copied` set and `data` points into the reader, valid until the
 * next call: at most RTMP_COPIED_MAX bytes, which the caller must copy.
 *
 * Chunk streams stand in a table of RTMP_CHUNK_STREAMS slots. A piece names its slot, so that the
 * caller can keep what it builds from the pieces in an array of its own of the same size.
 */
#ifndef RTMP_CHUNK_READER_H
#define RTMP_CHUNK_READER_H

#include "rtmp/message.h"
#include "rtmp/span.h"

/* Four publishes with audio, video and data each, commands and control: 14. */
#define RTMP_CHUNK_STREAMS      16u
#define RTMP_DEFAULT_CHUNK_SIZE 128u
#define RTMP_CHUNK_HEADER_MAX   18u /* basic 3 + message header 11 + extended timestamp 4 */
#define RTMP_CONTROL_MAX        64u /* bytes; longer protocol control messages are an error */
#define RTMP_COPIED_MAX         3u

enum rtmp_read {
	RTMP_READ_MORE = 0, /* the span is used up */
	RTMP_READ_PIECE,    /* some payload of a message, see struct rtmp_piece */
	RTMP_READ_CONTROL,  /* a protocol control message, see struct rtmp_control */
};

struct rtmp_piece {
	const struct rtmp_message *msg; /* valid until the next call */
	uint8_t *data;                  /* points into the span, see `copied`; NULL when len is 0 */
	uint32_t len;                   /* 0 only for a message of length 0 */
	uint32_t slot;                  /* 0 to RTMP_CHUNK_STREAMS - 1 */
	bool first;                     /* first piece of its message */
	bool last;                      /* the message is complete with this piece */
	bool copied;                    /* `data` points into the reader, not into the span */
};

/* Chunks in a row that do nothing but continue the message of the last piece, one-byte headers. */
struct rtmp_run {
	uint8_t *data;       /* the header of the first: payload and headers take turns from here */
	uint32_t chunks;     /* at least 1 */
	uint32_t chunk_size; /* payload bytes of each but the last */
	uint32_t len;        /* payload bytes of all; the last chunk may end with the span */
	bool last;           /* the message is complete with this run */
};

struct rtmp_control {
	uint8_t type;     /* 1 to 6 */
	uint8_t limit;    /* Set Peer Bandwidth: 0 hard, 1 soft, 2 dynamic */
	uint16_t event;   /* User Control: event type */
	uint32_t value;   /* Set Chunk Size, Abort (csid), ACK, window; User Control: first field,
			     0 when the event has none */
	uint32_t aborted; /* Abort: slot whose partial message is void, else RTMP_CHUNK_STREAMS */
};

struct rtmp_chunk_stream {
	struct rtmp_message msg;
	uint32_t delta;     /* ms, what a fmt 3 that begins a message adds */
	uint32_t received;  /* bytes of the message under way */
	uint32_t extended;  /* the last extended timestamp field, when has_extended */
	uint32_t begun;     /* reader.begun of the last message */
	bool has_extended;  /* the last fmt 0, 1 or 2 carried an extended timestamp */
	bool seen;          /* slot is in use */
	bool partial;       /* a message is under way */
	uint8_t control[8]; /* first bytes of the control message under way */
};

struct rtmp_chunk_reader {
	struct rtmp_chunk_stream streams[RTMP_CHUNK_STREAMS];
	uint32_t chunk_size;
	uint32_t message_max; /* bytes: longer messages are an error before any of them is kept */
	uint32_t chunks;      /* begun, ever: wraps */
	uint32_t streams_max; /* slots that are used, at most RTMP_CHUNK_STREAMS */
	uint32_t chunk_left;  /* payload bytes of the chunk under way */
	uint32_t current;     /* slot of the chunk under way */
	uint32_t begun;       /* messages, modulo 2^32 */
	uint32_t forgotten;   /* chunk streams that lost their slot to others */
	uint8_t header[RTMP_CHUNK_HEADER_MAX]; /* bytes of a header that a span ended in */
	uint8_t header_len;
	uint8_t state;
	uint8_t extended_habit[2];       /* of fmt 3 that continues, that begins a message */
	bool compare_begins;             /* which of them is being learned */
	uint8_t unread[RTMP_COPIED_MAX]; /* bytes to read again before the next span */
	uint8_t unread_at;
	uint8_t unread_len;
	uint8_t slot_of[64]; /* slot + 1 of chunk streams 2 to 63, 0: none */
};

void rtmp_chunk_reader_init(struct rtmp_chunk_reader *r, uint32_t message_max);

/*
 * Reads on from `in`, which is advanced past what was used. Returns an enum rtmp_read or a
 * negative RTMP_ERR(); after an error the reader must not be called again.
 */
int rtmp_chunk_reader_next(struct rtmp_chunk_reader *r, struct rtmp_span *in,
			   struct rtmp_piece *piece, struct rtmp_control *control)
	__attribute__((warn_unused_result));

/*
 * After a piece that is not the last of its message, and with the same span: takes all that plainly
 * continues it at once, which at small chunk sizes is most of what there is. False when something
 * else comes next, for rtmp_chunk_reader_next() to tell, or chunks are larger than `chunk_max`.
 */
bool rtmp_chunk_reader_run(struct rtmp_chunk_reader *r, struct rtmp_span *in, uint32_t chunk_max,
			   struct rtmp_run *run) __attribute__((warn_unused_result));

#endif
