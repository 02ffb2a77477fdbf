#include "output_text.h"

#include "field.h"
#include "output_media.h"
#include "units.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* "2/3": origins that take the stream, of all. */
static void add_origins(struct table *t, const json_t *stream)
{
	const json_t *origins = json_object_get(stream, "origins");
	size_t publishing = 0;
	size_t i;
	json_t *origin;

	json_array_foreach(origins, i, origin)
	{
		const char *state = json_string_value(json_object_get(origin, "state"));
		publishing += state != NULL && strcmp(state, "publishing") == 0;
	}
	table_addf(t, "%zu/%zu", publishing, json_array_size(origins));
}

/* The largest lag of a stream's origins. */
static void add_worst_lag(struct table *t, const json_t *stream)
{
	const json_t *origins = json_object_get(stream, "origins");
	char text[UNITS_MAX];
	uint64_t worst = 0;
	size_t i;
	json_t *origin;

	json_array_foreach(origins, i, origin)
	{
		uint64_t lag = field_number(origin, "lag_ms");
		worst = lag > worst ? lag : worst;
	}
	if (json_array_size(origins) == 0) {
		table_add(t, "-");
		return;
	}
	units_duration(text, worst);
	table_add(t, text);
}

void text_streams(FILE *out, const json_t *streams, size_t rows_max)
{
	static const struct table_column columns[] = {
		{"STREAM", TABLE_LEFT},   {"STATE", TABLE_LEFT},   {"WORKER", TABLE_RIGHT},
		{"PEER", TABLE_LEFT},     {"UPTIME", TABLE_RIGHT}, {"BITRATE", TABLE_RIGHT},
		{"BYTES", TABLE_RIGHT},   {"VIDEO", TABLE_LEFT},   {"AUDIO", TABLE_LEFT},
		{"DROPPED", TABLE_RIGHT}, {"PINNED", TABLE_RIGHT}, {"ORIGINS", TABLE_RIGHT},
		{"LAG", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *stream;

	table_init(&t, columns, COUNT(columns));
	json_array_foreach(streams, i, stream)
	{
		field_add_stream(&t, stream);
		field_add_text(&t, stream, "state");
		field_add_number(&t, stream, "worker");
		field_add_text(&t, stream, "peer");
		field_add_duration(&t, stream, "uptime_ms");
		field_add_bitrate(&t, stream, "bitrate_kbps");
		field_add_bytes(&t, stream, "bytes");
		media_add_video(&t, stream);
		media_add_audio(&t, stream);
		field_add_number(&t, stream, "dropped_messages");
		field_add_bytes(&t, stream, "pinned_bytes");
		add_origins(&t, stream);
		add_worst_lag(&t, stream);
	}
	table_print(&t, out, rows_max);
	table_fini(&t);
}

static void show_streams(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	text_streams(out, value, 0);
}

/* `of` names the stream in the first column when the origins are those of many. */
static void print_origins(FILE *out, const json_t *origins, bool with_stream)
{
	static const struct table_column columns[] = {
		{"STREAM", TABLE_LEFT},     {"ORIGIN", TABLE_LEFT},     {"STATE", TABLE_LEFT},
		{"LAG", TABLE_RIGHT},       {"BEHIND", TABLE_RIGHT},    {"MESSAGES", TABLE_RIGHT},
		{"BYTES", TABLE_RIGHT},     {"ACK", TABLE_LEFT},        {"SENT", TABLE_RIGHT},
		{"TCP ACKED", TABLE_RIGHT}, {"ACKED", TABLE_RIGHT},     {"CONNECTS", TABLE_RIGHT},
		{"FAILURES", TABLE_RIGHT},  {"SKIPS", TABLE_RIGHT},     {"SKIPPED", TABLE_RIGHT},
		{"REPEATED", TABLE_RIGHT},  {"LAST ERROR", TABLE_LEFT},
	};
	struct table t;
	size_t i;
	json_t *origin;

	table_init(&t, with_stream ? columns : columns + 1, COUNT(columns) - (with_stream ? 0 : 1));
	json_array_foreach(origins, i, origin)
	{
		if (with_stream) {
			field_add_stream(&t, origin);
		}
		field_add_text(&t, origin, "url");
		field_add_text(&t, origin, "state");
		field_add_duration(&t, origin, "lag_ms");
		field_add_bytes(&t, origin, "lag_bytes");
		field_add_number(&t, origin, "messages");
		field_add_bytes(&t, origin, "bytes");
		field_add_text(&t, origin, "ack_mode");
		field_add_number(&t, origin, "sent_message");
		field_add_number(&t, origin, "tcp_acked_message");
		field_add_number(&t, origin, "acked_message");
		field_add_number(&t, origin, "connects");
		field_add_number(&t, origin, "failures");
		field_add_number(&t, origin, "skips");
		field_add_number(&t, origin, "skipped_messages");
		field_add_number(&t, origin, "repeated_messages");
		field_add_text(&t, origin, "last_error");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

static void show_origins(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	print_origins(out, value, true);
}

/* Name and value of the members of a stream, one a line. */
static void show_stream(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {{"FIELD", TABLE_LEFT}, {"VALUE", TABLE_LEFT}};
	static const struct {
		const char *title;
		const char *key;
		void (*add)(struct table *t, const json_t *object, const char *key);
	} rows[] = {
		{"state", "state", field_add_text},
		{"publisher", "peer", field_add_text},
		{"encoder", "encoder", field_add_text},
		{"protocol", "protocol", field_add_text},
		{"worker", "worker", field_add_number},
		{"slot", "slot", field_add_number},
		{"uptime", "uptime_ms", field_add_duration},
		{"bitrate", "bitrate_kbps", field_add_bitrate},
		{"bytes", "bytes", field_add_bytes},
		{"messages", "messages", field_add_number},
		{"video messages", "video_messages", field_add_number},
		{"audio messages", "audio_messages", field_add_number},
		{"data messages", "data_messages", field_add_number},
		{"dropped messages", "dropped_messages", field_add_number},
		{"keyframes", "keyframes", field_add_number},
		{"pinned", "pinned_bytes", field_add_bytes},
		{"last timestamp", "last_timestamp_ms", field_add_duration},
	};
	const json_t *media = json_object_get(value, "media");
	struct table t;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	table_add(&t, "stream");
	field_add_stream(&t, value);
	for (uint32_t i = 0; i < COUNT(rows); i++) {
		table_add(&t, rows[i].title);
		rows[i].add(&t, value, rows[i].key);
	}
	media_add_totals(&t, media);
	table_print(&t, out, 0);
	table_fini(&t);
	media_print_tracks(out, media);
	putc('\n', out);
	print_origins(out, json_object_get(value, "origins"), false);
}

void text_workers(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {
		{"WORKER", TABLE_RIGHT},        {"CPU", TABLE_RIGHT},
		{"NODE", TABLE_RIGHT},          {"CONNECTIONS", TABLE_RIGHT},
		{"PUBLISHERS", TABLE_RIGHT},    {"BUSY", TABLE_RIGHT},
		{"LOOPS", TABLE_RIGHT},         {"EMPTY", TABLE_RIGHT},
		{"PACKETS FREE", TABLE_RIGHT},  {"BLOCKS FREE", TABLE_RIGHT},
		{"HEARTBEAT AGE", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *worker;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	json_array_foreach(value, i, worker)
	{
		field_add_number(&t, worker, "worker");
		field_add_number(&t, worker, "cpu");
		field_add_number(&t, worker, "numa_node");
		field_add_number(&t, worker, "connections");
		field_add_number(&t, worker, "publishers");
		field_add_percent(&t, worker, "busy_percent");
		field_add_number(&t, worker, "loops");
		field_add_number(&t, worker, "empty_polls");
		field_add_ratio(&t, worker, "packets_free", "packets_total");
		field_add_ratio(&t, worker, "blocks_free", "blocks_total");
		field_add_duration(&t, worker, "heartbeat_age_ms");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

static void show_status(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {{"FIELD", TABLE_LEFT}, {"VALUE", TABLE_LEFT}};
	const json_t *dataplane = json_object_get(value, "dataplane");
	const json_t *control = json_object_get(value, "control");
	const json_t *resolver = json_object_get(value, "resolver");
	struct table t;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	table_add(&t, "version");
	field_add_text(&t, value, "version");
	table_add(&t, "dataplane");
	table_add(&t, json_is_true(json_object_get(dataplane, "attached")) ? "attached"
									   : "not attached");
	table_add(&t, "why not");
	field_add_text(&t, dataplane, "why");
	table_add(&t, "dataplane pid");
	field_add_number(&t, dataplane, "pid");
	table_add(&t, "dataplane workers");
	field_add_number(&t, dataplane, "workers");
	table_add(&t, "generation");
	field_add_text(&t, dataplane, "generation");
	table_add(&t, "epoch");
	field_add_number(&t, dataplane, "epoch");
	table_add(&t, "control pid");
	field_add_number(&t, control, "pid");
	table_add(&t, "control uptime");
	field_add_duration(&t, control, "uptime_ms");
	text_add_drain(&t, json_object_get(value, "drain"));
	table_add(&t, "lookup under way");
	field_add_duration(&t, resolver, "busy_ms");
	table_add(&t, "lookups stuck");
	field_add_number(&t, resolver, "threads_stuck");
	table_add(&t, "log lines lost");
	field_add_number(&t, control, "journal_lost");
	table_print(&t, out, 0);
	table_fini(&t);
}

static void show_record(FILE *out, const json_t *value, const struct output_options *options)
{
	uint64_t skips = field_number(value, "skips");
	uint64_t left_out = field_number(value, "left_out");
	char duration[UNITS_MAX];
	char bytes[UNITS_MAX];

	(void)options;
	units_duration(duration, field_number(value, "duration_ms"));
	units_bytes(bytes, field_number(value, "bytes"));
	fprintf(out, "%s, %s, %" PRIu64 " messages; ended: %s\n", duration, bytes,
		field_number(value, "messages"),
		json_string_value(json_object_get(value, "ended")));
	if (skips > 0) {
		fprintf(out, "fell behind %" PRIu64 " times: %" PRIu64 " messages are missing\n",
			skips, field_number(value, "skipped_messages"));
	}
	if (left_out > 0) {
		fprintf(out, "%" PRIu64 " messages cannot stand in FLV\n", left_out);
	}
}

static void show_kick(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)value;
	(void)options;
	fputs("ended\n", out);
}

static void show_config(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	if (json_is_true(json_object_get(value, "good"))) {
		fputs("good\n", out);
	}
}

const struct output output_text = {
	.show =
		{
			[OUTPUT_STREAMS] = show_streams,
			[OUTPUT_STREAM] = show_stream,
			[OUTPUT_ORIGINS] = show_origins,
			[OUTPUT_WORKERS] = text_workers,
			[OUTPUT_COUNTERS] = text_counters,
			[OUTPUT_STATUS] = show_status,
			[OUTPUT_MEMORY] = text_memory,
			[OUTPUT_KICK] = show_kick,
			[OUTPUT_RECORD] = show_record,
			[OUTPUT_REJECTS] = text_rejects,
			[OUTPUT_DRAIN] = text_drain,
			[OUTPUT_PLAYERS] = text_players,
			[OUTPUT_CONFIG] = show_config,
			[OUTPUT_CONNECTION] = text_connection,
			[OUTPUT_TRACE] = text_trace,
			[OUTPUT_TOP] = text_top,
		},
};
