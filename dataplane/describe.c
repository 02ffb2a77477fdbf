#include "dataplane/describe.h"

#include <assert.h>
#include <stdio.h>

#include "abi/pub.h"
#include "dataplane/session.h"
#include "tcpstack/state.h"
#include "tcpstack/trace_ring.h"

static_assert(TCP_TRACE_EVENT_COUNT <= ABI_TRACE_EVENTS_MAX, "events of the trace");
static_assert(TCP_TRACE_RINGS == ABI_TRACE_RINGS, "rings of the trace");
static_assert(sizeof(struct tcp_trace_record) == sizeof(struct abi_trace_record), "record");
static_assert(offsetof(struct tcp_trace_record, event) == offsetof(struct abi_trace_record, event),
	      "record");
static_assert(offsetof(struct tcp_trace_record, a) == offsetof(struct abi_trace_record, argument),
	      "record");
static_assert(sizeof(struct tcp_trace) == sizeof(struct abi_trace), "trace");

static void add_name(struct abi_pub *pub, const char *text)
{
	struct abi_name *names = (void *)((uint8_t *)pub + pub->names_offset);

	assert(pub->names < ABI_NAMES_MAX);
	(void)snprintf(names[pub->names++].text, sizeof(names[0].text), "%s", text);
}

static struct abi_names describe_sessions(struct abi_pub *pub)
{
	struct abi_names part = {.first = pub->names, .count = SESSION_STATE_COUNT};

#define SESSION_NAME(name, to) add_name(pub, #name);
	SESSION_STATES(SESSION_NAME)
#undef SESSION_NAME
	return part;
}

/* All values of a kind that has names; no part else. */
static struct abi_names describe_kind(struct abi_pub *pub, enum tcp_trace_kind kind)
{
	struct abi_names part = {.first = pub->names};
	const char *name;

	while ((name = tcp_trace_value_name(kind, part.count)) != NULL) {
		add_name(pub, name);
		part.count++;
	}
	return part;
}

static enum abi_trace_kind abi_kind(enum tcp_trace_kind kind)
{
	switch (kind) {
	case TCP_TRACE_KIND_NONE:
		return ABI_TRACE_NONE;
	case TCP_TRACE_KIND_NUMBER:
		return ABI_TRACE_NUMBER;
	case TCP_TRACE_KIND_HEX:
		return ABI_TRACE_HEX;
	case TCP_TRACE_KIND_SEQUENCE:
		return ABI_TRACE_SEQUENCE;
	case TCP_TRACE_KIND_ADDRESS:
		return ABI_TRACE_ADDRESS;
	default:
		return ABI_TRACE_NAMED;
	}
}

static void describe_event(const struct tcp_trace_description *from, const struct abi_names *kinds,
			   struct abi_trace_event *to)
{
	(void)snprintf(to->name, sizeof(to->name), "%s", from->name);
	to->ring = from->ring;
	for (int i = 0; i < 2; i++) {
		struct abi_trace_argument *argument = &to->argument[i];

		(void)snprintf(argument->name, sizeof(argument->name), "%s", from->argument[i]);
		argument->kind = abi_kind(from->kind[i]);
		argument->names = kinds[from->kind[i]];
	}
}

void dp_describe(struct abi_pub *pub)
{
	struct abi_trace_event *events = (void *)((uint8_t *)pub + pub->trace_events_offset);
	struct abi_names kinds[TCP_TRACE_KIND_COUNT];

	pub->names = 0;
	for (uint32_t kind = 0; kind < TCP_TRACE_KIND_COUNT; kind++) {
		kinds[kind] = describe_kind(pub, (enum tcp_trace_kind)kind);
	}
	pub->tcp_states = kinds[TCP_TRACE_KIND_STATE];
	pub->session_states = describe_sessions(pub);
	for (uint32_t i = 0; i < TCP_TRACE_EVENT_COUNT; i++) {
		describe_event(tcp_trace_describe(i), kinds, &events[i]);
	}
	pub->trace_events = TCP_TRACE_EVENT_COUNT;
}
