/*
 * Statistics of bench/micro.
 */
#include "bench/micro_src/statistics.h"
#include "tests/dataplane/suite.h"

static void nothing(void)
{
	struct statistics s = statistics_of(NULL, 0);

	CU_ASSERT_EQUAL(s.min, 0);
	CU_ASSERT_EQUAL(s.median, 0);
}

static void odd_and_even(void)
{
	double samples[] = {9, 3, 7, 1, 5, 100};

	struct statistics s = statistics_of(samples, 1);
	CU_ASSERT_EQUAL(s.min, 9);
	CU_ASSERT_EQUAL(s.median, 9);
	s = statistics_of(samples, 5);
	CU_ASSERT_EQUAL(s.min, 1);
	CU_ASSERT_EQUAL(s.median, 5);
	s = statistics_of(samples, 6);
	CU_ASSERT_EQUAL(s.min, 1);
	CU_ASSERT_EQUAL(s.median, 6);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"nothing", nothing},
		{"odd and even", odd_and_even},
		{NULL, NULL},
	};

	return suite_run("micro", tests);
}
