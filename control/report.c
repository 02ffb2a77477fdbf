#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "events.h"
#include "journal.h"
#include "players.h"
#include "report_insight.h"
#include "report_inspect.h"
#include "report_memory.h"
#include "report_players.h"
#include "report_policy.h"
#include "report_record.h"
#include "report_stream.h"

#ifndef PENSTOCK_VERSION
#define PENSTOCK_VERSION "unknown"
#endif

static json_t *failure(const char *error)
{
	return json_pack("{s:b, s:s}", "ok", 0, "error", error);
}

static json_t *success(const char *key, json_t *value)
{
	return value ? json_pack("{s:b, s:o}", "ok", 1, key, value) : NULL;
}

static uint64_t load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *worker_object(const struct control *control, uint32_t worker)
{
	const struct abi_pub *pub = control->dataplane.workers[worker].pub;
	const struct abi_pub *layout = &control->dataplane.workers[worker].layout;
	uint64_t heartbeat = load(&pub->heartbeat_us);
	uint64_t age = control->now_us > heartbeat ? control->now_us - heartbeat : 0;

	return json_pack(
		"{s:i, s:i, s:i, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"worker", (int)worker, "cpu", (int)pub->cpu, "numa_node", pub->numa_node,
		"connections", (json_int_t)load(&pub->connections), "publishers",
		(json_int_t)load(&pub->publishers), "busy_percent",
		control->workers[worker].busy_percent, "loops", (json_int_t)load(&pub->loops),
		"empty_polls", (json_int_t)load(&pub->empty_polls), "busy_cycles",
		(json_int_t)load(&pub->busy_cycles), "total_cycles",
		(json_int_t)load(&pub->total_cycles), "packets_free",
		(json_int_t)load(&pub->packets_free), "packets_total",
		(json_int_t)load(&pub->packets_total), "blocks_free",
		(json_int_t)load(&pub->blocks_free), "blocks_total", (json_int_t)layout->blocks,
		"heartbeat_age_ms", (json_int_t)(age / US_PER_MS));
}

static json_t *report_workers(struct control *control, const json_t *request)
{
	json_t *array = json_array();

	(void)request;
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		(void)json_array_append_new(array, worker_object(control, i));
	}
	return success("workers", array);
}

static json_t *worker_counters(const struct control *control, uint32_t worker)
{
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	const struct abi_counter *names = dataplane_table(from, from->layout.counter_names_offset);
	json_t *counters = json_object();

	for (uint32_t i = 0; i < from->layout.counters; i++) {
		char name[ABI_COUNTER_NAME];

		text_printable(name, sizeof(name), names[i].name, sizeof(names[i].name));
		(void)json_object_set_new(counters, name,
					  json_integer((json_int_t)load(&from->pub->counter[i])));
	}
	return json_pack("{s:i, s:o}", "worker", (int)worker, "counters", counters);
}

static json_t *control_counters(const struct control *control)
{
	json_t *counters = json_object();

	for (int i = 0; i < CONTROL_COUNTER_COUNT; i++) {
		uint64_t value = control->counters[i];

		value += i == CONTROL_api_refused ? control->api.refused : 0;
		value += i == CONTROL_journal_lost ? journal_lost() : 0;
		(void)json_object_set_new(counters, control_counter_name(i),
					  json_integer((json_int_t)value));
	}
	for (int i = 0; i < RELAY_COUNTER_COUNT; i++) {
		(void)json_object_set_new(
			counters, relay_counter_name(i),
			json_integer((json_int_t)control_relay_counter(control, i)));
	}
	return counters;
}

static json_t *report_counters(struct control *control, const json_t *request)
{
	json_t *workers = json_array();

	(void)request;
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		(void)json_array_append_new(workers, worker_counters(control, i));
	}
	return success("counters", json_pack("{s:o, s:o}", "workers", workers, "control",
					     control_counters(control)));
}

static int workers_silent(const struct control *control)
{
	int count = 0;

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		count += control->workers[i].silent;
	}
	return count;
}

/* How long the lookup under way takes, 0 without one. */
static json_int_t busy_ms(const struct resolver_status *resolver)
{
	uint64_t now_us = clock_us();

	if (resolver->began_us == 0 || now_us < resolver->began_us) {
		return 0;
	}
	return (json_int_t)((now_us - resolver->began_us) / US_PER_MS);
}

static json_t *report_status(struct control *control, const json_t *request)
{
	const struct dataplane *dataplane = &control->dataplane;
	struct resolver_status resolver;
	char generation[17];

	(void)request;
	resolver_status(control->resolver, &resolver);
	/* As text: a number of 64 bits is more than many JSON readers keep. */
	(void)snprintf(generation, sizeof(generation), "%016llx",
		       (unsigned long long)dataplane->generation);
	return success(
		"status",
		json_pack("{s:s, s:{s:b, s:s, s:s, s:I, s:i, s:i, s:i}, s:{s:i, s:I, s:I}, "
			  "s:{s:I, s:I, s:i, s:I}, s:o}",
			  "version", PENSTOCK_VERSION, "dataplane", "attached", control->attached,
			  "why", control->why, "generation", control->attached ? generation : "",
			  "epoch", (json_int_t)dataplane->epoch, "pid", (int)dataplane->pid,
			  "workers", (int)dataplane->workers_count, "workers_silent",
			  workers_silent(control), "control", "pid", (int)getpid(), "uptime_ms",
			  (json_int_t)((control->now_us - control->started_us) / US_PER_MS),
			  "journal_lost", (json_int_t)journal_lost(), "resolver", "lookups",
			  (json_int_t)resolver.lookups, "given_up",
			  (json_int_t)resolver.lookups_given_up, "threads_stuck",
			  (int)resolver.threads_stuck, "busy_ms", busy_ms(&resolver), "drain",
			  report_drain_object(control)));
}

