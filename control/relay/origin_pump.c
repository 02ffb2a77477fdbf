/*
 * A connection at work: reading what the origin says, and sending it the log.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"
#include "origin_ack.h"
#include "origin_io.h"
#include "origin_private.h"
#include "stream.h"
#include "text.h"

#define PUMP_BYTES   ((size_t)1 << 20) /* bytes, both ways: one origin's turn */
#define READ_SIZE    4096u

#define CSID_CONTROL 2u
#define OUT_SPARE    (ORIGIN_OUT_SIZE / 2) /* with more waiting, nothing is read */

static void publishing(struct origin *o, uint64_t now_us)
{
	relay_add(&o->connects, 1);
	relay_count(o->context, RELAY_COUNTER_relay_connects, 1);
	o->failed_in_row = 0;
	o->publishing_us = now_us;
	o->behind_since_us = 0;
	o->tcp_look_us = now_us;
	origin_set_state(o, ORIGIN_PUBLISHING, 0);
	origin_log(o, CONFIG_LOG_INFO, "origin.publishing",
		   o->returning ? "from what it acknowledged" : "from the newest keyframe");
}

static void refused(struct origin *o, const struct rtmp_client_event *event, uint64_t now_us)
{
	char text[ORIGIN_ERROR_MAX];
	char shown[sizeof(event->text)];

	/* Many servers repeat the name that they refuse, and ours may be a key of theirs. */
	text_copy(shown, sizeof(shown), event->text);
	if (o->config->name) {
		text_mask(shown, o->config->name);
	}
	(void)snprintf(text, sizeof(text), "refused: %.60s %.80s", event->code, shown);
	origin_fail(o, text, now_us);
}

/* False when the connection is gone. */
static bool handle(struct origin *o, const struct rtmp_client_event *event, uint64_t now_us)
{
	switch (event->type) {
	case RTMP_CLIENT_PUBLISHING:
		if (o->state == ORIGIN_HANDSHAKE) {
			publishing(o, now_us);
		}
		return true;
	case RTMP_CLIENT_REFUSED:
		refused(o, event, now_us);
		return false;
	case RTMP_CLIENT_ACK:
		origin_ack_take(o, event->acked);
		return true;
	case RTMP_CLIENT_STATUS:
		origin_log(o, CONFIG_LOG_DEBUG, "origin.status", event->code);
		return true;
	case RTMP_CLIENT_MORE:
		return true;
	}
	return true;
}

static bool feed(struct origin *o, uint8_t *data, size_t length, uint64_t now_us)
{
	struct rtmp_span span = {.data = data, .len = (uint32_t)length};
	struct rtmp_client_event event;

	do {
		struct rtmp_out out = origin_io_out(o);
		int rc = rtmp_client_next(&o->client, &span, &out, &event);

		origin_io_wrote(o, &out);
		if (rc < 0) {
			origin_fail(o, rtmp_error_sentence(rc), now_us);
			return false;
		}
		if (!handle(o, &event, now_us)) {
			return false;
		}
	} while (event.type != RTMP_CLIENT_MORE);
	return true;
}

/*
 * The end that we waited for; or the origin died with part of the stream still on its way: then it
 * gets that part again. Always false.
 */
static bool closed(struct origin *o, uint64_t now_us)
{
	if (o->returning && errno != 0 && !(o->shut && origin_io_unacked(o) == 0)) {
		origin_fail_errno(o, "read", errno, now_us);
		return false;
	}
	origin_close(o);
	o->returning = false;
	origin_set_state(o, ORIGIN_IDLE, 0);
	return false;
}

/* Reads once, within the turn like what is sent. False when the connection is gone. */
static bool read_input(struct origin *o, size_t *budget, uint64_t now_us)
{
	uint8_t data[READ_SIZE];
	ssize_t got = origin_io_read(o, data, sizeof(data));

	if (got < 0 && o->state == ORIGIN_CLOSING) {
		return closed(o, now_us);
	}
	if (got < 0) {
		origin_fail_errno(o, "read", errno, now_us);
		return false;
	}
	*budget -= (size_t)got < *budget ? (size_t)got : *budget;
	return got == 0 || o->shut || feed(o, data, (size_t)got, now_us);
}

/* Bytes that the headers take with those of their chunks, and one. */
static size_t headers_room(const struct header_set *set)
{
	size_t room = 1;

	for (uint32_t i = 0; set && i < set->count; i++) {
		uint32_t length = set->headers[i]->length;

		room += length + (length / ORIGIN_CHUNK_SIZE + 1) * RTMP_CHUNK_HEADER_MAX;
	}
	return room;
}

