/*
 * Chunk writer: the headers that cut a message into chunks (RTMP 1.0 section 5.3).
 *
 * It writes headers only; payload goes from where it lies straight into the caller's iovec or mbuf
 * chain, between them. One writer per direction of a connection.
 * Headers are compressed (fmt 1 to 3) against the last message of the same chunk stream when the
 * timestamp did not go backwards. A step of 0xFFFFFF ms or more is sent with fmt 0: receivers do
 * not agree on what an extended timestamp of fmt 1 and 2 means.
 */
#ifndef RTMP_CHUNK_WRITER_H
#define RTMP_CHUNK_WRITER_H

#include "rtmp/chunk_reader.h"

struct rtmp_chunk {
	uint8_t header[RTMP_CHUNK_HEADER_MAX];
	uint8_t header_len;
	uint32_t payload_len; /* payload bytes that follow this header */
};

struct rtmp_chunk_writer {
	uint32_t chunk_size;
	struct rtmp_message msg; /* the message under way */
	uint32_t sent;           /* payload bytes of it that chunks were made for */
	bool started;            /* its first chunk was made */
	bool amf3;               /* commands go as type 17: the other side used it */
	bool extended;           /* its chunks carry an extended timestamp (always the absolute) */
	struct {
		struct rtmp_message last;
		uint32_t delta;
		bool seen;
		bool has_delta; /* `delta` is what a fmt 3 would mean to the reader */
	} streams[8];           /* chunk streams 2 to 9: all that we send on */
};

void rtmp_chunk_writer_init(struct rtmp_chunk_writer *w, uint32_t chunk_size);

/* Starts a message. msg->csid is 2 to 9; msg->length is final. The one before must be complete. */
void rtmp_chunk_writer_begin(struct rtmp_chunk_writer *w, const struct rtmp_message *msg);

/* The next chunk of the message begun; false when there is none left. */
bool rtmp_chunk_writer_next(struct rtmp_chunk_writer *w, struct rtmp_chunk *chunk);

/*
 * Writes a whole message (headers and payload) to `out`; false and out->overflow if it is full. It
 * may be put between two chunks of a message begun on another chunk stream, at the same place in
 * the bytes sent: so that a ping can be answered while a long message goes out.
 */
bool rtmp_chunk_writer_put(struct rtmp_chunk_writer *w, const struct rtmp_message *msg,
			   const void *payload, struct rtmp_out *out);

/* Writes Set Chunk Size and uses the new size from the next chunk on. */
bool rtmp_chunk_writer_resize(struct rtmp_chunk_writer *w, uint32_t chunk_size,
			      struct rtmp_out *out);

#endif
