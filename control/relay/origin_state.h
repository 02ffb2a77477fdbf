/*
 * States of a connection to an origin. One setter (origin_set_state(), origin.c) writes them and
 * checks the edge against this table.
 */
#ifndef ORIGIN_STATE_H
#define ORIGIN_STATE_H

#include <stdbool.h>

/* X(name, shown, states that may follow) */
#define ORIGIN_STATES(X)                                                    \
	X(IDLE, "idle", TO(RESOLVING))                                      \
	X(RESOLVING, "resolving", TO(CONNECTING) | TO(BACKOFF) | TO(IDLE))  \
	X(CONNECTING, "connecting", TO(HANDSHAKE) | TO(BACKOFF) | TO(IDLE)) \
	X(HANDSHAKE, "handshake", TO(PUBLISHING) | TO(BACKOFF) | TO(IDLE))  \
	X(PUBLISHING, "publishing", TO(CLOSING) | TO(BACKOFF) | TO(IDLE))   \
	X(BACKOFF, "backoff", TO(RESOLVING) | TO(IDLE))                     \
	X(CLOSING, "closing", TO(BACKOFF) | TO(IDLE))

enum origin_state {
#define ORIGIN_STATE_ENUM(name, shown, next) ORIGIN_##name,
	ORIGIN_STATES(ORIGIN_STATE_ENUM)
#undef ORIGIN_STATE_ENUM
		ORIGIN_STATE_COUNT
};

const char *origin_state_name(enum origin_state state);
bool origin_state_may_follow(enum origin_state from, enum origin_state to);

#endif
