#include "origin.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "clock.h"
#include "journal.h"
#include "origin_io.h"
#include "stream.h"
#include "text.h"

#define CHUNK_SIZE      60000u  /* few headers in large messages; what ffmpeg sends as well */
#define WINDOW_ACK_SIZE 262144u /* bytes: a failed origin is known to have had what it acked */
#define PUMP_BYTES      ((size_t)1 << 20) /* bytes: one origin's turn */
#define READ_SIZE       4096u

static const char flash_ver[] = "FMLE/3.0 (compatible; Penstock/0.1)";

void origin_set_state(struct origin *o, enum origin_state state, uint64_t deadline_us)
{
	assert(o->state == state || origin_state_may_follow(o->state, state));
	pthread_mutex_lock(&o->context->lock);
	o->state = state;
	pthread_mutex_unlock(&o->context->lock);
	o->deadline_us = deadline_us;
}

static void set_error(struct origin *o, const char *text)
{
	pthread_mutex_lock(&o->context->lock);
	text_printable(o->last_error, sizeof(o->last_error), text, ORIGIN_ERROR_MAX);
	pthread_mutex_unlock(&o->context->lock);
}

/* "rtmp://host:port/app", brackets around an IPv6 address. */
static void format_url(const struct origin *o, char *out, size_t size)
{
	bool bare_v6 = strchr(o->config->host, ':') && o->config->host[0] != '[';

	(void)snprintf(out, size, bare_v6 ? "rtmp://[%s]:%u/%s" : "rtmp://%s:%u/%s",
		       o->config->host, o->config->port, o->config->app);
}

/* As shown: a name from the configuration may be the key of the other side. */
static void format_shown_url(const struct origin *o, char *out, size_t size)
{
	(void)snprintf(out, size, "%.255s/%.255s", o->tc_url,
		       o->config->name ? "***" : o->stream->name);
}

static void log_change(const struct origin *o, enum config_log_level level, const char *event,
		       const char *text)
{
	char url[ORIGIN_URL_MAX];
	char shown[ORIGIN_URL_MAX];

	format_shown_url(o, url, sizeof(url));
	text_printable(shown, sizeof(shown), url, sizeof(url));
	journal(level, event, "{s:s, s:s, s:s, s:s}", "app", o->stream->app->name, "name",
		o->stream->name, "origin", shown, "text", text);
}

void origin_init(struct origin *o, struct relay_context *context, struct relay_stream *stream,
		 const struct config_origin *config, uint32_t index)
{
	memset(o, 0, sizeof(*o));
	o->context = context;
	o->stream = stream;
	o->config = config;
	o->index = index;
	o->fd = -1;
	o->backoff_us = context->settings.backoff_min_us;
	format_url(o, o->tc_url, sizeof(o->tc_url));
}

static void close_connection(struct origin *o)
{
	origin_io_close(o);
	if (o->batch) {
		batch_fini(o->batch);
		free(o->batch);
		o->batch = NULL;
	}
}

static void drop_addresses(struct origin *o)
{
	if (o->addresses) {
		freeaddrinfo(o->addresses);
	}
	o->addresses = NULL;
	o->next_address = NULL;
}

void origin_fini(struct origin *o)
{
	close_connection(o);
	drop_addresses(o);
}

/* Half as long to one and a quarter: a thousand streams must not return in the same millisecond. */
static uint64_t next_delay(struct origin *o)
{
	uint64_t delay = o->backoff_us;
	uint64_t quarter = delay / 4;

	o->backoff_us = delay * 2 < o->context->settings.backoff_max_us
				? delay * 2
				: o->context->settings.backoff_max_us;
	return delay - quarter + relay_random(o->context) % (2 * quarter + 1);
}

static bool worth_returning(const struct origin *o)
{
	return !o->context->shutdown && !o->stream->broken && (!o->stream->ended || o->claim);
}

static void fail(struct origin *o, const char *text, uint64_t now_us)
{
	if (o->state == ORIGIN_PUBLISHING) {
		o->claim = false;
		o->skip_from = 0;
		if (now_us - o->publishing_us >= o->context->settings.backoff_reset_us) {
			o->backoff_us = o->context->settings.backoff_min_us;
		}
	}
	set_error(o, text);
	relay_add(&o->failures, 1);
	relay_count(o->context, RELAY_COUNTER_relay_failures, 1);
	o->failed_in_row++;
	if ((o->failed_in_row & (o->failed_in_row - 1)) == 0) { /* 1st, 2nd, 4th, 8th ... */
		log_change(o, CONFIG_LOG_WARN, "origin.failed", o->last_error);
	}
	close_connection(o);
	if (worth_returning(o)) {
		origin_set_state(o, ORIGIN_BACKOFF, now_us + next_delay(o));
	} else {
		origin_set_state(o, ORIGIN_IDLE, 0);
	}
}

