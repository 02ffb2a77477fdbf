/*
 * The one clock of control: CLOCK_MONOTONIC in microseconds, the same that the dataplane stamps
 * its entries, events and heartbeats with. Loops read it once per turn and hand `now_us` down.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

#define US_PER_S  UINT64_C(1000000)
#define US_PER_MS UINT64_C(1000)

static inline uint64_t clock_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

#endif
