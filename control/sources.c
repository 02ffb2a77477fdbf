#include "sources.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "control.h"
#include "inspect.h"
#include "journal.h"
#include "trace.h"

#define TELL_US      (60 * US_PER_S)
#define RECORDS_BACK 256u /* of each ring of the trace */

static const char counter_name[ABI_COUNTER_NAME] = "tcp_drop_source_limit";

static uint64_t refused(const struct dataplane_worker *from, const struct sources *sources)
{
	return sources->counter == UINT32_MAX
		       ? 0
		       : atomic_load_explicit(&from->pub->counter[sources->counter],
					      memory_order_relaxed);
}

void sources_attached(struct control *control, uint32_t worker)
{
	const struct dataplane_worker *from = &control->dataplane.workers[worker];
	const struct abi_counter *names = dataplane_table(from, from->layout.counter_names_offset);
	struct sources *sources = &control->workers[worker].sources;

	*sources = (struct sources){.counter = UINT32_MAX};
	for (uint32_t i = 0; i < from->layout.counters; i++) {
		if (strncmp(names[i].name, counter_name, sizeof(names[i].name)) == 0) {
			sources->counter = i;
		}
	}
	sources->told = refused(from, sources);
}

/* The event "refused" for this reason: counter, address (tcpstack/trace_ring.h). */
static bool is_refusal(const struct dataplane_worker *from, const struct trace_event *event)
{
	const struct abi_trace_event *descriptions =
		dataplane_table(from, from->layout.trace_events_offset);
	const struct abi_trace_event *description = &descriptions[event->event];
	char reason[INSPECT_NAME_MAX];

	if (event->event >= from->layout.trace_events ||
	    strncmp(description->name, "refused", sizeof(description->name)) != 0) {
		return false;
	}
	inspect_name(from, &description->argument[0].names, event->argument[0], reason);
	return strcmp(reason, counter_name + strlen("tcp_")) == 0;
}

/* Four bytes as they stand: of an IPv6 address the last ones. "": it was overwritten. */
static void find_address(const struct dataplane_worker *from, char *out, size_t size)
{
	const struct abi_trace *trace = dataplane_table(from, from->layout.trace_offset);
	struct trace_event events[ABI_TRACE_RINGS * RECORDS_BACK];
	struct trace_cursor cursor;
	struct trace_result result;
	uint8_t bytes[4];

	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		uint64_t head = atomic_load_explicit(&trace->ring[i].head, memory_order_acquire);

		cursor.next[i] = head > RECORDS_BACK ? head - RECORDS_BACK : 0;
	}
	result = trace_read(trace, from->layout.trace_records, &cursor, 0, events,
			    sizeof(events) / sizeof(events[0]));
	out[0] = '\0';
	for (uint32_t i = result.count; i-- > 0;) {
		if (is_refusal(from, &events[i])) {
			memcpy(bytes, &events[i].argument[1], sizeof(bytes));
			(void)snprintf(out, size, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
				       bytes[3]);
			return;
		}
	}
}

static void tell(const struct control *control, uint32_t worker, uint64_t count)
{
	const struct config_per_source *limits = &control->config->dataplane.per_source;
	char address[INSPECT_NAME_MAX];

	find_address(&control->dataplane.workers[worker], address, sizeof(address));
	journal(CONFIG_LOG_WARN, "source.limited", "{s:i, s:I, s:s, s:s, s:i, s:i}", "worker",
		(int)worker, "refused", (long long)count, "address", address, "setting",
		"dataplane.per_source", "connections", (int)limits->connections, "rate",
		(int)limits->rate);
}

void sources_tick(struct control *control)
{
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		struct sources *sources = &control->workers[i].sources;
		uint64_t count = refused(&control->dataplane.workers[i], sources);

		if (count == sources->told ||
		    (sources->told_us != 0 && control->now_us - sources->told_us < TELL_US)) {
			continue;
		}
		tell(control, i, count - sources->told);
		sources->told = count;
		sources->told_us = control->now_us;
	}
}
