/*
 * What is on its way to one origin: chunk headers made here, and payload where the publisher's
 * packets lie, as one iovec list for sendmsg(2). A batch resumes at any byte, and a message may
 * span several batches.
 *
 * Ordinary copying sendmsg: when it returns, the pages are the dataplane's again. We do not use
 * MSG_ZEROCOPY because the kernel would go on reading pages that were released.
 */
#ifndef BATCH_H
#define BATCH_H

#include "log_reader.h"
#include "marks.h"
#include "rtmp/chunk_writer.h"
#include "timeline.h"

#define BATCH_IOVECS  256u
#define BATCH_HEADERS 128u
#define BATCH_BYTES   UINT64_C(524288) /* a new message is not begun beyond it */

/* What only a batch on its way needs: an idle connection has none. */
struct batch_room {
	struct iovec iov[BATCH_IOVECS];
	uint8_t headers[BATCH_HEADERS][RTMP_CHUNK_HEADER_MAX];
};

struct batch {
	uint32_t first; /* iovec not yet sent whole */
	uint32_t count;
	uint32_t headers_used;
	uint32_t messages;   /* that end in this batch */
	uint64_t unsent;     /* bytes */
	uint64_t base;       /* bytes that the connection had sent when the batch was filled */
	struct marks *marks; /* where its messages begin, or NULL */
	const struct timeline *timeline; /* NULL: timestamps go out as they came */
	uint32_t media_time;             /* of the media message last begun */
	uint64_t hold; /* position of the first message that the batch reads from */
	uint8_t *copy; /* memory that the iovec points to instead of the log, or NULL */

	/* message under way */
	bool open;
	uint32_t chunk_left; /* payload bytes of the chunk under way */
	struct iovec piece;  /* rest of the slice under way */
	uint64_t open_hold;
	uint64_t arrived_us; /* of the message last begun */
	struct log_slices slices;

	struct iovec *iov; /* of `room`, or `one` */
	struct iovec one;
	struct batch_room *room; /* NULL while there is nothing to send */
};

void batch_init(struct batch *batch);
void batch_fini(struct batch *batch);

static inline bool batch_empty(const struct batch *batch)
{
	return batch->unsent == 0;
}

/*
 * Fills an empty batch with messages of the log from the cursor on. Returns 0, also when there was
 * nothing below head or no memory for a batch, or LOG_BROKEN.
 */
int batch_fill(struct batch *batch, struct rtmp_chunk_writer *writer, uint32_t stream_id,
	       const struct log_view *view, struct log_cursor *cursor, uint64_t head)
	__attribute__((warn_unused_result));

/*
 * Makes the batch independent of the log: what is unsent, and the rest of the message under way,
 * is copied. For origins that stall: at most a batch and a message.
 */
int batch_detach(struct batch *batch, struct rtmp_chunk_writer *writer, const struct log_view *view)
	__attribute__((warn_unused_result));

/* Puts memory from malloc() into an empty batch, which owns it from now on. */
void batch_put(struct batch *batch, uint8_t *data, size_t length);

/* Header of a media message towards an origin: chunk streams 4, 5, 6 by type. */
struct rtmp_message batch_message(uint8_t type, uint32_t timestamp, uint32_t length,
				  uint32_t stream_id);

/* Sends once: bytes taken by the socket, or -1 with errno. */
ssize_t batch_send(struct batch *batch, int fd) __attribute__((warn_unused_result));

/* The lowest position that the batch, or else the cursor, still reads from. */
uint64_t batch_hold(const struct batch *batch, const struct log_cursor *cursor);

#endif