static void fail_errno(struct origin *o, const char *what, int error, uint64_t now_us)
{
	char text[ORIGIN_ERROR_MAX];

	(void)snprintf(text, sizeof(text), "%s: %s", what,
		       error ? strerrordesc_np(error) : "closed by the origin");
	fail(o, text, now_us);
}

/* Tries the next address; without one left, fails with the error of the last. */
static void connect_next(struct origin *o, int error, uint64_t now_us)
{
	while (o->next_address) {
		const struct addrinfo *address = o->next_address;

		o->next_address = address->ai_next;
		error = -origin_io_open(o, address);
		if (error == 0) {
			origin_set_state(o, ORIGIN_CONNECTING,
					 now_us + o->context->settings.connect_us);
			return;
		}
	}
	fail_errno(o, "connect", error, now_us);
}

static void take_addresses(struct origin *o, struct addrinfo *addresses, uint64_t now_us)
{
	drop_addresses(o);
	o->addresses = addresses;
	o->next_address = addresses;
	connect_next(o, EADDRNOTAVAIL, now_us);
}

static int ask_resolver(struct origin *o)
{
	struct mail *mail = mail_create(MAIL_RESOLVED);

	if (!mail) {
		return -1;
	}
	mail->stream = o->stream->serial;
	mail->attempt = o->attempt;
	mail->index = o->index;
	return resolver_ask(o->context->resolver, &o->context->mailbox, mail, o->config->host,
			    o->config->port);
}

void origin_start(struct origin *o, uint64_t now_us)
{
	struct addrinfo *addresses = NULL;

	o->attempt++;
	origin_set_state(o, ORIGIN_RESOLVING, 0);
	if (resolver_numeric(o->config->host, o->config->port, &addresses) == 0) {
		take_addresses(o, addresses, now_us);
	} else if (ask_resolver(o)) {
		fail(o, "no memory", now_us);
	}
}

void origin_resolved(struct origin *o, struct mail *mail, uint64_t now_us)
{
	if (o->state != ORIGIN_RESOLVING || mail->attempt != o->attempt) {
		return;
	}
	if (mail->error) {
		char text[ORIGIN_ERROR_MAX];

		(void)snprintf(text, sizeof(text), "resolve: %s", gai_strerror(mail->error));
		fail(o, text, now_us);
		return;
	}
	take_addresses(o, mail->addresses, now_us);
	mail->addresses = NULL;
}

static void begin_handshake(struct origin *o, uint64_t now_us)
{
	struct rtmp_client_config config = {
		.app = o->config->app,
		.tc_url = o->tc_url,
		.name = o->config->name ? o->config->name : o->stream->name,
		.flash_ver = flash_ver,
		.chunk_size = CHUNK_SIZE,
		.window_ack_size = WINDOW_ACK_SIZE,
	};
	struct rtmp_out out = {o->out, 0, sizeof(o->out), false};

	o->batch = malloc(sizeof(*o->batch));
	if (!o->batch) {
		fail(o, "no memory", now_us);
		return;
	}
	batch_init(o->batch);
	rtmp_client_init(&o->client, &config, relay_random(o->context));
	if (rtmp_client_start(&o->client, &out)) {
		fail(o, "handshake does not fit", now_us);
		return;
	}
	o->out_len = out.len;
	origin_set_state(o, ORIGIN_HANDSHAKE, now_us + o->context->settings.handshake_us);
}

static void connect_done(struct origin *o, uint64_t now_us)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(o->fd, SOL_SOCKET, SO_ERROR, &error, &length)) {
		error = errno;
	}
	if (error) {
		origin_io_close(o);
		connect_next(o, error, now_us);
		return;
	}
	begin_handshake(o, now_us);
}

void origin_event(struct origin *o, uint32_t events, uint64_t now_us)
{
	if (o->fd < 0) {
		return; /* closed earlier in this round */
	}
	o->readable |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	o->hung_up |= (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
		o->blocked = false;
		if (o->state == ORIGIN_CONNECTING) {
			connect_done(o, now_us);
		}
	}
}

