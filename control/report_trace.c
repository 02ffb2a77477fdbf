#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "clock.h"
#include "control.h"
#include "inspect.h"
#include "report_inspect.h"
#include "text.h"
#include "trace.h"

#define EVENTS_PER_REPLY 4096u

static json_t *argument_value(const struct dataplane_worker *from,
			      const struct abi_trace_argument *argument, uint32_t value)
{
	char text[INSPECT_NAME_MAX];
	uint8_t bytes[4];

	switch (argument->kind) {
	case ABI_TRACE_NAMED:
		inspect_name(from, &argument->names, value, text);
		return json_string(text);
	case ABI_TRACE_ADDRESS:
		memcpy(bytes, &value, sizeof(bytes));
		(void)snprintf(text, sizeof(text), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
			       bytes[3]);
		return json_string(text);
	case ABI_TRACE_HEX:
		(void)snprintf(text, sizeof(text), "0x%x", value);
		return json_string(text);
	default:
		return json_integer(value);
	}
}

static json_t *event_object(const struct dataplane_worker *from, const struct trace_event *event)
{
	const struct abi_trace_event *descriptions =
		dataplane_table(from, from->layout.trace_events_offset);
	const struct abi_trace_event *description;
	char name[sizeof(description->name)];
	json_t *object;

	if (event->event >= from->layout.trace_events) {
		return NULL;
	}
	description = &descriptions[event->event];
	text_printable(name, sizeof(name), description->name, sizeof(description->name));
	object = json_pack("{s:I, s:I, s:s}", "time_us", (json_int_t)(event->stamp >> 16),
			   "connection", (json_int_t)event->connection, "event", name);
	for (int i = 0; i < 2; i++) {
		const struct abi_trace_argument *argument = &description->argument[i];

		if (argument->kind == ABI_TRACE_NONE) {
			continue;
		}
		text_printable(name, sizeof(argument->name), argument->name,
			       sizeof(argument->name));
		(void)json_object_set_new(object, name,
					  argument_value(from, argument, event->argument[i]));
	}
	return object;
}

static bool get_cursor(const json_t *request, struct trace_cursor *cursor)
{
	const json_t *next = json_object_get(request, "next");

	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		const json_t *value = json_array_get(next, i);

		cursor->next[i] = TRACE_FROM_OLDEST;
		if (json_is_integer(value)) {
			cursor->next[i] = (uint64_t)json_integer_value(value);
		} else if (next != NULL) {
			return false;
		}
	}
	return true;
}

/* What has to be added to the dataplane's clock, which is CLOCK_MONOTONIC, for the time of day. */
static json_int_t wall_offset_us(void)
{
	struct timeval now;

	(void)gettimeofday(&now, NULL);
	return (json_int_t)now.tv_sec * 1000000 + now.tv_usec - (json_int_t)clock_us();
}

static json_t *trace_object(const struct control *control, uint32_t worker,
			    const struct trace_event *events, const struct trace_result *result,
			    const struct trace_cursor *cursor)
{
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	json_t *array = json_array();
	json_t *next = json_array();

	for (uint32_t i = 0; i < result->count; i++) {
		json_t *event = event_object(from, &events[i]);

		if (event != NULL) {
			(void)json_array_append_new(array, event);
		}
	}
	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		(void)json_array_append_new(next, json_integer((json_int_t)cursor->next[i]));
	}
	return json_pack("{s:i, s:i, s:I, s:I, s:b, s:o, s:o}", "worker", (int)worker, "workers",
			 (int)control->dataplane.workers_count, "wall_offset_us", wall_offset_us(),
			 "lost", (json_int_t)result->lost, "more", result->more, "next", next,
			 "events", array);
}

json_t *report_trace_object(struct control *control, const json_t *request, const char **error)
{
	json_int_t worker = json_integer_value(json_object_get(request, "worker"));
	json_int_t connection = json_integer_value(json_object_get(request, "connection"));
	struct trace_cursor cursor;
	struct trace_event *events;
	struct trace_result result;
	json_t *object;

	*error = "no such worker";
	if (worker < 0 || worker >= (json_int_t)control->dataplane.workers_count) {
		return NULL;
	}
	*error = "no such connection or place";
	if (connection < 0 || connection > UINT32_MAX || !get_cursor(request, &cursor)) {
		return NULL;
	}
	*error = "no memory";
	events = malloc(EVENTS_PER_REPLY * sizeof(*events));
	if (events == NULL) {
		return NULL;
	}
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	result = trace_read(dataplane_table(from, from->layout.trace_offset),
			    from->layout.trace_records, &cursor, (uint32_t)connection, events,
			    EVENTS_PER_REPLY);
	object = trace_object(control, (uint32_t)worker, events, &result, &cursor);
	free(events);
	return object;
}
