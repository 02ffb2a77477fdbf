/*
 * The worker's clock: CLOCK_MONOTONIC microseconds from the time stamp counter, one read per loop.
 *
 * The counter is read without a system call and tied to CLOCK_MONOTONIC again every 100 ms, so that
 * the two stay within microseconds and every process on the machine can compare its times with
 * ours. It never goes backwards: after a correction to an earlier time it stands still.
 */
#ifndef DP_CLOCK_H
#define DP_CLOCK_H

#include <stdint.h>

struct dp_clock {
	uint64_t tsc_hz;
	uint64_t base_tsc;
	uint64_t base_us;
	uint64_t resync_tsc; /* counter value of the next comparison */
	uint64_t last_us;    /* what was returned last */
};

void dp_clock_init(struct dp_clock *clock, uint64_t tsc_hz);

/* Time at counter value `tsc`, which the caller has just read. */
uint64_t dp_clock_us(struct dp_clock *clock, uint64_t tsc);

#endif
