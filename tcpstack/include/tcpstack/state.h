/*
 * Connection states (RFC 9293 3.3.2). The list is the only place where they are named.
 */
#ifndef TCPSTACK_STATE_H
#define TCPSTACK_STATE_H

#define TCP_STATES(X)   \
	X(CLOSED)       \
	X(LISTEN)       \
	X(SYN_SENT)     \
	X(SYN_RECEIVED) \
	X(ESTABLISHED)  \
	X(FIN_WAIT_1)   \
	X(FIN_WAIT_2)   \
	X(CLOSE_WAIT)   \
	X(CLOSING)      \
	X(LAST_ACK)     \
	X(TIME_WAIT)

enum tcp_state {
#define TCP_STATE_ENUM(name) TCP_##name##_STATE,
	TCP_STATES(TCP_STATE_ENUM)
#undef TCP_STATE_ENUM
		TCP_STATE_COUNT
};

const char *tcp_state_name(enum tcp_state state);

#endif
