/*
 * The worker's clock: forward only, and CLOCK_MONOTONIC after each comparison.
 */
#include "dataplane/clock.h"
#include "suite.h"

#include <rte_cycles.h>
#include <time.h>

#define HZ UINT64_C(1000000000)

static uint64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void counts_cycles_between_comparisons(void)
{
	struct dp_clock clock;

	dp_clock_init(&clock, HZ);
	uint64_t start = clock.base_us;
	CU_ASSERT_EQUAL(dp_clock_us(&clock, clock.base_tsc), start);
	CU_ASSERT_EQUAL(dp_clock_us(&clock, clock.base_tsc + HZ / 1000), start + 1000);
	CU_ASSERT_EQUAL(dp_clock_us(&clock, clock.base_tsc + HZ / 20), start + 50000);
}

static void never_goes_back(void)
{
	struct dp_clock clock;

	dp_clock_init(&clock, HZ);
	uint64_t later = dp_clock_us(&clock, clock.base_tsc + HZ / 20);
	CU_ASSERT_EQUAL(dp_clock_us(&clock, clock.base_tsc), later);
	/* Another core's counter may lie a little behind. */
	CU_ASSERT_EQUAL(dp_clock_us(&clock, clock.base_tsc - 100), later);
	/* The comparison finds that less than 50 ms have passed: time stands still. */
	CU_ASSERT(dp_clock_us(&clock, clock.resync_tsc) >= later);
}

static void is_the_systems_clock_after_a_comparison(void)
{
	struct dp_clock clock;

	dp_clock_init(&clock, HZ);
	uint64_t before = monotonic_us();
	uint64_t now = dp_clock_us(&clock, clock.resync_tsc);
	uint64_t after = monotonic_us();
	CU_ASSERT(now >= before && now <= after);
	CU_ASSERT(clock.resync_tsc > clock.base_tsc);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"counts cycles between comparisons", counts_cycles_between_comparisons},
		{"never goes back", never_goes_back},
		{"is the system's clock after a comparison",
		 is_the_systems_clock_after_a_comparison},
		{NULL, NULL},
	};

	return suite_run("clock", tests);
}
