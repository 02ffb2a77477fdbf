/*
 * Reads a log on once: headers in force, and the places where an origin may begin.
 */
#include "clock.h"
#include "rtmp/message.h"
#include "stream_private.h"

/* Without video any message will do to begin at; so often one is remembered. */
#define AUDIO_START_US (250 * US_PER_MS)

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
	starts_add(&s->starts, message, s->headers, timeline_map(&s->timeline, message));
	s->gop_valid = true;
}

/* Keyframes; without video a message now and then; and the very first of a publication. */
static bool may_begin_at(const struct relay_stream *s, const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	const struct start *newest = starts_newest(&s->starts);

	if (s->origins_count == 0 && LIST_EMPTY(&s->recorders)) {
		return false;
	}
	if (entry->number == 0) {
		return true;
	}
	if (headers_kind(entry) != ABI_HEADER_NONE) {
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
	bool header = headers_kind(entry) != ABI_HEADER_NONE;

	if (!s->scanned) {
		s->first_number = entry->number;
		s->scanned = true;
	}
	if (message->at.position <= s->position_last) {
		advance_origins(s, message);
	}
	if (!header && entry->type == RTMP_TYPE_VIDEO) {
		s->video = true;
	}
	timeline_take(&s->timeline, message);
	if (may_begin_at(s, message)) {
		begin_gop(s, message);
	}
	if (header && headers_update(&s->headers, &s->context->view, message)) {
		return LOG_BROKEN;
	}
	insight_message(&s->insight, s->context, message);
	s->arrived_us = entry->arrived_us;
	return 0;
}

/* Of the GOP under way. */
static uint64_t gop_bytes(const struct relay_stream *s)
{
	const struct start *newest = starts_newest(&s->starts);

	return newest ? s->scan.bytes - newest->cursor.bytes : 0;
}

void stream_scan(struct relay_stream *s)
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

const struct start *stream_newest_start(const struct relay_stream *s, uint64_t from)
{
	const struct start *newest = starts_newest(&s->starts);

	return s->gop_valid && newest && newest->cursor.position >= from ? newest : NULL;
}

const struct start *stream_starting_point(const struct relay_stream *s, const struct origin *o)
{
	return o->returning ? origin_place(o) : stream_newest_start(s, o->skip_from);
}
