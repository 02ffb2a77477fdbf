/*
 * What is kept of a log: how far an origin may be behind, which place each would begin again at,
 * and what nobody needs any more.
 */
#include "stream_private.h"

/* Under memory pressure an origin may be no further behind than this, whatever it may otherwise. */
#define PRESSURE_BEHIND_KIB 1024u

/* ... and when that does not help, one after the other is moved on that is so far behind. */
#define PRESSURE_LEAST_KIB  64u

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

void stream_check_origin(struct relay_stream *s, struct origin *o, uint64_t now_us)
{
	check_behind(s, o, now_us);
	check_place(s, o);
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

void stream_release(struct relay_stream *s)
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
	if (stream_record_hold(s, &position) && position < hold) {
		hold = position;
	}
	if (hold > s->released && !s->context->shutdown) {
		/* Release: pairs with the worker's acquire; our reads below `hold` are over. */
		atomic_store_explicit(&s->tail->position, hold, memory_order_release);
		s->released = hold;
		starts_release(&s->starts, hold);
		timeline_release(&s->timeline, hold);
	}
	store_places(s);
	atomic_store_explicit(&s->kept_bytes, stream_gop_bytes(s), memory_order_relaxed);
}

void stream_release_all(struct relay_stream *s)
{
	starts_clear(&s->starts);
	s->gop_valid = false;
	s->released = s->head;
	/* A slot that was used again has its next stream's tail here, which is not ours to move. */
	if (atomic_load_explicit(&s->tail->generation, memory_order_relaxed) == s->generation) {
		atomic_store_explicit(&s->tail->position, s->head, memory_order_release);
	}
}
