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

CU_TestInfo seq_tests[] = {{"order wraps at 2^32", test_order_wraps}, CU_TEST_INFO_NULL};
