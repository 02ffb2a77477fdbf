#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "journal.h"
#include "rtmp/message.h"
#include "text.h"

#define KIB                 UINT64_C(1024)

/* Under memory pressure an origin may be no further behind than this, whatever it may otherwise. */
#define PRESSURE_BEHIND_KIB 1024u

/* ... and when that does not help, one after the other is moved on that is so far behind. */
#define PRESSURE_LEAST_KIB  64u

/* Without video any message will do to begin at; so often one is remembered. */
#define AUDIO_START_US      (250 * US_PER_MS)

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
static void resume(struct relay_stream *s)
{
	s->video = atomic_load_explicit(&s->pub->video_messages, memory_order_relaxed) > 0;
	if (headers_seed(&s->headers, &s->context->view, s->pub)) {
		journal(CONFIG_LOG_WARN, "stream.no_headers", "{s:s, s:s}", "app", s->app->name,
			"name", s->name);
	}
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
	positions_open(&s->positions, &abi_sub_resume(source->sub, source->pub->streams)[s->slot],
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
	const struct abi_pub *pub = context->source.pub;
	size_t size = sizeof(struct relay_stream) + app->origins_count * sizeof(struct origin);
	size_t name_size = strnlen(name, ABI_NAME_MAX - 1) + 1;
	struct relay_stream *s = calloc(1, size + name_size);

	if (!s) {
		return NULL;
	}
	s->context = context;
	s->slot = slot;
	s->generation = generation;
	s->pub = (const struct abi_stream *)((const uint8_t *)pub + pub->streams_offset) + slot;
	s->tail = &context->source.sub->tail[slot];
	s->app = app;
	s->name = (char *)s + size;
	text_copy(s->name, name_size, name);
	/* Acquire: pairs with the worker's release after a complete message. */
	s->head = atomic_load_explicit(&s->pub->head, memory_order_acquire);
	if (find_beginning(s, now_us)) {
		stream_break(s, "beginning");
	}
	claim_tail(s);
	if (s->scan.position > 0) {
		resume(s);
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
	headers_clear(&s->headers);
	starts_fini(&s->starts);
	free(s);
}

void stream_start(struct relay_stream *s, uint64_t now_us)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_start(&s->origins[i], now_us);
	}
}

uint64_t stream_gop_bytes(const struct relay_stream *s)
{
	return s->starts.count > 0 ? s->scan.bytes - s->starts.list[0].cursor.bytes : 0;
}

/* The GOP under way goes on, but nobody can begin at its keyframe any more. */
static void lose_gop(struct relay_stream *s)
{
	if (s->gop_valid) {
		s->gop_valid = false;
		relay_count(s->context, RELAY_COUNTER_relay_gop_lost, 1);
	}
}

void stream_drop_gop(struct relay_stream *s)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (origin_place(&s->origins[i])) {
			origin_give_up(&s->origins[i], s->scan.messages);
		}
	}
	lose_gop(s);
	starts_clear(&s->starts);
}

static void begin_gop(struct relay_stream *s, const struct log_message *message)
{
	const struct start *newest = starts_newest(&s->starts);

	if (newest) {
		s->gop_length = message->at.bytes - newest->cursor.bytes;
	}
	starts_add(&s->starts, message, &s->headers);
	s->gop_valid = true;
}

/* Keyframes; without video a message now and then; and the very first of a publication. */
static bool may_begin_at(const struct relay_stream *s, const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	const struct start *newest = starts_newest(&s->starts);

	if (s->origins_count == 0) {
		return false;
	}
	if (entry->number == 0) {
		return true;
	}
	if (headers_kind(entry->type, entry->flags) >= 0) {
		return false;
	}
	if (s->video) {
		return (entry->flags & ABI_LOG_KEYFRAME) != 0;
	}
	return !newest || entry->arrived_us >= newest->arrived_us + AUDIO_START_US;
}

/* Up to here the predecessor knew that they have it. */
static void advance_origins(struct relay_stream *s, const struct log_message *message)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		struct origin *o = &s->origins[i];

		if (message->at.position <= positions_of(&s->positions, i) &&
		    message->entry.number > o->resume_number) {
			o->resume_number = message->entry.number;
		}
	}
}