static void publishing(struct origin *o, uint64_t now_us)
{
	relay_add(&o->connects, 1);
	relay_count(o->context, RELAY_COUNTER_relay_connects, 1);
	o->failed_in_row = 0;
	o->publishing_us = now_us;
	o->behind_since_us = 0;
	origin_set_state(o, ORIGIN_PUBLISHING, 0);
	log_change(o, CONFIG_LOG_INFO, "origin.publishing",
		   o->claim ? "from its place" : "from a keyframe");
}

static void refused(struct origin *o, const struct rtmp_client_event *event, uint64_t now_us)
{
	char text[ORIGIN_ERROR_MAX];

	(void)snprintf(text, sizeof(text), "refused: %.60s %.80s", event->code, event->text);
	fail(o, text, now_us);
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
		atomic_store_explicit(&o->acked_bytes, event->acked, memory_order_relaxed);
		return true;
	case RTMP_CLIENT_STATUS:
		log_change(o, CONFIG_LOG_DEBUG, "origin.status", event->code);
		return true;
	case RTMP_CLIENT_MORE:
		return true;
	}
	return true;
}

static bool feed(struct origin *o, uint8_t *data, size_t length, uint64_t now_us)
{
	struct rtmp_span span = {.data = data, .len = (uint32_t)length};
	struct rtmp_out out = {o->out, o->out_len, sizeof(o->out), false};
	struct rtmp_client_event event;

	do {
		int rc = rtmp_client_next(&o->client, &span, &out, &event);

		o->out_len = out.len;
		if (rc < 0) {
			fail(o, rtmp_error_sentence(rc), now_us);
			return false;
		}
		if (!handle(o, &event, now_us)) {
			return false;
		}
	} while (event.type != RTMP_CLIENT_MORE);
	return true;
}

/* Reads once. False when the connection is gone. */
static bool read_input(struct origin *o, uint64_t now_us)
{
	uint8_t data[READ_SIZE];
	ssize_t got = origin_io_read(o, data, sizeof(data));

	if (got < 0 && o->state == ORIGIN_CLOSING) {
		close_connection(o); /* which is what we waited for */
		origin_set_state(o, ORIGIN_IDLE, 0);
		return false;
	}
	if (got < 0) {
		fail_errno(o, "read", errno, now_us);
		return false;
	}
	return got == 0 || o->state == ORIGIN_CLOSING || feed(o, data, (size_t)got, now_us);
}

/* Sequence headers and metadata as of the keyframe, before it. */
static int put_headers(struct origin *o, const struct stream_start *start)
{
	struct rtmp_out out = {0};

	for (int kind = 0; kind < (int)ABI_HEADER_KINDS; kind++) {
		const struct header *header = start->headers->headers[kind];

		if (header) {
			out.cap += header->length +
				   (header->length / CHUNK_SIZE + 1) * RTMP_CHUNK_HEADER_MAX;
		}
	}
	out.data = malloc(out.cap + 1);
	if (!out.data) {
		return -1;
	}
	for (int kind = 0; kind < (int)ABI_HEADER_KINDS; kind++) {
		const struct header *header = start->headers->headers[kind];
		struct rtmp_message msg;

		if (!header) {
			continue;
		}
		msg = batch_message(header->type, start->timestamp, header->length,
				    o->client.stream_id);
		(void)rtmp_chunk_writer_put(&o->client.writer, &msg, header->data, &out);
	}
	batch_put(o->batch, out.data, out.len);
	return out.overflow ? -1 : 0;
}

/* False while there is no keyframe to begin at. */
static bool take_claim(struct origin *o, uint64_t now_us)
{
	struct stream_start start;

	if (!stream_starting_point(o->stream, o->skip_from, &start)) {
		return false;
	}
	if (put_headers(o, &start)) {
		fail(o, "no memory", now_us);
		return false;
	}
	if (start.cursor->messages > o->cursor.messages) {
		uint64_t skipped = start.cursor->messages - o->cursor.messages;

		relay_add(&o->skipped_messages, skipped);
		relay_count(o->context, RELAY_COUNTER_relay_skipped_messages, skipped);
	}
	o->cursor = *start.cursor;
	o->claim = true;
	o->behind_since_us = 0;
	return true;
}

