#include "seq.h"
#include "suites.h"

static void test_order_wraps(void)
{
	uint32_t at = 0xfffffff0U;

	for (uint32_t i = 0; i < 64; i++, at++) {
		CU_ASSERT(seq_lt(at, at + 1));
		CU_ASSERT(seq_gt(at + 1, at));
		CU_ASSERT(seq_le(at, at) && seq_ge(at, at));
		CU_ASSERT_FALSE(seq_lt(at, at));
		CU_ASSERT(seq_lt(at, at + 0x7fffffffU));
		CU_ASSERT_EQUAL(seq_max(at, at + 5), at + 5);
		CU_ASSERT_EQUAL(seq_min(at, at + 5), at);
		CU_ASSERT_EQUAL(seq_span(at, at + 7), 7);
		CU_ASSERT_EQUAL(seq_span(at + 7, at), 0);
	}
}

static uint64_t random_next(void)
{
	static uint64_t state = 3;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> 16;
}

static void check_pair(uint64_t a, uint64_t b)
{
	uint32_t x = (uint32_t)a;
	uint32_t y = (uint32_t)b;

	CU_ASSERT_EQUAL(seq_lt(x, y), a < b);
	CU_ASSERT_EQUAL(seq_le(x, y), a <= b);
	CU_ASSERT_EQUAL(seq_gt(x, y), a > b);
	CU_ASSERT_EQUAL(seq_ge(x, y), a >= b);
	CU_ASSERT_EQUAL(seq_max(x, y), (uint32_t)(a > b ? a : b));
	CU_ASSERT_EQUAL(seq_min(x, y), (uint32_t)(a < b ? a : b));
	CU_ASSERT_EQUAL(seq_span(x, y), a < b ? b - a : 0);
}

/* Against numbers that do not wrap, less than 2^31 apart. */
static void test_against_64_bits(void)
{
	for (uint32_t i = 0; i < 20000; i++) {
		uint64_t a = (1ULL << 40) + (random_next() & 0x3ffffffff);
		uint64_t distance = random_next() & 0x7fffffff >> random_next() % 31;

		check_pair(a, a + distance);
		check_pair(a + distance, a);
	}
	for (uint64_t a = (1ULL << 32) - 300; a < (1ULL << 32) + 300; a++) {
		check_pair(a, 1ULL << 32);
		check_pair(a, a + 0x7fffffff);
	}
}

CU_TestInfo seq_tests[] = {{"order wraps at 2^32", test_order_wraps},
			   {"against 64 bits", test_against_64_bits},
			   CU_TEST_INFO_NULL};