static int scan_message(struct relay_stream *s, const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	bool header = headers_kind(entry->type, entry->flags) >= 0;

	if (!s->scanned) {
		s->first_number = entry->number;
		s->scanned = true;
	}
	if (message->at.position <= s->position_last) {
		advance_origins(s, message);
	}
	/* Aggregates hide their keyframes: where there is nothing else, none is waited for. */
	if (!header && entry->type == RTMP_TYPE_VIDEO) {
		s->video = true;
	}
	if (may_begin_at(s, message)) {
		begin_gop(s, message);
	}
	if (header && headers_update(&s->headers, &s->context->view, message)) {
		return LOG_BROKEN;
	}
	s->arrived_us = entry->arrived_us;
	return 0;
}

/* Of the GOP under way. */
static uint64_t gop_bytes(const struct relay_stream *s)
{
	const struct start *newest = starts_newest(&s->starts);

	return newest ? s->scan.bytes - newest->cursor.bytes : 0;
}

/* Reads on to head: headers and keyframes. */
static void scan(struct relay_stream *s)
{
	struct log_message message;
	int rc;

	while ((rc = log_reader_next(&s->context->view, &s->scan, s->head, &message)) > 0) {
		if (scan_message(s, &message)) {
			rc = LOG_BROKEN;
			break;
		}
	}
	if (rc < 0) {
		stream_break(s, "scan");
	} else if (gop_bytes(s) > s->app->gop_max_kib * KIB) {
		lose_gop(s);
	}
}

const struct start *stream_starting_point(const struct relay_stream *s, const struct origin *o)
{
	const struct start *newest = starts_newest(&s->starts);

	if (o->returning) {
		return origin_place(o);
	}
	return s->gop_valid && newest && newest->cursor.position >= o->skip_from ? newest : NULL;
}

static uint64_t behind_max(const struct relay_stream *s, const struct origin *o)
{
	uint64_t kib = o->config->behind_max_kib;

	if (s->context->pressure && kib > PRESSURE_BEHIND_KIB) {
		kib = PRESSURE_BEHIND_KIB;
	}
	return kib * KIB;
}

/*
 * An origin is behind when the bound was exceeded for a while, not at once: after a pause of this
 * thread everybody is behind, and a healthy origin catches up within milliseconds.
 */
static void check_behind(struct relay_stream *s, struct origin *o, uint64_t now_us)
{
	if (o->state != ORIGIN_PUBLISHING || !o->claim ||
	    o->config->when_behind != CONFIG_BEHIND_SKIP ||
	    s->scan.bytes - o->cursor.bytes <= behind_max(s, o)) {
		o->behind_since_us = 0;
	} else if (o->behind_since_us == 0) {
		o->behind_since_us = now_us;
	} else if (now_us - o->behind_since_us >= s->context->settings.behind_us) {
		origin_skip(o, now_us);
	}
}

/*
 * What an origin has not acknowledged is kept within bounds: for one that is not there at the
 * moment its behind_max_kib, or the GOP under way; for one that is, gop_max_kib behind its cursor.
 * Beyond that it would begin again later than it should, and it is counted.
 */
static bool keeps_place(const struct relay_stream *s, const struct origin *o,
			const struct start *place)
{
	if (o->claim) {
		return o->cursor.bytes - place->cursor.bytes <= s->app->gop_max_kib * KIB;
	}
	return (s->gop_valid && place == starts_newest(&s->starts)) ||
	       s->scan.bytes - place->cursor.bytes <= behind_max(s, o);
}

static void check_place(struct relay_stream *s, struct origin *o)
{
	const struct start *place = origin_place(o);

	while (place && !keeps_place(s, o, place)) {
		origin_give_up(o, place->cursor.messages + 1);
		place = origin_place(o);
	}
}

/* Index of the blocked origin that is furthest behind, or origins_count. */
static uint32_t slowest(const struct relay_stream *s)
{
	uint64_t most = PRESSURE_LEAST_KIB * KIB;
	uint32_t index = s->origins_count;

	for (uint32_t i = 0; i < s->origins_count; i++) {
		const struct origin *o = &s->origins[i];

		if (o->state == ORIGIN_PUBLISHING && o->claim && o->blocked &&
		    s->scan.bytes - o->cursor.bytes >= most) {
			most = s->scan.bytes - o->cursor.bytes;
			index = i;
		}
	}
	return index;
}

