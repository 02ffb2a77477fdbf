#include "conn.h"

#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNSENT_MAX  (64u << 10) /* bytes; a peer that reads no replies at all */
#define TX_HEADROOM 8192u       /* what rtmp_server_next() wants free */
#define NO_MEMORY   "out of memory"
#define NOT_READING "peer does not read replies"

struct conn *conn_create(struct sink *sink, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		close(fd);
		return NULL;
	}
	conn->source.fd = fd;
	conn->opened_s = sink->elapsed_s;
	/* Differs between connections; nothing secret hangs on it. */
	sink->seed += UINT64_C(0x9e3779b97f4a7c15);
	rtmp_server_init(&conn->rtmp, &sink->rtmp, sink->seed);
	return conn;
}

static struct conn_publish *find_publish(struct conn *conn, uint32_t stream_id)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		struct conn_publish *publish = &conn->publishes[i];
		if (publish->record != NULL && publish->stream_id == stream_id) {
			return publish;
		}
	}
	return NULL;
}

static struct conn_publish *free_publish(struct conn *conn)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (conn->publishes[i].record == NULL) {
			return &conn->publishes[i];
		}
	}
	return NULL;
}

/* Messages of this publish that are under way will never be complete. */
static void drop_partial(struct conn *conn, const struct conn_publish *publish)
{
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		struct assembly_slot *slot = &conn->assembly.slots[i];
		if (slot->partial && slot->stream_id == publish->stream_id) {
			publish->record->incomplete_messages++;
			assembly_release(&conn->assembly, i);
		}
	}
}

static void end_publish(struct sink *sink, struct conn *conn, struct conn_publish *publish,
			enum record_ended how)
{
	drop_partial(conn, publish);
	sink_publish_end(sink, publish->record, how);
	publish->record = NULL;
}

void conn_destroy(struct sink *sink, struct conn *conn, enum record_ended how)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (conn->publishes[i].record != NULL) {
			end_publish(sink, conn, &conn->publishes[i], how);
		}
	}
	assembly_fini(&conn->assembly);
	rtmp_server_fini(&conn->rtmp);
	free(conn->unsent);
	close(conn->source.fd);
	free(conn);
}

/* What ended the connection goes into the records of all publishes on it. */
static int fail(struct conn *conn, const char *why)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (conn->publishes[i].record != NULL) {
			conn->publishes[i].record->error = why;
		}
	}
	return -1;
}

static int on_publish(struct sink *sink, struct conn *conn, const struct rtmp_server_event *event,
		      struct rtmp_out *out)
{
	struct conn_publish *old = find_publish(conn, event->stream_id);

	if (old != NULL) { /* a second publish without an end of the first */
		end_publish(sink, conn, old, RECORD_UNPUBLISH);
	}
	struct conn_publish *publish = free_publish(conn);
	if (publish == NULL) { /* as many as the library has message streams: cannot be */
		return fail(conn, "more publishes than message streams");
	}
	struct record *record = sink_publish(sink, event->app, event->name);
	if (record == NULL) {
		return fail(conn, NO_MEMORY);
	}
	publish->stream_id = event->stream_id;
	publish->record = record;
	conn->published = true;
	int rc = rtmp_server_accept(&conn->rtmp, event->stream_id, out);
	return rc == 0 ? 0 : fail(conn, rtmp_error_sentence(rc));
}

static void log_message(const struct conn *conn, const struct record *record,
			const struct rtmp_piece *piece)
{
	fprintf(stderr,
		"message stream=%llu type=%u csid=%u timestamp=%u length=%u pieces=%u "
		"chunk_size=%u\n",
		(unsigned long long)record->number, piece->msg->type, piece->msg->csid,
		piece->msg->timestamp, piece->msg->length, conn->assembly.slots[piece->slot].pieces,
		conn->rtmp.reader.chunk_size);
}

static int on_media(struct sink *sink, struct conn *conn, const struct rtmp_server_event *event)
{
	const struct rtmp_piece *piece = &event->piece;
	const struct conn_publish *publish = find_publish(conn, event->stream_id);
	const uint8_t *data;

	if (publish == NULL) {
		return 0;
	}
	switch (assembly_add(&conn->assembly, piece, event->stream_id, &data)) {
	case ASSEMBLY_MORE:
		return 0;
	case ASSEMBLY_NO_MEMORY:
		return fail(conn, NO_MEMORY);
	case ASSEMBLY_SHORT:
		publish->record->incomplete_messages++;
		break;
	case ASSEMBLY_COMPLETE:
		if (sink->options->chunk_log) {
			log_message(conn, publish->record, piece);
		}
		record_message(publish->record, piece->msg->type, piece->msg->timestamp, data,
			       piece->msg->length);
		break;
	}
	assembly_release(&conn->assembly, piece->slot);
	return 0;
}

