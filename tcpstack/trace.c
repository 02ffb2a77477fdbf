#include "trace.h"

#include "state_table.h"

void trace_init(struct tcp_stack *stack, struct tcp_trace *memory, uint32_t records)
{
	stack->trace = memory;
	stack->trace_mask = records - 1;
}

const struct tcp_trace_description *tcp_trace_describe(uint32_t event)
{
#define DESCRIPTION(name, ring, a, a_kind, b, b_kind) \
	{#name, TCP_TRACE_##ring, {#a, #b}, {TCP_TRACE_KIND_##a_kind, TCP_TRACE_KIND_##b_kind}},
	static const struct tcp_trace_description descriptions[] = {TCP_TRACE_EVENTS(DESCRIPTION)};
#undef DESCRIPTION

	return event < TCP_TRACE_EVENT_COUNT ? &descriptions[event] : NULL;
}

static const char *retransmit_reason(uint32_t reason)
{
	static const char *const texts[] = {
#define TCP_RETRANSMIT_TEXT(name, text) text,
		TCP_RETRANSMIT_REASONS(TCP_RETRANSMIT_TEXT)
#undef TCP_RETRANSMIT_TEXT
	};

	return reason < TCP_RETRANSMIT_REASON_COUNT ? texts[reason] : NULL;
}

const char *tcp_trace_value_name(enum tcp_trace_kind kind, uint32_t value)
{
	switch (kind) {
	case TCP_TRACE_KIND_STATE:
		return value < TCP_STATE_COUNT ? tcp_state_name((enum tcp_state)value) : NULL;
	case TCP_TRACE_KIND_CAUSE:
		return value < TCP_EVENT_COUNT ? tcp_event_name((enum tcp_event)value) : NULL;
	case TCP_TRACE_KIND_COUNTER:
		return value < TCP_COUNTER_COUNT ? tcp_counter_name((enum tcp_counter)value) : NULL;
	case TCP_TRACE_KIND_CLOSE:
		return value < TCP_CLOSE_REASON_COUNT
			       ? tcp_close_reason_text((enum tcp_close_reason)value)
			       : NULL;
	case TCP_TRACE_KIND_WHY:
		return retransmit_reason(value);
	default:
		return NULL;
	}
}
