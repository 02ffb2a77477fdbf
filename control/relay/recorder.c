#include "recorder.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"

#define BATCH_SIZE ((size_t)256 << 10) /* bytes: a message is not begun beyond it */
#define TURN_BYTES ((size_t)1 << 20)   /* of one recorder's turn */
#define AROUND     (RTMP_FLV_TAG_HEADER + RTMP_FLV_TAG_TRAILER)

static const char answer[] = "{\"ok\":true}\n";

/* What waits for the socket */

/* Room for so many bytes more, or NULL. */
static uint8_t *reserve(struct recorder *r, size_t length)
{
	size_t size = r->out_len + length;
	uint8_t *out = r->out;

	if (size > r->out_size) {
		size = size > BATCH_SIZE ? size : BATCH_SIZE;
		out = realloc(r->out, size);
		if (!out) {
			return NULL;
		}
		r->out = out;
		r->out_size = size;
	}
	return out + r->out_len;
}

static void drop(struct recorder *r)
{
	free(r->out);
	r->out = NULL;
	r->out_size = 0;
	r->out_len = 0;
	r->out_sent = 0;
}

static bool put(struct recorder *r, const void *data, size_t length)
{
	uint8_t *at = reserve(r, length);

	if (at) {
		memcpy(at, data, length);
		r->out_len += length;
	}
	return at;
}

/* Sends what waits; false while some of it still does. */
static bool flush(struct recorder *r, size_t *budget)
{
	while (r->out_sent < r->out_len && !r->gone) {
		ssize_t sent = send(r->fd, r->out + r->out_sent, r->out_len - r->out_sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0) {
			r->blocked = errno == EAGAIN || errno == EINTR;
			r->gone = !r->blocked;
			return false;
		}
		r->out_sent += (size_t)sent;
		*budget -= (size_t)sent < *budget ? (size_t)sent : *budget;
	}
	if (r->out_sent == r->out_len) {
		drop(r);
	}
	return !r->gone;
}

/* Tags */

/* A tag without its body, for which there is room behind the header: NULL without memory. */
static uint8_t *begin_tag(struct recorder *r, uint8_t type, uint32_t timestamp, uint32_t length)
{
	uint8_t *at = reserve(r, (size_t)length + AROUND);

	if (at) {
		rtmp_flv_tag_header(at, type, timestamp, length);
		at += RTMP_FLV_TAG_HEADER;
		rtmp_flv_tag_trailer(at + length, length);
	}
	return at;
}

static void end_tag(struct recorder *r, uint32_t length)
{
	r->out_len += (size_t)length + AROUND;
	r->bytes += (uint64_t)length + AROUND;
	r->messages++;
}

/* As it stands in the file: from the first media message on. */
static uint32_t file_time(struct recorder *r, uint32_t time, bool media)
{
	if (media && !r->based) {
		r->base = time;
		r->based = true;
	}
	if (!r->based || (int32_t)(time - r->base) < 0) {
		return 0;
	}
	return time - r->base;
}

static bool put_header(struct recorder *r, const struct header *header, uint32_t time)
{
	struct rtmp_flv_tag tag = rtmp_flv_tag(header->type, header->data, header->length);
	uint8_t *body;

	if (tag.type == 0) {
		return true;
	}
	body = begin_tag(r, tag.type, file_time(r, time, false), tag.length);
	if (!body) {
		return false;
	}
	memcpy(body, header->data + tag.skipped, tag.length);
	end_tag(r, tag.length);
	return true;
}

/* 0, LOG_BROKEN, or 1 without memory. */
static int put_message(struct recorder *r, const struct log_message *message)
{
	const struct log_view *view = &r->context->view;
	const struct abi_log_entry *entry = &message->entry;
	uint32_t time = timeline_send(&r->stream->timeline, message, &r->media_time);
	bool media = entry->header == ABI_HEADER_NONE &&
		     (entry->type == RTMP_TYPE_AUDIO || entry->type == RTMP_TYPE_VIDEO);
	uint8_t head[RTMP_FLV_PEEK] = {0};
	struct rtmp_flv_tag tag;
	uint8_t *body;

	if (log_reader_copy_at(view, message, 0, head, sizeof(head)) < 0) {
		return LOG_BROKEN;
	}
	tag = rtmp_flv_tag(entry->type, head, entry->length);
	if (tag.type == 0) {
		r->left_out++;
		return 0;
	}
	body = begin_tag(r, tag.type, file_time(r, time, media), tag.length);
	if (!body) {
		return 1;
	}
	if (log_reader_copy_at(view, message, tag.skipped, body, tag.length) != (int)tag.length) {
		return LOG_BROKEN;
	}
	end_tag(r, tag.length);
	return 0;
}

/* Reading */

