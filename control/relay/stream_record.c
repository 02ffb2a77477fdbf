/*
 * The recordings of a stream: who may, what they hold of the log, and when they are over.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "recorder.h"
#include "stream_private.h"

#define PRESSURE_BEHIND_KIB 1024u

static uint32_t count(const struct relay_stream *s)
{
	const struct recorder *r;
	uint32_t n = 0;

	LIST_FOREACH (r, &s->recorders, link) {
		n++;
	}
	return n;
}

static void left(struct relay_context *context)
{
	atomic_fetch_sub_explicit(&context->recorders, 1, memory_order_relaxed);
}

void stream_record_refuse(struct relay_context *context, int fd, const char *line, size_t length)
{
	(void)send(fd, line, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
	left(context);
	relay_count(context, RELAY_COUNTER_relay_recordings_refused, 1);
}

void stream_record(struct relay_stream *s, int fd)
{
	static const char many[] =
		"{\"ok\":false,\"error\":\"it is being recorded often enough\"}\n";
	static const char over[] = "{\"ok\":false,\"error\":\"the stream has ended\"}\n";
	struct recorder *r;

	if (s->ended || s->finished || s->broken || s->context->shutdown) {
		stream_record_refuse(s->context, fd, over, sizeof(over) - 1);
		return;
	}
	if (count(s) >= RECORDERS_STREAM_MAX) {
		stream_record_refuse(s->context, fd, many, sizeof(many) - 1);
		return;
	}
	r = recorder_create(s, fd);
	if (!r) {
		left(s->context);
		return;
	}
	LIST_INSERT_HEAD(&s->recorders, r, link);
	relay_count(s->context, RELAY_COUNTER_relay_recordings, 1);
}

static void remove_recorder(struct recorder *r)
{
	struct relay_stream *s = r->stream;

	LIST_REMOVE(r, link);
	left(r->context);
	if (s->origins_count == 0 && LIST_EMPTY(&s->recorders)) {
		starts_clear(&s->starts); /* nobody begins there any more */
		s->gop_valid = false;
	}
	recorder_destroy(r);
}

/* As for origins: who is behind for a while, not just after a pause of this thread. */
static void check_behind(const struct relay_stream *s, struct recorder *r, uint64_t now_us)
{
	uint64_t kib = s->context->pressure ? PRESSURE_BEHIND_KIB : RECORDER_BEHIND_KIB;

	if (!r->claim || s->scan.bytes - r->cursor.bytes <= kib * KIB) {
		r->behind_since_us = 0;
	} else if (r->behind_since_us == 0) {
		r->behind_since_us = now_us;
	} else if (now_us - r->behind_since_us >= s->context->settings.behind_us) {
		recorder_skip(r);
	}
}

bool stream_record_pump(struct relay_stream *s, uint64_t now_us)
{
	struct recorder *r = LIST_FIRST(&s->recorders);
	bool more = false;

	while (r) {
		struct recorder *next = LIST_NEXT(r, link);

		more |= recorder_pump(r, now_us);
		check_behind(s, r, now_us);
		if (recorder_over(r, now_us)) {
			remove_recorder(r);
		}
		r = next;
	}
	return more;
}

/* Where one goes on that waits for its client to take what it has. */
static const struct start *waits_for(const struct relay_stream *s, const struct recorder *r)
{
	return r->claim || r->ended ? NULL : stream_newest_start(s, r->skip_from);
}

bool stream_record_hold(const struct relay_stream *s, uint64_t *position)
{
	const struct recorder *r;
	bool held = false;

	LIST_FOREACH (r, &s->recorders, link) {
		const struct start *start = s->ended ? waits_for(s, r) : NULL;
		uint64_t hold = r->claim ? log_cursor_hold(&r->cursor) : UINT64_MAX;

		hold = start ? start->cursor.position : hold;
		if (hold != UINT64_MAX && (!held || hold < *position)) {
			*position = hold;
			held = true;
		}
	}
	return held;
}

void stream_record_end(struct relay_stream *s, const char *why, uint64_t now_us)
{
	struct recorder *r;

	LIST_FOREACH (r, &s->recorders, link) {
		recorder_end(r, why, now_us);
	}
}

void stream_record_drain(struct relay_stream *s, uint64_t now_us)
{
	struct recorder *r;

	LIST_FOREACH (r, &s->recorders, link) {
		/* One that was moved on may wait for a keyframe that does not come any more. */
		if (r->claim ? r->cursor.position == s->head : !waits_for(s, r)) {
			recorder_end(r, "the stream ended", now_us);
		} else if (now_us >= s->drain_us) {
			recorder_end(r, "the end was not taken in time", now_us);
		}
	}
}

void stream_record_fini(struct relay_stream *s)
{
	while (!LIST_EMPTY(&s->recorders)) {
		remove_recorder(LIST_FIRST(&s->recorders));
	}
}
