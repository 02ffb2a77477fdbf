/*
 * Whether a stack is as empty as when it was created: no record, timer or packet is left, and each
 * pool has what it began with. For those who use stacks as a whole: the simulation, the fuzz
 * target.
 */
#ifndef TESTS_TCPSTACK_WHOLE_H
#define TESTS_TCPSTACK_WHOLE_H

#include <stdint.h>

struct tcp_stack;

/* What pools have free. */
struct whole {
	uint32_t connections;
	uint32_t sides;
	uint32_t senders;
	uint32_t transmissions;
	uint32_t ranges; /* out of order */
};

struct whole whole_of(const struct tcp_stack *stack);
/* NULL, or what is left or missing, compared with how it was. */
const char *whole_differs(const struct tcp_stack *stack, const struct whole *before);

#endif