static bool begin_file(struct recorder *r)
{
	uint8_t header[RTMP_FLV_FILE_HEADER];

	if (r->begun) {
		return true;
	}
	/* What it has is known only at the end: the client can put that right. */
	rtmp_flv_file_header(header, RTMP_FLV_HAS_AUDIO | RTMP_FLV_HAS_VIDEO);
	r->begun = put(r, header, sizeof(header));
	r->bytes += r->begun ? sizeof(header) : 0;
	return r->begun;
}

/* False while there is no keyframe to begin at. */
static bool take_claim(struct recorder *r, uint64_t now_us)
{
	const struct start *start = stream_newest_start(r->stream, r->skip_from);
	const struct header_set *set;
	bool room;

	if (!start) {
		return false;
	}
	set = start->headers;
	room = begin_file(r);
	for (uint32_t i = 0; room && set && i < set->count; i++) {
		room = put_header(r, set->headers[i], start->timestamp);
	}
	if (!room) {
		recorder_end(r, "no memory", now_us);
		return false;
	}
	if (r->next_number != 0 && start->cursor.messages > r->next_number) {
		r->skipped_messages += start->cursor.messages - r->next_number;
	}
	r->cursor = start->cursor;
	r->media_time = start->timestamp;
	r->claim = true;
	r->behind_since_us = 0;
	return true;
}

/* Copies what there is, up to a batch; false when there is nothing. */
static bool take_messages(struct recorder *r, uint64_t now_us)
{
	struct log_message message;
	bool taken = false;
	int rc = 0;

	if (!r->claim && !take_claim(r, now_us)) {
		return r->out_len > 0;
	}
	while (r->out_len < BATCH_SIZE && (rc = log_reader_next(&r->context->view, &r->cursor,
								r->stream->head, &message)) > 0) {
		rc = put_message(r, &message);
		if (rc != 0) {
			break;
		}
		r->next_number = message.entry.number + 1;
		taken = true;
	}
	if (rc == LOG_BROKEN) {
		stream_break(r->stream, "record");
	} else if (rc > 0) {
		recorder_end(r, "no memory", now_us);
	}
	return taken || r->out_len > 0;
}

bool recorder_pump(struct recorder *r, uint64_t now_us)
{
	size_t budget = TURN_BYTES;
	bool more = !r->blocked;

	while (more && !r->gone && budget > 0) {
		more = flush(r, &budget) && !r->ended && take_messages(r, now_us);
	}
	return more && !r->gone;
}

/* Life */

struct recorder *recorder_create(struct relay_stream *stream, int fd)
{
	struct relay_context *context = stream->context;
	struct recorder *r = calloc(1, sizeof(*r));
	struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = r};

	if (!r) {
		close(fd);
		return NULL;
	}
	r->context = context;
	r->stream = stream;
	r->fd = fd;
	if (!put(r, answer, sizeof(answer) - 1) ||
	    epoll_ctl(context->record_fd, EPOLL_CTL_ADD, fd, &event)) {
		recorder_destroy(r);
		return NULL;
	}
	return r;
}

void recorder_destroy(struct recorder *r)
{
	drop(r);
	close(r->fd);
	free(r);
}

void recorder_event(struct recorder *r, uint32_t events)
{
	r->blocked = false;
	r->gone |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
}

static char *summary(const struct recorder *r, const char *why)
{
	json_t *object = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I}", "ended", why, "messages", (json_int_t)r->messages,
		"bytes", (json_int_t)r->bytes, "skips", (json_int_t)r->skips, "skipped_messages",
		(json_int_t)r->skipped_messages, "left_out", (json_int_t)r->left_out);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	return text;
}

void recorder_end(struct recorder *r, const char *why, uint64_t now_us)
{
	uint8_t *body = NULL;
	size_t length;
	char *text;

	if (r->ended) {
		return;
	}
	if (r->next_number != 0 && r->stream->scan.messages > r->next_number) {
		r->skipped_messages += r->stream->scan.messages - r->next_number;
	}
	text = summary(r, why);
	length = text ? strlen(text) : 0;
	r->ended = true;
	r->claim = false;
	r->deadline_us = now_us + r->context->settings.drain_us;
	if (text && begin_file(r)) {
		body = begin_tag(r, RECORDER_END, 0, (uint32_t)length);
	}
	for (size_t i = 0; body && i < length; i++) {
		body[i] = (uint8_t)text[i]; /* no string any more */
	}
	r->out_len += body ? length + AROUND : 0;
	r->gone |= !body;
	free(text);
}

void recorder_skip(struct recorder *r)
{
	r->skips++;
	relay_count(r->context, RELAY_COUNTER_relay_record_skips, 1);
	r->claim = false;
	r->skip_from = r->cursor.position + 1;
	r->behind_since_us = 0;
}

bool recorder_over(const struct recorder *r, uint64_t now_us)
{
	return r->gone || (r->ended && (r->out_len == 0 || now_us >= r->deadline_us));
}