static void on_abort(struct conn *conn, uint32_t index)
{
	const struct assembly_slot *slot = &conn->assembly.slots[index];
	const struct conn_publish *publish = find_publish(conn, slot->stream_id);

	if (slot->partial && publish != NULL) {
		publish->record->incomplete_messages++;
	}
	assembly_release(&conn->assembly, index);
}

static int on_event(struct sink *sink, struct conn *conn, const struct rtmp_server_event *event,
		    struct rtmp_out *out)
{
	struct conn_publish *publish;

	switch (event->type) {
	case RTMP_SERVER_PUBLISH:
		return on_publish(sink, conn, event, out);
	case RTMP_SERVER_UNPUBLISH:
		publish = find_publish(conn, event->stream_id);
		if (publish != NULL) {
			end_publish(sink, conn, publish, RECORD_UNPUBLISH);
		}
		return 0;
	case RTMP_SERVER_MEDIA:
		return on_media(sink, conn, event);
	case RTMP_SERVER_ABORT:
		if (event->slot < RTMP_CHUNK_STREAMS) {
			on_abort(conn, event->slot);
		}
		return 0;
	default:
		return 0;
	}
}

/* Keeps what the socket did not take. */
static int keep_unsent(struct conn *conn, const uint8_t *data, size_t len)
{
	size_t need = conn->unsent_len + len;

	if (need > UNSENT_MAX) {
		return fail(conn, NOT_READING);
	}
	if (need > conn->unsent_cap) {
		uint8_t *grown = realloc(conn->unsent, UNSENT_MAX);
		if (grown == NULL) {
			return fail(conn, NO_MEMORY);
		}
		conn->unsent = grown;
		conn->unsent_cap = UNSENT_MAX;
	}
	memcpy(conn->unsent + conn->unsent_len, data, len);
	conn->unsent_len += len;
	return 0;
}

/* Bytes that the socket took, or -1. */
static ssize_t send_some(int fd, const uint8_t *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	return n;
}

static int send_out(struct conn *conn, struct rtmp_out *out)
{
	ssize_t sent = 0;

	if (out->len == 0) {
		return 0;
	}
	if (conn->unsent_len == 0) {
		sent = send_some(conn->source.fd, out->data, out->len);
		if (sent < 0) {
			return -1;
		}
	}
	size_t left = out->len - (size_t)sent;
	int rc = left > 0 ? keep_unsent(conn, out->data + sent, left) : 0;
	out->len = 0;
	return rc;
}

bool conn_has_unsent(const struct conn *conn)
{
	return conn->unsent_len > 0;
}

int conn_flush(struct conn *conn)
{
	ssize_t sent = send_some(conn->source.fd, conn->unsent, conn->unsent_len);

	if (sent < 0) {
		return -1;
	}
	conn->unsent_len -= (size_t)sent;
	memmove(conn->unsent, conn->unsent + sent, conn->unsent_len);
	return 0;
}

static int handle(struct sink *sink, struct conn *conn, uint8_t *data, uint32_t len,
		  struct rtmp_out *out)
{
	struct rtmp_span in = {.data = data, .len = len, .exclusive = true};
	struct rtmp_server_event event;

	for (;;) {
		int rc = rtmp_server_next(&conn->rtmp, &in, out, &event);
		if (rc != 0) {
			return fail(conn, rtmp_error_sentence(rc));
		}
		if (event.type == RTMP_SERVER_MORE) {
			return 0;
		}
		if (on_event(sink, conn, &event, out) != 0) {
			return -1;
		}
		if (out->cap - out->len < TX_HEADROOM && send_out(conn, out) != 0) {
			return -1;
		}
	}
}

/* The next close() resets the connection. */
static void set_reset(struct conn *conn)
{
	const struct linger linger = {.l_onoff = 1};

	(void)setsockopt(conn->source.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Plays the faults that were asked for: 0, or -1 when it must be closed. */
static int apply_faults(const struct sink *sink, struct conn *conn)
{
	const struct sink_options *o = sink->options;

	conn->stalled = o->stall_after != 0 && conn->received >= o->stall_after;
	if (o->reset_after != 0 && conn->received >= o->reset_after) {
		set_reset(conn);
		return fail(conn, "reset on purpose");
	}
	return 0;
}

int conn_receive(struct sink *sink, struct conn *conn)
{
	struct rtmp_out out = {.data = sink->tx, .cap = sizeof(sink->tx)};
	ssize_t n = recv(conn->source.fd, sink->rx, sizeof(sink->rx), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (n <= 0) {
		return -1;
	}
	sink->dirty = true;
	if (sink->options->latency != NULL) {
		latency_arrived(&sink->latency);
	}
	conn->received += (uint64_t)n;
	int rc = handle(sink, conn, sink->rx, (uint32_t)n, &out);
	/* Also after an error: the reply may say what is wrong. */
	int sent = send_out(conn, &out);
	if (rc == 0) {
		rc = apply_faults(sink, conn);
	}
	return rc != 0 ? rc : sent;
}
