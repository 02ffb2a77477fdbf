#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "journal.h"
#include "stream_private.h"
#include "text.h"

void stream_break(struct relay_stream *s, const char *where)
{
	if (s->broken) {
		return;
	}
	s->broken = true;
	relay_count(s->context, RELAY_COUNTER_relay_log_broken, 1);
	journal(CONFIG_LOG_ERROR, "stream.log_broken", "{s:s, s:s, s:s, s:I, s:I}", "app",
		s->app->name, "name", s->name, "where", where, "position",
		(long long)s->scan.position, "head", (long long)s->head);
}

static int find_entry(struct relay_stream *s, uint64_t now_us)
{
	struct log_bounds bounds = {
		.head = s->head,
		.messages = atomic_load_explicit(&s->pub->messages, memory_order_relaxed),
		.from_us = s->pub->started_us,
		.to_us = now_us,
	};

	return log_reader_find_entry(&s->context->view, &s->scan, &bounds);
}

/* The block of position 0, or of the first unit that is still there. */
static int find_beginning(struct relay_stream *s, uint64_t now_us)
{
	uint64_t reclaimed = atomic_load_explicit(&s->pub->reclaimed, memory_order_acquire);
	uint64_t position = reclaimed;
	uint32_t block = s->head > 0 ? s->pub->first_block : ABI_LOG_NO_BLOCK;

	if (reclaimed > 0) {
		block = atomic_load_explicit(&s->pub->reclaimed_block, memory_order_relaxed);
	}
	/* The dataplane seeds the tail of a fresh `sub` with where the last control was. */
	if (atomic_load_explicit(&s->tail->generation, memory_order_relaxed) == s->generation) {
		uint64_t seeded = atomic_load_explicit(&s->tail->position, memory_order_relaxed);

		position = seeded > reclaimed && seeded <= s->head ? seeded : reclaimed;
	}
	log_cursor_init(&s->scan, reclaimed, block);
	if (log_cursor_skip(&s->context->view, &s->scan, position - reclaimed)) {
		return LOG_BROKEN;
	}
	return position == 0 ? 0 : find_entry(s, now_us);
}

static void claim_tail(struct relay_stream *s)
{
	if (atomic_load_explicit(&s->tail->generation, memory_order_relaxed) != s->generation) {
		atomic_store_explicit(&s->tail->position, 0, memory_order_relaxed);
		/* Release: whoever sees the generation sees that 0 or what came after. */
		atomic_store_explicit(&s->tail->generation, s->generation, memory_order_release);
	}
	s->released = s->scan.position;
}

/* A stream that was live before we came: what lies below the beginning is known from headers. */
static void resume(struct relay_stream *s, uint64_t now_us)
{
	s->video = atomic_load_explicit(&s->pub->video_messages, memory_order_relaxed) > 0;
	if (headers_seed(&s->headers, &s->context->view, s->pub)) {
		journal(CONFIG_LOG_WARN, "stream.no_headers", "{s:s, s:s}", "app", s->app->name,
			"name", s->name);
	}
	insight_headers(&s->insight, s->context, s->headers, now_us);
	journal(CONFIG_LOG_INFO, "stream.resumed", "{s:s, s:s, s:I, s:I}", "app", s->app->name,
		"name", s->name, "position", (long long)s->scan.position, "head",
		(long long)s->head);
}

/*
 * Until it has had its chance each origin holds the first place where it can begin: the beginning
 * of a new stream, the first keyframe of one taken over.
 */
