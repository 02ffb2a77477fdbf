/*
 * The state machine of RFC 9293 3.3.2 as a table: every state and every event has a cell. What
 * TCP's rules make impossible says so, and is asserted.
 */
#ifndef TCPSTACK_STATE_TABLE_H
#define TCPSTACK_STATE_TABLE_H

#include "tcpstack/state.h"

/* Segment events are for segments that passed all checks (RFC 9293 3.10.7). */
#define TCP_EVENTS(X)         \
	X(PASSIVE_OPEN)       \
	X(ACTIVE_OPEN)        \
	X(RECEIVE_SYN)        \
	X(RECEIVE_SYN_ACK)    \
	X(RECEIVE_ACK_OF_SYN) \
	X(RECEIVE_FIN)        \
	X(RECEIVE_ACK_OF_FIN) \
	X(RECEIVE_RST)        \
	X(CLOSE)              \
	X(ABORT)              \
	X(TIMEOUT)

enum tcp_event {
#define TCP_EVENT_ENUM(name) TCP_EVENT_##name,
	TCP_EVENTS(TCP_EVENT_ENUM)
#undef TCP_EVENT_ENUM
		TCP_EVENT_COUNT
};

enum tcp_transition_kind {
	TCP_TRANSITION_EMPTY, /* a hole in the table: no cell may be this */
	TCP_TRANSITION_GO,
	TCP_TRANSITION_STAY, /* legal, changes nothing */
	TCP_TRANSITION_NEVER /* cannot happen if our own code is right */
};

struct tcp_transition {
	enum tcp_transition_kind kind;
	enum tcp_state next; /* of TCP_TRANSITION_GO */
};

const struct tcp_transition *tcp_transition(enum tcp_state state, enum tcp_event event);
const char *tcp_event_name(enum tcp_event event);

#endif
