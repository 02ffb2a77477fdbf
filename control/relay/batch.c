#include "batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CSID_AUDIO 4u
#define CSID_DATA  5u
#define CSID_VIDEO 6u

void batch_init(struct batch *batch)
{
	memset(batch, 0, sizeof(*batch));
}

static void drop_room(struct batch *batch)
{
	free(batch->room);
	batch->room = NULL;
	batch->iov = &batch->one;
}

static bool make_room(struct batch *batch)
{
	if (!batch->room) {
		batch->room = malloc(sizeof(*batch->room));
	}
	batch->iov = batch->room ? batch->room->iov : &batch->one;
	return batch->room;
}

void batch_fini(struct batch *batch)
{
	free(batch->copy);
	batch->copy = NULL;
	drop_room(batch);
}

static void reset(struct batch *batch)
{
	free(batch->copy);
	batch->copy = NULL;
	batch->first = 0;
	batch->count = 0;
	batch->headers_used = 0;
	batch->messages = 0;
	batch->unsent = 0;
}

static void append(struct batch *batch, void *data, size_t length)
{
	batch->iov[batch->count].iov_base = data;
	batch->iov[batch->count].iov_len = length;
	batch->count++;
	batch->unsent += length;
}

static bool full(const struct batch *batch)
{
	return batch->count == BATCH_IOVECS || batch->headers_used == BATCH_HEADERS;
}

static uint32_t csid(uint8_t type)
{
	switch (type) {
	case RTMP_TYPE_AUDIO:
		return CSID_AUDIO;
	case RTMP_TYPE_VIDEO:
	case RTMP_TYPE_AGGREGATE:
		return CSID_VIDEO;
	default:
		return CSID_DATA;
	}
}

struct rtmp_message batch_message(uint8_t type, uint32_t timestamp, uint32_t length,
				  uint32_t stream_id)
{
	return (struct rtmp_message){
		.timestamp = timestamp,
		.length = length,
		.stream_id = stream_id,
		.csid = csid(type),
		.type = type,
	};
}

static uint32_t timestamp_of(struct batch *batch, const struct log_message *message)
{
	return batch->timeline ? timeline_send(batch->timeline, message, &batch->media_time)
			       : message->entry.timestamp;
}

static void open_message(struct batch *batch, struct rtmp_chunk_writer *writer, uint32_t stream_id,
			 const struct log_message *message)
{
	struct rtmp_message msg = batch_message(message->entry.type, timestamp_of(batch, message),
						message->entry.length, stream_id);

	rtmp_chunk_writer_begin(writer, &msg);
	if (batch->marks) {
		marks_add(batch->marks, batch->base + batch->unsent, message->entry.number);
	}
	log_slices_init(&batch->slices, message);
	batch->open = true;
	batch->open_hold = message->at.position;
	batch->arrived_us = message->entry.arrived_us;
	batch->chunk_left = 0;
	batch->piece.iov_len = 0;
}

/* The header of the next chunk; at the end of the message closes it. */
static void next_chunk(struct batch *batch, struct rtmp_chunk_writer *writer)
{
	struct rtmp_chunk chunk;

	if (!rtmp_chunk_writer_next(writer, &chunk)) {
		batch->open = false;
		batch->messages++;
		return;
	}
	uint8_t *header = batch->room->headers[batch->headers_used];

	memcpy(header, chunk.header, chunk.header_len);
	append(batch, header, chunk.header_len);
	batch->headers_used++;
	batch->chunk_left = chunk.payload_len;
}

static int next_piece(struct batch *batch, const struct log_view *view)
{
	size_t length;

	if (batch->piece.iov_len == 0 &&
	    log_slices_next(view, &batch->slices, &batch->piece) <= 0) {
		return LOG_BROKEN;
	}
	length =
		batch->piece.iov_len < batch->chunk_left ? batch->piece.iov_len : batch->chunk_left;
	append(batch, batch->piece.iov_base, length);
	batch->piece.iov_base = (uint8_t *)batch->piece.iov_base + length;
	batch->piece.iov_len -= length;
	batch->chunk_left -= (uint32_t)length;
	return 0;
}

