#include "origin_state.h"

static const struct {
	const char *name;
	unsigned int next;
} states[ORIGIN_STATE_COUNT] = {
#define TO(name)                               (1u << ORIGIN_##name)
#define ORIGIN_STATE_ROW(state, shown, follow) [ORIGIN_##state] = {(shown), (follow)},
	ORIGIN_STATES(ORIGIN_STATE_ROW)
#undef ORIGIN_STATE_ROW
#undef TO
};

const char *origin_state_name(enum origin_state state)
{
	return states[state].name;
}

bool origin_state_may_follow(enum origin_state from, enum origin_state to)
{
	return (states[from].next & (1u << to)) != 0;
}