static void init_origins(struct relay_stream *s, uint64_t now_us)
{
	const struct relay_settings *settings = &s->context->settings;
	const struct relay_source *source = &s->context->source;
	uint64_t chance_us =
		s->scan.position == 0 ? settings->first_chance_us : settings->return_us;

	s->origins_count = s->app->origins_count;
	positions_open(&s->positions,
		       &abi_sub_resume(source->sub, source->layout->streams)[s->slot],
		       s->generation, s->head, s->app->origins, s->origins_count);
	for (uint32_t i = 0; i < s->origins_count; i++) {
		uint64_t position = positions_of(&s->positions, i);

		s->position_last = position > s->position_last ? position : s->position_last;
		origin_init(&s->origins[i], s->context, s, &s->app->origins[i], i);
		s->origins[i].cursor = s->scan;
		s->origins[i].returning = true;
		s->origins[i].returning_us = now_us + chance_us;
	}
}

struct relay_stream *stream_create(struct relay_context *context, uint32_t slot,
				   uint64_t generation, const struct config_app *app,
				   const char *name, uint64_t now_us)
{
	const struct relay_source *source = &context->source;
	size_t size = sizeof(struct relay_stream) + app->origins_count * sizeof(struct origin);
	size_t name_size = strnlen(name, ABI_NAME_MAX - 1) + 1;
	struct relay_stream *s = calloc(1, size + name_size);

	if (!s) {
		return NULL;
	}
	s->context = context;
	s->slot = slot;
	s->generation = generation;
	s->pub = (const struct abi_stream *)((const uint8_t *)source->pub +
					     source->layout->streams_offset) +
		 slot;
	s->tail = &context->source.sub->tail[slot];
	s->app = app;
	timeline_init(&s->timeline, app->timestamps == CONFIG_TIMESTAMPS_REPAIR);
	s->name = (char *)s + size;
	text_copy(s->name, name_size, name);
	/* Acquire: pairs with the worker's release after a complete message. */
	s->head = atomic_load_explicit(&s->pub->head, memory_order_acquire);
	if (find_beginning(s, now_us)) {
		stream_break(s, "beginning");
	}
	claim_tail(s);
	if (s->scan.position > 0) {
		resume(s, now_us);
	}
	init_origins(s, now_us);
	relay_count(context, RELAY_COUNTER_relay_streams_adopted, 1);
	return s;
}

void stream_destroy(struct relay_stream *s)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_fini(&s->origins[i]);
	}
	stream_record_fini(s);
	headers_put(s->headers);
	insight_destroy(s->insight);
	timeline_fini(&s->timeline);
	starts_fini(&s->starts);
	free(s);
}

void stream_start(struct relay_stream *s, uint64_t now_us)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_start(&s->origins[i], now_us);
	}
}

static void finish(struct relay_stream *s)
{
	stream_release_all(s);
	s->finished = true;
	relay_count(s->context, RELAY_COUNTER_relay_streams_finished, 1);
}

static void drain_origin(struct relay_stream *s, struct origin *o, uint64_t now_us)
{
	bool waits = !o->claim && o->returning && stream_starting_point(s, o);

	if (o->state == ORIGIN_PUBLISHING && !waits &&
	    (!o->claim || origin_caught_up(o, s->head))) {
		origin_finish(o, now_us);
	} else if (o->state != ORIGIN_CLOSING && !o->claim && !waits) {
		origin_abandon(o, "stream ended");
	} else if (now_us >= s->drain_us && (o->claim || waits)) {
		relay_count(s->context, RELAY_COUNTER_relay_drains_abandoned, 1);
		origin_abandon(o, "did not take the end in time");
	}
}

static void drain(struct relay_stream *s, uint64_t now_us)
{
	uint64_t position;
	bool held = false;

	for (uint32_t i = 0; i < s->origins_count; i++) {
		drain_origin(s, &s->origins[i], now_us);
		held |= origin_hold(&s->origins[i], &position);
	}
	stream_record_drain(s, now_us);
	held |= stream_record_hold(s, &position);
	if (!held && !s->finished) {
		finish(s);
	}
}

static void abandon_origins(struct relay_stream *s, const char *why)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_abandon(&s->origins[i], why);
	}
}

/*
 * A broken log is given back whole, and so is what its publisher goes on to write: nothing more of
 * it goes to anybody.
 */