/* Sequence headers and metadata as of the keyframe, before it. */
static int put_headers(struct origin *o, const struct start *start)
{
	const struct header_set *set = start->headers;
	struct rtmp_out out = {.cap = headers_room(set)};

	out.data = malloc(out.cap);
	if (!out.data) {
		return -1;
	}
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct header *header = set->headers[i];
		struct rtmp_message msg = batch_message(header->type, start->timestamp,
							header->length, o->client.stream_id);

		(void)rtmp_chunk_writer_put(&o->client.writer, &msg, header->data, &out);
	}
	batch_put(o->batch, out.data, out.len);
	return out.overflow ? -1 : 0;
}

/* False while there is no keyframe to begin at. */
static bool take_claim(struct origin *o, uint64_t now_us)
{
	const struct start *start = stream_starting_point(o->stream, o);

	if (!start) {
		return false;
	}
	if (marks_reserve(&o->marks) || put_headers(o, start)) {
		origin_fail(o, "no memory", now_us);
		return false;
	}
	if (o->fresh_number == UINT64_MAX) {
		o->fresh_number = o->resume_number > o->stream->first_number
					  ? o->resume_number
					  : o->stream->first_number;
	}
	o->batch->timeline = &o->stream->timeline;
	o->batch->media_time = start->timestamp;
	origin_ack_begin(o, start->cursor.messages, o->batch->unsent);
	if (o->resume_number < start->cursor.messages) {
		o->resume_number = start->cursor.messages;
	}
	o->cursor = start->cursor;
	o->claim = true;
	o->returning = false;
	o->behind_since_us = 0;
	return true;
}

/* Asks to be told within another window than before, when the stream is not what it was. */
static void update_window(struct origin *o)
{
	uint32_t window = origin_ack_window(o, o->stream->gop_length);
	struct rtmp_out out;
	struct rtmp_message msg = {
		.csid = CSID_CONTROL, .type = RTMP_TYPE_WINDOW_ACK_SIZE, .length = 4};
	uint8_t payload[4] = {(uint8_t)(window >> 24), (uint8_t)(window >> 16),
			      (uint8_t)(window >> 8), (uint8_t)window};

	if (window == 0 || o->out_len >= OUT_SPARE) {
		return;
	}
	out = origin_io_out(o);
	if (rtmp_chunk_writer_put(&o->client.writer, &msg, payload, &out)) {
		o->ack_window = window;
	}
	origin_io_wrote(o, &out);
}

/* Fills the empty batch; false when there is nothing to send. */
static bool take_messages(struct origin *o, uint64_t now_us)
{
	if (!o->claim) {
		return take_claim(o, now_us);
	}
	if (!o->batch->open && o->out_len == 0) {
		update_window(o);
		if (o->out_len > 0) {
			return true; /* it goes first */
		}
	}
	o->batch->base = o->conn_bytes;
	o->batch->marks = &o->marks;
	if (batch_fill(o->batch, &o->client.writer, o->client.stream_id, &o->context->view,
		       &o->cursor, o->stream->head)) {
		stream_break(o->stream, "send");
		return false;
	}
	return !batch_empty(o->batch) || o->batch->messages > 0;
}

/*
 * Ends our side and goes on reading until the origin ends its own. We do not close earlier, even
 * with everything acknowledged: what the origin answers to a socket that is gone comes back to it
 * as a reset, and takes along what it has received but not yet read.
 */
static void shut(struct origin *o)
{
	if (!o->shut) {
		(void)shutdown(o->fd, SHUT_WR);
		o->shut = true;
	}
}

/* One step; true when there may be another. */
static bool step(struct origin *o, size_t *budget, uint64_t now_us)
{
	enum origin_flush flush = origin_io_flush(o, budget);

	if (flush == ORIGIN_BROKEN) {
		origin_fail_errno(o, "send", errno, now_us);
		return false;
	}
	if (flush == ORIGIN_BLOCKED) {
		if (o->hung_up) {
			origin_fail_errno(o, "send", 0, now_us);
		}
		return false;
	}
	if (o->readable && o->out_len < OUT_SPARE) {
		return read_input(o, budget, now_us);
	}
	if (o->state == ORIGIN_CLOSING) {
		shut(o);
		return false;
	}
	return o->state == ORIGIN_PUBLISHING && take_messages(o, now_us);
}

static void update_lag(struct origin *o)
{
	uint64_t bytes = o->stream->scan.bytes - o->cursor.bytes;
	uint64_t since = o->batch ? o->batch->arrived_us : 0;
	uint64_t now = o->stream->arrived_us;

	atomic_store_explicit(&o->lag_bytes, bytes, memory_order_relaxed);
	atomic_store_explicit(&o->lag_ms,
			      bytes && since && now > since ? (now - since) / US_PER_MS : 0,
			      memory_order_relaxed);
}

bool origin_pump(struct origin *o, uint64_t now_us)
{
	size_t budget = PUMP_BYTES;
	bool more = true;

	while (o->batch && budget > 0 && !(o->blocked && !o->readable) && more) {
		more = step(o, &budget, now_us);
	}
	update_lag(o);
	return o->batch && more && budget == 0;
}