uint64_t stream_behind(const struct relay_stream *s)
{
	uint32_t index = s->ended || s->broken ? s->origins_count : slowest(s);

	return index < s->origins_count ? s->scan.bytes - s->origins[index].cursor.bytes : 0;
}

void stream_drop_behind(struct relay_stream *s, uint64_t now_us)
{
	uint32_t index = slowest(s);

	if (index < s->origins_count) {
		origin_skip(&s->origins[index], now_us);
	}
}

/* For the successor. An origin without a place keeps the one that it had. */
static void store_places(struct relay_stream *s)
{
	for (uint32_t i = 0; i < s->origins_count; i++) {
		const struct start *place = origin_place(&s->origins[i]);

		if (place) {
			positions_store(&s->positions, i, place->cursor.position);
		}
	}
}

static void release(struct relay_stream *s)
{
	const struct start *newest = starts_newest(&s->starts);
	uint64_t hold = log_cursor_hold(&s->scan);
	uint64_t position;

	if (s->gop_valid && newest && !s->ended && newest->cursor.position < hold) {
		hold = newest->cursor.position;
	}
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (origin_hold(&s->origins[i], &position) && position < hold) {
			hold = position;
		}
	}
	if (hold > s->released && !s->context->shutdown) {
		/* Release: pairs with the worker's acquire; our reads below `hold` are over. */
		atomic_store_explicit(&s->tail->position, hold, memory_order_release);
		s->released = hold;
		starts_release(&s->starts, hold);
	}
	store_places(s);
	atomic_store_explicit(&s->kept_bytes, stream_gop_bytes(s), memory_order_relaxed);
}

/* Nothing reads the log any more: all of it goes back. */
static void release_all(struct relay_stream *s)
{
	starts_clear(&s->starts);
	s->gop_valid = false;
	s->released = s->head;
	/* A slot that was used again has its next stream's tail here, which is not ours to move. */
	if (atomic_load_explicit(&s->tail->generation, memory_order_relaxed) == s->generation) {
		atomic_store_explicit(&s->tail->position, s->head, memory_order_release);
	}
}

static void finish(struct relay_stream *s)
{
	release_all(s);
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
	bool held = false;

	for (uint32_t i = 0; i < s->origins_count; i++) {
		uint64_t ignored;

		drain_origin(s, &s->origins[i], now_us);
		held |= origin_hold(&s->origins[i], &ignored);
	}
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
static void give_up(struct relay_stream *s)
{
	abandon_origins(s, "log is broken");
	if (s->ended && !s->finished) {
		finish(s);
	} else if (!s->finished) {
		release_all(s);
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
		return false;
	}
	if (!s->finished && !s->broken && !s->context->shutdown) {
		scan(s);
	}
	for (uint32_t i = 0; i < s->origins_count && !s->broken; i++) {
		more |= origin_pump(&s->origins[i], now_us);
		check_behind(s, &s->origins[i], now_us);
		check_place(s, &s->origins[i]);
	}
	if (s->broken) {
		give_up(s);
		return false;
	}
	if (s->context->shutdown) {
		flush(s, now_us);
	} else if (s->ended && !s->let_go) {
		drain(s, now_us);
	}
	if (!s->finished) {
		release(s);
	}
	return more;
}

void stream_tick(struct relay_stream *s, uint64_t now_us)
{
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
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (at_once || s->origins[i].state != ORIGIN_PUBLISHING) {
			origin_finish(&s->origins[i], now_us);
		}
	}
}

void stream_let_go(struct relay_stream *s, uint64_t now_us)
{
	s->let_go = true;
	for (uint32_t i = 0; i < s->origins_count; i++) {
		origin_finish(&s->origins[i], now_us);
		s->origins[i].returning = false;
	}
	s->finished = true;
}

bool stream_over(const struct relay_stream *s)
{
	if (!s->finished && !s->context->shutdown) {
		return false;
	}
	for (uint32_t i = 0; i < s->origins_count; i++) {
		if (s->origins[i].state != ORIGIN_IDLE) {
			return false;
		}
	}
	return true;
}
