/* The texts behind the X-macro lists of the public headers. */
#include "tcpstack/counters.h"
#include "tcpstack/state.h"
#include "tcpstack/tcp.h"

const char *tcp_counter_name(enum tcp_counter counter)
{
	static const char *const names[] = {
#define TCP_COUNTER_NAME(name, text) #name,
		TCP_COUNTERS(TCP_COUNTER_NAME)
#undef TCP_COUNTER_NAME
	};

	return (unsigned int)counter < TCP_COUNTER_COUNT ? names[counter] : "?";
}

const char *tcp_counter_text(enum tcp_counter counter)
{
	static const char *const texts[] = {
#define TCP_COUNTER_TEXT(name, text) text,
		TCP_COUNTERS(TCP_COUNTER_TEXT)
#undef TCP_COUNTER_TEXT
	};

	return (unsigned int)counter < TCP_COUNTER_COUNT ? texts[counter] : "?";
}

const char *tcp_state_name(enum tcp_state state)
{
	static const char *const names[] = {
#define TCP_STATE_NAME(name) #name,
		TCP_STATES(TCP_STATE_NAME)
#undef TCP_STATE_NAME
	};

	return (unsigned int)state < TCP_STATE_COUNT ? names[state] : "?";
}

const char *tcp_close_reason_text(enum tcp_close_reason reason)
{
	static const char *const texts[] = {
#define TCP_CLOSE_TEXT(name, text) text,
		TCP_CLOSE_REASONS(TCP_CLOSE_TEXT)
#undef TCP_CLOSE_TEXT
	};

	return (unsigned int)reason < TCP_CLOSE_REASON_COUNT ? texts[reason] : "?";
}
