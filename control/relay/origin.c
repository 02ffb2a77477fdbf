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
#include "origin_ack.h"
#include "origin_io.h"
#include "origin_private.h"
#include "rtmp/heap_buffers.h"
#include "stream.h"
#include "text.h"

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
	char url[ORIGIN_URL_MAX];

	format_url(o, url, sizeof(url));
	(void)snprintf(out, size, "%.255s/%.255s", url, o->config->name ? "***" : o->stream->name);
}

void origin_log(const struct origin *o, enum config_log_level level, const char *event,
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
	o->fresh_number = UINT64_MAX;
	o->backoff_us = context->settings.backoff_min_us;
}

void origin_close(struct origin *o)
{
	origin_io_close(o);
	marks_clear(&o->marks);
	free(o->tc_url);
	o->tc_url = NULL;
	if (o->batch) {
		rtmp_client_fini(&o->client);
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
	origin_close(o);
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
	return !o->context->shutdown && !o->stream->broken && !o->stream->let_go &&
	       (!o->stream->ended || o->returning);
}

void origin_fail(struct origin *o, const char *text, uint64_t now_us)
{
	if (o->state == ORIGIN_PUBLISHING) {
		o->returning |= o->claim;
		o->returning_us = now_us + o->context->settings.return_us;
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
		origin_log(o, CONFIG_LOG_WARN, "origin.failed", o->last_error);
	}
	origin_close(o);
	if (worth_returning(o)) {
		origin_set_state(o, ORIGIN_BACKOFF, now_us + next_delay(o));
	} else {
		origin_set_state(o, ORIGIN_IDLE, 0);
	}
}

void origin_fail_errno(struct origin *o, const char *what, int error, uint64_t now_us)
{
	char text[ORIGIN_ERROR_MAX];

	(void)snprintf(text, sizeof(text), "%s: %s", what,
		       error ? strerrordesc_np(error) : "closed by the origin");
	origin_fail(o, text, now_us);
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
	origin_fail_errno(o, "connect", error, now_us);
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
		origin_fail(o, "no memory", now_us);
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
		origin_fail(o, text, now_us);
		return;
	}
	take_addresses(o, mail->addresses, now_us);
	mail->addresses = NULL;
}

static void begin_handshake(struct origin *o, uint64_t now_us)
{
	struct rtmp_client_config config;
	struct rtmp_out out;
	char url[ORIGIN_URL_MAX];
	int rc;

	format_url(o, url, sizeof(url));
	o->tc_url = strdup(url);
	o->batch = malloc(sizeof(*o->batch));
	if (!o->batch || !o->tc_url) {
		origin_fail(o, "no memory", now_us);
		return;
	}
	batch_init(o->batch);
	origin_ack_open(o);
	o->ack_window = origin_ack_window(o, o->stream->gop_length);
	config = (struct rtmp_client_config){
		.buffers = &rtmp_heap_buffers,
		.app = o->config->app,
		.tc_url = o->tc_url,
		.name = o->config->name ? o->config->name : o->stream->name,
		.flash_ver = flash_ver,
		.chunk_size = ORIGIN_CHUNK_SIZE,
		.window_ack_size = o->ack_window,
	};
	rtmp_client_init(&o->client, &config, relay_random(o->context));
	out = origin_io_out(o);
	rc = rtmp_client_start(&o->client, &out);
	origin_io_wrote(o, &out);
	if (rc < 0) {
		origin_fail(o, "no memory", now_us);
		return;
	}
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

void origin_finish(struct origin *o, uint64_t now_us)
{
	struct rtmp_out out;
	int rc;

	if (o->state == ORIGIN_CLOSING || o->state == ORIGIN_IDLE) {
		return;
	}
	if (o->state != ORIGIN_PUBLISHING) {
		origin_abandon(o, "stream ended");
		return;
	}
	rc = batch_detach(o->batch, &o->client.writer, &o->context->view);
	if (rc == 0) {
		out = origin_io_out(o);
		rc = rtmp_client_finish(&o->client, &out);
		origin_io_wrote(o, &out);
	}
	if (rc < 0) {
		origin_abandon(o, "stream ended; no memory to say so");
		return;
	}
	/* What it has is known for sure only when it has closed: until then the log stays. */
	o->returning_us = now_us + o->context->settings.drain_us;
	o->returning = o->claim && o->stream->ended && !o->context->shutdown && !o->stream->let_go;
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
	origin_close(o);
	o->claim = false;
	o->returning = false;
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
	origin_ack_tick(o, now_us);
	if (o->returning && o->state != ORIGIN_PUBLISHING && now_us >= o->returning_us) {
		o->returning = false; /* away for too long: the newest keyframe will do */
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
		origin_fail(o, "handshake: no answer in time", now_us);
	}
}

bool origin_hold(const struct origin *o, uint64_t *position)
{
	bool reads = o->batch && (o->batch->open || (!batch_empty(o->batch) && !o->batch->copy));
	const struct start *start = origin_place(o);

	*position = UINT64_MAX;
	if (o->claim || reads) {
		*position =
			o->batch ? batch_hold(o->batch, &o->cursor) : log_cursor_hold(&o->cursor);
	}
	if (start && start->cursor.position < *position) {
		*position = start->cursor.position;
	}
	return *position != UINT64_MAX;
}

bool origin_caught_up(const struct origin *o, uint64_t head)
{
	return o->state == ORIGIN_PUBLISHING && o->claim && o->cursor.position == head &&
	       batch_empty(o->batch) && !o->batch->open;
}

const struct start *origin_place(const struct origin *o)
{
	if (!o->claim && !o->returning) {
		return NULL;
	}
	return starts_for(&o->stream->starts, o->resume_number, o->given_up);
}

void origin_give_up(struct origin *o, uint64_t number)
{
	if (number > o->given_up) {
		o->given_up = number;
		relay_add(&o->lost_marks, 1);
		relay_count(o->context, RELAY_COUNTER_relay_lost_marks, 1);
	}
}

void origin_skip(struct origin *o, uint64_t now_us)
{
	relay_add(&o->skips, 1);
	relay_count(o->context, RELAY_COUNTER_relay_skips, 1);
	if (batch_detach(o->batch, &o->client.writer, &o->context->view)) {
		origin_fail(o, "no memory", now_us);
		return;
	}
	o->claim = false;
	o->returning = false;
	o->skip_from = o->cursor.position + 1;
	o->behind_since_us = 0;
	if ((atomic_load_explicit(&o->skips, memory_order_relaxed) &
	     (atomic_load_explicit(&o->skips, memory_order_relaxed) - 1)) == 0) {
		origin_log(o, CONFIG_LOG_WARN, "origin.skipped", "too far behind");
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
	out->repeated_messages = load(&o->repeated_messages);
	out->lost_marks = load(&o->lost_marks);
	out->ack_mode =
		origin_ack_name(atomic_load_explicit(&o->ack_mode_shown, memory_order_relaxed));
	out->sent_message = load(&o->sent_message);
	out->sent_bytes = load(&o->sent_bytes);
	out->tcp_acked_message = load(&o->tcp_acked_message);
	out->tcp_acked_bytes = load(&o->tcp_acked_bytes);
	out->acked_message = load(&o->acked_message);
	out->acked_bytes = load(&o->acked_bytes);
	out->lag_bytes = load(&o->lag_bytes);
	out->lag_ms = load(&o->lag_ms);
}