static json_t *report_streams(struct control *control, const json_t *request)
{
	const struct registry_stream *stream;
	json_t *array = json_array();

	(void)request;
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (report_shown(stream)) {
			(void)json_array_append_new(array, report_stream_object(control, stream));
		}
	}
	return success("streams", array);
}

static json_t *report_origins(struct control *control, const json_t *request)
{
	const struct registry_stream *stream;
	json_t *array = json_array();

	(void)request;
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (report_shown(stream)) {
			report_append_origins(control, stream, array);
		}
	}
	return success("origins", array);
}

static json_t *report_stream(struct control *control, const json_t *request)
{
	const struct registry_stream *stream = report_find(control, request);

	json_t *object;

	if (!stream) {
		return failure("no such stream");
	}
	object = report_stream_object(control, stream);
	(void)json_object_set_new(object, "media", report_insight_object(control, stream));
	return success("stream", object);
}

static json_t *report_players(struct control *control, const json_t *request)
{
	(void)request;
	return success("players", report_players_array(control));
}

/* A player, by its connection: {"worker":N, "id":N}. */
static json_t *kick_player(struct control *control, uint32_t worker, uint32_t connection)
{
	switch (players_kick(control, worker, connection)) {
	case 0:
		control_count(control, CONTROL_kicks);
		return success("kick", json_pack("{s:i, s:I}", "worker", (int)worker, "id",
						 (json_int_t)connection));
	case -EAGAIN:
		return failure("the worker is busy, try again");
	default:
		return failure("no such player");
	}
}

static json_t *report_kick(struct control *control, const json_t *request)
{
	json_int_t worker = json_integer_value(json_object_get(request, "worker"));
	json_int_t id = json_integer_value(json_object_get(request, "id"));

	if (control->attached && worker >= 0 && worker < (json_int_t)ABI_REGIONS_MAX && id > 0 &&
	    id <= UINT32_MAX) {
		return kick_player(control, (uint32_t)worker, (uint32_t)id);
	}
	const struct registry_stream *found = report_find(control, request);
	struct registry_stream *stream = found ? registry_at(&control->registry, found->worker,
							     found->slot, found->generation)
					       : NULL;

	if (!stream || !stream->published) {
		return failure("no such stream");
	}
	if (events_end(control, stream, RTMP_REJECT_KICKED, "")) {
		return failure("the worker is busy, try again");
	}
	return success("kick",
		       json_pack("{s:s, s:s}", "app", stream->app->name, "name", stream->name));
}

static json_t *report_drain(struct control *control, const json_t *request)
{
	const char *error = "";
	json_t *drain = report_start_drain(control, request, &error);

	return drain ? success("drain", drain) : failure(error);
}

static json_t *report_undrain(struct control *control, const json_t *request)
{
	(void)request;
	return success("undrain", report_stop_drain(control));
}

static json_t *report_rejects(struct control *control, const json_t *request)
{
	(void)request;
	return success("rejects", report_rejects_array(control));
}

static json_t *report_record(struct control *control, const json_t *request)
{
	const char *error = report_start_recording(control, request);

	return error ? failure(error) : NULL;
}

static json_t *report_memory(struct control *control, const json_t *request)
{
	(void)request;
	return success("memory", report_memory_object(control));
}

static json_t *report_connections(struct control *control, const json_t *request)
{
	const char *error;
	json_t *page = report_connections_object(control, request, &error);

	return page ? success("connections", page) : failure(error);
}

static json_t *report_trace(struct control *control, const json_t *request)
{
	const char *error;
	json_t *trace = report_trace_object(control, request, &error);

	return trace ? success("trace", trace) : failure(error);
}

/*
 * Faults for tests, only with --inject: {"command":"inject", "hang":"relay", "worker":0}, or
 * "hang":"main". Both stand still for ever, and the dataplane has to notice.
 */
static json_t *report_inject(struct control *control, const json_t *request)
{
	const char *what = json_string_value(json_object_get(request, "hang"));
	json_int_t worker = json_integer_value(json_object_get(request, "worker"));

	if (!control->inject || !what) {
		return failure("unknown command");
	}
	if (strcmp(what, "main") == 0) {
		for (;;) {
			(void)pause();
		}
	}
	if (strcmp(what, "relay") != 0 || worker < 0 ||
	    worker >= (json_int_t)control->dataplane.workers_count) {
		return failure("no such thread");
	}
	relay_hang(control->workers[worker].relay);
	return success("inject", json_string(what));
}

static const struct {
	const char *name;
	json_t *(*report)(struct control *control, const json_t *request);
} commands[] = {
	{"streams", report_streams},   {"stream", report_stream},
	{"origins", report_origins},   {"workers", report_workers},
	{"counters", report_counters}, {"kick", report_kick},
	{"status", report_status},     {"memory", report_memory},
	{"inject", report_inject},     {"connections", report_connections},
	{"trace", report_trace},       {"drain", report_drain},
	{"undrain", report_undrain},   {"rejects", report_rejects},
	{"players", report_players},   {"record", report_record},
};

static json_t *dispatch(struct control *control, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));

	if (!name) {
		return failure("a request is {\"command\":\"...\"}");
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0) {
			return commands[i].report(control, request);
		}
	}
	return failure("unknown command");
}

char *report_answer(struct control *control, const char *line, size_t length)
{
	json_error_t error;
	json_t *request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	json_t *reply;
	char *text;

	control_count(control, CONTROL_api_requests);
	reply = request ? dispatch(control, request) : failure("not a JSON document");
	text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	json_decref(reply);
	json_decref(request);
	return text;
}
