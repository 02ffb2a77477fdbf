/*
 * Pattern: what all flows carry, so that every byte says whether it stands in its place. It repeats
 * after a prime number of bytes: no power of two of any buffer falls in step with it.
 */
#ifndef GOODPUT_PATTERN_H
#define GOODPUT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 65521u
#define PATTERN_PIECE                                                              \
	(256u << 10) /* so much stands in one piece behind any place of the period \
		      */
#define PATTERN_SIZE (PATTERN_PERIOD + PATTERN_PIECE)

/* Fills PATTERN_SIZE bytes. */
void pattern_fill(uint8_t *pattern);

/* Bytes of a flow from `offset` on: PATTERN_PIECE of them. */
static inline const uint8_t *pattern_at(const uint8_t *pattern, uint64_t offset)
{
	return pattern + offset % PATTERN_PERIOD;
}

#endif
