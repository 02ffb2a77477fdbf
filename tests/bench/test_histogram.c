/*
 * The histogram against exact quantiles of the same values.
 */
#include "bench/common/histogram.h"
#include "bench/common/rng.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#define VALUES 20000u

static struct histogram h;
static uint64_t values[VALUES];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Never below the exact one, and above it by one part in 128 at most. */
static void check_quantiles(uint32_t count)
{
	static const uint32_t wanted[] = {0, 1, 10, 250, 500, 900, 990, 999, 1000};

	qsort(values, count, sizeof(values[0]), compare);
	for (uint32_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint64_t rank = ((uint64_t)count * wanted[i] + 999) / 1000;
		uint64_t exact = values[rank > 0 ? rank - 1 : 0];
		uint64_t got = histogram_quantile(&h, wanted[i]);

		CU_ASSERT_TRUE(got >= exact);
		CU_ASSERT_TRUE(got - exact <= exact / 128);
	}
	CU_ASSERT_EQUAL(h.count, count);
	CU_ASSERT_EQUAL(h.min, values[0]);
	CU_ASSERT_EQUAL(h.max, values[count - 1]);
}

static void test_random_quantiles(void)
{
	uint64_t random = 1;

	for (uint32_t bits = 1; bits < 40; bits++) {
		histogram_init(&h);
		for (uint32_t i = 0; i < VALUES; i++) {
			/* All magnitudes up to 2^bits alike. */
			uint64_t span = UINT64_C(1) << rng_below(&random, bits + 1);

			values[i] = rng_next(&random) % span;
			histogram_add(&h, values[i]);
		}
		check_quantiles(VALUES);
	}
}

static void test_few_values(void)
{
	histogram_init(&h);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 500), 0);
	values[0] = 1000;
	histogram_add(&h, 1000);
	check_quantiles(1);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 500), 1000);
	values[1] = 3;
	histogram_add(&h, 3);
	check_quantiles(2);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 500), 3);
}

/* Each edge of each power of two. */
static void test_edges(void)
{
	for (uint32_t bit = 0; bit < HISTOGRAM_BITS; bit++) {
		for (uint64_t v = (UINT64_C(1) << bit) - 1; v <= (UINT64_C(1) << bit) + 1; v++) {
			histogram_init(&h);
			values[0] = v;
			values[1] = v * 2;
			histogram_add(&h, v);
			histogram_add(&h, v * 2);
			if (v * 2 < UINT64_C(1) << HISTOGRAM_BITS) {
				check_quantiles(2);
			}
		}
	}
}

static void test_beyond_the_range(void)
{
	histogram_init(&h);
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 5);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 1000), UINT64_MAX);
	CU_ASSERT_EQUAL(histogram_quantile(&h, 500), 5);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("histogram", NULL, NULL);
	CU_ADD_TEST(suite, test_random_quantiles);
	CU_ADD_TEST(suite, test_few_values);
	CU_ADD_TEST(suite, test_edges);
	CU_ADD_TEST(suite, test_beyond_the_range);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
