#include "tests/goodput/pattern.h"

#include <string.h>

#include "bench/common/rng.h"

void pattern_fill(uint8_t *pattern)
{
	for (uint32_t i = 0; i < PATTERN_SIZE; i++) {
		pattern[i] = (uint8_t)rng_mix(i % PATTERN_PERIOD + 1);
	}
}