/* As much of the open message as there is room for. */
static int fill_message(struct batch *batch, struct rtmp_chunk_writer *writer,
			const struct log_view *view)
{
	while (batch->open && !full(batch)) {
		if (batch->chunk_left == 0) {
			next_chunk(batch, writer);
		} else if (next_piece(batch, view)) {
			return LOG_BROKEN;
		}
	}
	return 0;
}

static int fill(struct batch *batch, struct rtmp_chunk_writer *writer, uint32_t stream_id,
		const struct log_view *view, struct log_cursor *cursor, uint64_t head)
{
	batch->hold = batch->open ? batch->open_hold : log_cursor_hold(cursor);
	while (!full(batch) && batch->unsent < BATCH_BYTES) {
		struct log_message message;

		if (!batch->open) {
			int rc = log_reader_next(view, cursor, head, &message);

			if (rc <= 0) {
				return rc;
			}
			open_message(batch, writer, stream_id, &message);
		}
		if (fill_message(batch, writer, view)) {
			return LOG_BROKEN;
		}
	}
	return 0;
}

int batch_fill(struct batch *batch, struct rtmp_chunk_writer *writer, uint32_t stream_id,
	       const struct log_view *view, struct log_cursor *cursor, uint64_t head)
{
	int rc;

	reset(batch);
	if ((!batch->open && cursor->position >= head) || !make_room(batch)) {
		return cursor->position > head ? LOG_BROKEN : 0;
	}
	rc = fill(batch, writer, stream_id, view, cursor, head);
	if (batch_empty(batch)) {
		drop_room(batch);
	}
	return rc;
}

struct growing {
	uint8_t *data;
	size_t length;
};

static int grow(struct growing *to, const struct batch *batch)
{
	uint8_t *data = realloc(to->data, to->length + batch->unsent);

	if (!data) {
		return -1;
	}
	to->data = data;
	for (uint32_t i = batch->first; i < batch->count; i++) {
		memcpy(to->data + to->length, batch->iov[i].iov_base, batch->iov[i].iov_len);
		to->length += batch->iov[i].iov_len;
	}
	return 0;
}

int batch_detach(struct batch *batch, struct rtmp_chunk_writer *writer, const struct log_view *view)
{
	struct growing rest = {NULL, 0};
	uint32_t messages = batch->messages;

	if (!batch_empty(batch) && grow(&rest, batch)) {
		return -1;
	}
	while (batch->open) {
		reset(batch);
		if (!make_room(batch) || fill_message(batch, writer, view) ||
		    (!batch_empty(batch) && grow(&rest, batch))) {
			free(rest.data);
			reset(batch);
			return -1;
		}
		messages += batch->messages;
	}
	batch_put(batch, rest.data, rest.length);
	batch->messages = messages;
	return 0;
}

void batch_put(struct batch *batch, uint8_t *data, size_t length)
{
	reset(batch);
	drop_room(batch);
	batch->copy = data;
	if (length > 0) {
		append(batch, data, length);
	}
}

static void advance(struct batch *batch, size_t sent)
{
	batch->unsent -= sent;
	while (sent > 0) {
		struct iovec *iov = &batch->iov[batch->first];
		size_t n = iov->iov_len < sent ? iov->iov_len : sent;

		iov->iov_base = (uint8_t *)iov->iov_base + n;
		iov->iov_len -= n;
		sent -= n;
		if (iov->iov_len == 0) {
			batch->first++;
		}
	}
}

ssize_t batch_send(struct batch *batch, int fd)
{
	struct msghdr msg = {
		.msg_iov = &batch->iov[batch->first],
		.msg_iovlen = batch->count - batch->first,
	};
	ssize_t sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent > 0) {
		advance(batch, (size_t)sent);
	}
	if (batch_empty(batch)) {
		drop_room(batch);
	}
	return sent;
}

uint64_t batch_hold(const struct batch *batch, const struct log_cursor *cursor)
{
	if (!batch_empty(batch) && !batch->copy) {
		return batch->hold;
	}
	return batch->open ? batch->open_hold : log_cursor_hold(cursor);
}