static void give_up(struct relay_stream *s, uint64_t now_us)
{
	stream_record_end(s, "the log is broken", now_us);
	abandon_origins(s, "log is broken");
	if (s->ended && !s->finished) {
		finish(s);
	} else if (!s->finished) {
		stream_release_all(s);
	}
}

/* While shutting down: what is there goes out as far as it is taken, then the end. */
static void flush(struct relay_stream *s, uint64_t now_us)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (origin_caught_up(&s->origins[i], s->head)) {
			origin_finish(&s->origins[i], now_us);
		}
	}
}

/* False when the slot belongs to another publication, or to none. */
static bool refresh(struct relay_stream *s, uint64_t now_us)
{
	/* Acquire, and before head: with ENDED seen, the head loaded after it is the last one. */
	uint32_t state = atomic_load_explicit(&s->pub->state, memory_order_acquire);
	uint64_t head = atomic_load_explicit(&s->pub->head, memory_order_acquire);

	/*
	 * After both: the worker changes the generation before it writes anything of the slot's
	 * next publication, so that whoever loaded some of that sees the change here.
	 */
	if (atomic_load_explicit(&s->pub->generation, memory_order_acquire) != s->generation) {
		return false;
	}
	s->head = head;
	if (s->scan.position == 0 && head > 0) {
		s->scan.block = s->pub->first_block; /* it has one since its first message */
	}
	if (state == ABI_STREAM_ENDED) {
		stream_ended(s, now_us);
	}
	return true;
}

bool stream_pump(struct relay_stream *s, uint64_t now_us)
{
	bool more = false;

	if (!s->finished && !s->context->shutdown && !refresh(s, now_us)) {
		s->finished = true; /* the slot is not ours to release any more */
		abandon_origins(s, "stream is gone");
		stream_record_end(s, "the stream is gone", now_us);
		return false;
	}
	if (!s->finished && !s->broken && !s->context->shutdown) {
		stream_scan(s);
	}
	for (uint32_t i = 0; i < s->origins_count && !s->broken; i++) {
		more |= origin_pump(&s->origins[i], now_us);
		stream_check_origin(s, &s->origins[i], now_us);
	}
	if (!s->broken) {
		more |= stream_record_pump(s, now_us);
	}
	if (s->broken) {
		give_up(s, now_us);
		(void)stream_record_pump(s, now_us); /* they read nothing more, but are told */
		return false;
	}
	if (s->context->shutdown) {
		flush(s, now_us);
	} else if (s->ended && !s->let_go) {
		drain(s, now_us);
	}
	if (!s->finished) {
		stream_release(s);
	}
	return more;
}

void stream_tick(struct relay_stream *s, uint64_t now_us)
{
	insight_catch_up(s->insight, s->headers, now_us);
	insight_show(s->insight, s->context, now_us);
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_tick(&s->origins[i], now_us);
	}
}

void stream_ended(struct relay_stream *s, uint64_t now_us)
{
	if (!s->ended) {
		s->ended = true;
		s->drain_us = now_us + s->context->settings.drain_us;
	}
}

void stream_shutdown(struct relay_stream *s, bool at_once, uint64_t now_us)
{
	stream_record_end(s, "control is stopping", now_us);
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (at_once || s->origins[i].state != ORIGIN_PUBLISHING) {
			origin_finish(&s->origins[i], now_us);
		}
	}
}

void stream_let_go(struct relay_stream *s, uint64_t now_us)
{
	s->let_go = true;
	stream_record_end(s, "the dataplane is gone", now_us);
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_finish(&s->origins[i], now_us);
		s->origins[i].returning = false;
	}
	s->finished = true;
}

bool stream_over(const struct relay_stream *s)
{
	if ((!s->finished && !s->context->shutdown) || !LIST_EMPTY(&s->recorders)) {
		return false;
	}
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (s->origins[i].state != ORIGIN_IDLE) {
			return false;
		}
	}
	return true;
}
