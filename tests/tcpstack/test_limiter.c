#include "limiter.h"

#include "siphash.h"
#include "suites.h"

static const struct siphash_key secret = {1, 2};

static uint32_t taken(struct tcp_limiter *limiter, const struct siphash_key *key, uint32_t second)
{
	uint32_t count = 0;

	while (limiter_take(limiter, key, second)) {
		count++;
	}
	return count;
}

/* Each second has its own limit, all of them around the mean. */
static void test_range(void)
{
	struct tcp_limiter limiter = {.mean = 1000};
	uint32_t least = UINT32_MAX, most = 0;
	uint64_t sum = 0;

	for (uint32_t second = 1; second <= 1000; second++) {
		uint32_t count = taken(&limiter, &secret, second);

		CU_ASSERT_FALSE(limiter_take(&limiter, &secret, second));
		least = count < least ? count : least;
		most = count > most ? count : most;
		sum += count;
	}
	CU_ASSERT(least >= 500 && least < 510);
	CU_ASSERT(most <= 1500 && most > 1490);
	CU_ASSERT(sum > 970000 && sum < 1030000);
}

static void test_secret(void)
{
	const struct siphash_key other = {1, 3};
	struct tcp_limiter a = {.mean = 1000}, b = {.mean = 1000};
	uint32_t same = 0;

	for (uint32_t second = 1; second <= 100; second++) {
		same += taken(&a, &secret, second) == taken(&b, &other, second) ? 1 : 0;
	}
	CU_ASSERT(same < 3);
}

CU_TestInfo limiter_tests[] = {{"range", test_range}, {"secret", test_secret}, CU_TEST_INFO_NULL};
