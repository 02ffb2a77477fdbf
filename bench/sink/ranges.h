/*
 * Ranges: a set of message numbers as sorted half-open intervals, in memory of fixed size.
 */
#ifndef SINK_RANGES_H
#define SINK_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define RANGES_MAX 64u

struct range {
	uint64_t from;
	uint64_t to; /* first number after it */
};

struct ranges {
	uint32_t count;
	uint32_t lost; /* numbers that found no room: the set is too small by them */
	struct range range[RANGES_MAX];
};

bool ranges_contain(const struct ranges *ranges, uint64_t number);

/* False when it was in the set already. */
bool ranges_add(struct ranges *ranges, uint64_t number);

#endif