/* Fills the empty batch; false when there is nothing to send. */
static bool take_messages(struct origin *o, uint64_t now_us)
{
	if (!o->claim) {
		return take_claim(o, now_us);
	}
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
		fail_errno(o, "send", errno, now_us);
		return false;
	}
	if (flush == ORIGIN_BLOCKED) {
		if (o->hung_up) {
			fail_errno(o, "send", 0, now_us);
		}
		return false;
	}
	if (o->readable && !o->batch->open) {
		return read_input(o, now_us);
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

void origin_finish(struct origin *o, uint64_t now_us)
{
	struct rtmp_out out = {o->out, o->out_len, sizeof(o->out), false};

	if (o->state == ORIGIN_CLOSING || o->state == ORIGIN_IDLE) {
		return;
	}
	if (o->state != ORIGIN_PUBLISHING) {
		origin_abandon(o, "stream ended");
		return;
	}
	if (batch_detach(o->batch, &o->client.writer, &o->context->view) ||
	    rtmp_client_finish(&o->client, &out)) {
		origin_abandon(o, "stream ended; no memory to say so");
		return;
	}
	o->out_len = out.len;
	o->claim = false;
	origin_set_state(o, ORIGIN_CLOSING, now_us + o->context->settings.drain_us);
	(void)origin_pump(o, now_us);
}

void origin_abandon(struct origin *o, const char *why)
{
	if (o->state == ORIGIN_IDLE) {
		return;
	}
	set_error(o, why);
	close_connection(o);
	o->claim = false;
	origin_set_state(o, ORIGIN_IDLE, 0);
}

static void closing_tick(struct origin *o, uint64_t now_us)
{
	if (now_us < o->deadline_us) {
		return;
	}
	if (!o->shut || origin_io_unacked(o) > 0) {
		relay_count(o->context, RELAY_COUNTER_relay_drains_abandoned, 1);
	}
	origin_abandon(o, "did not close in time");
}

void origin_tick(struct origin *o, uint64_t now_us)
{
	if (o->state == ORIGIN_CLOSING) {
		closing_tick(o, now_us);
		return;
	}
	if (o->deadline_us == 0 || now_us < o->deadline_us) {
		return;
	}
	if (o->state == ORIGIN_BACKOFF) {
		origin_start(o, now_us);
	} else if (o->state == ORIGIN_CONNECTING) {
		origin_io_close(o);
		connect_next(o, ETIMEDOUT, now_us);
	} else if (o->state == ORIGIN_HANDSHAKE) {
		fail(o, "handshake: no answer in time", now_us);
	}
}

bool origin_hold(const struct origin *o, uint64_t *position)
{
	bool reads = o->batch && (o->batch->open || (!batch_empty(o->batch) && !o->batch->copy));

	if (!o->claim && !reads) {
		return false;
	}
	*position = o->batch ? batch_hold(o->batch, &o->cursor) : log_cursor_hold(&o->cursor);
	return true;
}

bool origin_caught_up(const struct origin *o, uint64_t head)
{
	return o->state == ORIGIN_PUBLISHING && o->claim && o->cursor.position == head &&
	       batch_empty(o->batch) && !o->batch->open;
}

void origin_skip(struct origin *o, uint64_t now_us)
{
	relay_add(&o->skips, 1);
	relay_count(o->context, RELAY_COUNTER_relay_skips, 1);
	if (batch_detach(o->batch, &o->client.writer, &o->context->view)) {
		fail(o, "no memory", now_us);
		return;
	}
	o->claim = false;
	o->skip_from = o->cursor.position + 1;
	o->behind_since_us = 0;
	if ((atomic_load_explicit(&o->skips, memory_order_relaxed) &
	     (atomic_load_explicit(&o->skips, memory_order_relaxed) - 1)) == 0) {
		log_change(o, CONFIG_LOG_WARN, "origin.skipped", "too far behind");
	}
}

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void origin_status(const struct origin *o, struct origin_status *out)
{
	char url[ORIGIN_URL_MAX];

	format_shown_url(o, url, sizeof(url));
	text_printable(out->url, sizeof(out->url), url, sizeof(url));
	out->state = origin_state_name(o->state);
	memcpy(out->last_error, o->last_error, sizeof(out->last_error));
	out->messages = load(&o->messages);
	out->bytes = load(&o->bytes);
	out->connects = load(&o->connects);
	out->failures = load(&o->failures);
	out->skips = load(&o->skips);
	out->skipped_messages = load(&o->skipped_messages);
	out->acked_bytes = load(&o->acked_bytes);
	out->lag_bytes = load(&o->lag_bytes);
	out->lag_ms = load(&o->lag_ms);
}
