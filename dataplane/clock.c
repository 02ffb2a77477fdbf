#include "dataplane/clock.h"

#include <rte_cycles.h>
#include <time.h>

#define RESYNCS_PER_SECOND 10

static uint64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void resync(struct dp_clock *clock)
{
	clock->base_tsc = rte_rdtsc();
	clock->base_us = monotonic_us();
	clock->resync_tsc = clock->base_tsc + clock->tsc_hz / RESYNCS_PER_SECOND;
}

void dp_clock_init(struct dp_clock *clock, uint64_t tsc_hz)
{
	*clock = (struct dp_clock){.tsc_hz = tsc_hz};
	resync(clock);
	clock->last_us = clock->base_us;
}

uint64_t dp_clock_us(struct dp_clock *clock, uint64_t tsc)
{
	if (tsc >= clock->resync_tsc) {
		resync(clock);
		tsc = clock->base_tsc;
	}
	/* At most 100 ms of cycles: the product stays below 2^64 for any counter below 184 THz. */
	uint64_t elapsed = tsc > clock->base_tsc ? tsc - clock->base_tsc : 0;
	uint64_t now = clock->base_us + elapsed * 1000000 / clock->tsc_hz;

	if (now > clock->last_us) {
		clock->last_us = now;
	}
	return clock->last_us;
}
