#include "report_stream.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "report_encoder.h"
#include "report_insight.h"

bool report_shown(const struct registry_stream *stream)
{
	return stream->phase != STREAM_REJECTED && stream->app != NULL;
}

static const struct abi_stream *slot_of(const struct control *control,
					const struct registry_stream *stream)
{
	return dataplane_stream(&control->dataplane.workers[stream->worker], stream->slot);
}

static json_int_t load(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *origin_object(const struct origin_status *o)
{
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, "
		"s:s, s:I, s:I, s:I, s:I, s:I}",
		"url", o->url, "state", o->state, "messages", (json_int_t)o->messages, "bytes",
		(json_int_t)o->bytes, "connects", (json_int_t)o->connects, "failures",
		(json_int_t)o->failures, "skips", (json_int_t)o->skips, "skipped_messages",
		(json_int_t)o->skipped_messages, "acked_bytes", (json_int_t)o->acked_bytes,
		"lag_bytes", (json_int_t)o->lag_bytes, "lag_ms", (json_int_t)o->lag_ms,
		"last_error", o->last_error, "repeated_messages", (json_int_t)o->repeated_messages,
		"lost_marks", (json_int_t)o->lost_marks, "ack_mode", o->ack_mode, "sent_message",
		(json_int_t)o->sent_message, "sent_bytes", (json_int_t)o->sent_bytes,
		"tcp_acked_message", (json_int_t)o->tcp_acked_message, "tcp_acked_bytes",
		(json_int_t)o->tcp_acked_bytes, "acked_message", (json_int_t)o->acked_message);
}

static json_t *origins_array(const struct control *control, const struct registry_stream *stream)
{
	size_t max = stream->app->origins_count;
	struct origin_status *statuses = calloc(max ? max : 1, sizeof(*statuses));
	json_t *array = json_array();
	size_t count = 0;

	if (statuses) {
		count = relay_origins(control->workers[stream->worker].relay, stream->slot,
				      stream->generation, statuses, max);
	}
	for (size_t i = 0; i < count; i++) {
		(void)json_array_append_new(array, origin_object(&statuses[i]));
	}
	free(statuses);
	return array;
}

void report_append_origins(const struct control *control, const struct registry_stream *stream,
			   json_t *array)
{
	json_t *origins = origins_array(control, stream);
	json_t *origin;
	size_t index;

	json_array_foreach(origins, index, origin)
	{
		(void)json_object_set_new(origin, "app", json_string(stream->app->name));
		(void)json_object_set_new(origin, "name", json_string(stream->name));
		(void)json_array_append(array, origin);
	}
	json_decref(origins);
}

static const char *state_name(const struct registry_stream *stream)
{
	switch (stream->phase) {
	case STREAM_LIVE:
		return "live";
	case STREAM_ENDED:
		return "ended";
	default:
		return "pending";
	}
}

uint64_t report_bitrate_kbps(const struct registry_stream *stream)
{
	uint32_t taken = stream->samples_taken;
	uint32_t span = taken < STREAM_SAMPLES ? taken : STREAM_SAMPLES;
	uint32_t newest;
	uint32_t oldest;
	uint64_t elapsed_us;

	if (span < 2) {
		return 0;
	}
	newest = (taken - 1) % STREAM_SAMPLES;
	oldest = (taken - span) % STREAM_SAMPLES;
	elapsed_us = stream->samples[newest].time_us - stream->samples[oldest].time_us;
	if (elapsed_us == 0) {
		return 0;
	}
	return (stream->samples[newest].bytes - stream->samples[oldest].bytes) * 8 * US_PER_MS /
	       elapsed_us;
}

static json_t *stream_fields(const struct control *control, const struct registry_stream *stream,
			     const char *peer)
{
	const struct abi_stream *slot = slot_of(control, stream);
	uint64_t age = control->now_us > slot->started_us ? control->now_us - slot->started_us : 0;

	return json_pack(
		"{s:s, s:s, s:s, s:i, s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:I}",
		"app", stream->app->name, "name", stream->name, "state", state_name(stream),
		"worker", (int)stream->worker, "slot", (int)stream->slot, "peer", peer, "uptime_ms",
		(json_int_t)(age / US_PER_MS), "bytes", load(&slot->bytes), "messages",
		load(&slot->messages), "video_messages", load(&slot->video_messages),
		"audio_messages", load(&slot->audio_messages), "data_messages",
		load(&slot->data_messages), "dropped_messages", load(&slot->dropped_messages),
		"keyframes", load(&slot->keyframes), "pinned_bytes", load(&slot->pinned_bytes),
		"bitrate_kbps", (json_int_t)report_bitrate_kbps(stream), "last_timestamp_ms",
		load(&slot->last_timestamp));
}

json_t *report_stream_object(const struct control *control, const struct registry_stream *stream)
{
	const struct abi_stream *slot = slot_of(control, stream);
	char peer[ABI_PEER_MAX];
	json_t *object;

	text_printable(peer, sizeof(peer), slot->peer, sizeof(slot->peer));
	object = stream_fields(control, stream, peer);
	report_encoder(object, slot);
	report_insight_brief(control, stream, object);
	(void)json_object_set_new(object, "origins", origins_array(control, stream));
	return object;
}

static bool named(const struct registry_stream *stream, const char *name)
{
	size_t length = strlen(stream->app->name);

	return strncmp(name, stream->app->name, length) == 0 && name[length] == '/' &&
	       strcmp(name + length + 1, stream->name) == 0;
}

const struct registry_stream *report_find(const struct control *control, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	const struct registry_stream *ended = NULL;
	const struct registry_stream *stream;

	if (!name || !control->attached) {
		return NULL;
	}
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (!report_shown(stream) || !named(stream, name)) {
			continue;
		}
		if (stream->published) {
			return stream;
		}
		ended = stream;
	}
	return ended;
}

void report_sample(struct control *control)
{
	struct registry_stream *stream;

	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		uint32_t at = stream->samples_taken++ % STREAM_SAMPLES;

		stream->samples[at].time_us = control->now_us;
		stream->samples[at].bytes = (uint64_t)load(&slot_of(control, stream)->bytes);
	}
}
