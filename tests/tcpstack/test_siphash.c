#include "isn.h"
#include "key.h"
#include "siphash.h"
#include "suites.h"

/* Vectors of the authors' reference implementation: key 00..0f, message 00, 01, 02, ... */
static void test_reference_vectors(void)
{
	uint8_t secret[16];
	uint8_t message[16];
	uint64_t words[2];
	struct siphash_key key;

	for (uint8_t i = 0; i < 16; i++) {
		secret[i] = i;
		message[i] = i;
	}
	key = siphash_key_load(secret);
	memcpy(words, message, sizeof(words));
	CU_ASSERT_EQUAL(siphash24(&key, words, 0), 0x726fdb47dd0e0e31ULL);
	CU_ASSERT_EQUAL(siphash24(&key, words, 1), 0x93f5f5799a932462ULL);
	CU_ASSERT_EQUAL(siphash24(&key, words, 2), 0x3f2acc7f57c29bdbULL);
}

/* RFC 6528: monotonic with time for one 4-tuple, unrelated between tuples and secrets. */
static void test_isn(void)
{
	struct siphash_key secret = {1, 2};
	struct siphash_key other = {1, 3};
	struct tcp_key a = {.remote_port = 1, .local_port = 2};
	struct tcp_key b = {.remote_port = 2, .local_port = 2};

	CU_ASSERT_EQUAL(tcp_isn(&secret, &a, 4000) - tcp_isn(&secret, &a, 0), 1000);
	CU_ASSERT_NOT_EQUAL(tcp_isn(&secret, &a, 0), tcp_isn(&secret, &b, 0));
	CU_ASSERT_NOT_EQUAL(tcp_isn(&secret, &a, 0), tcp_isn(&other, &a, 0));
	CU_ASSERT_NOT_EQUAL(tcp_isn(&secret, &a, 0), tcp_timestamp_offset(&secret, &a));
}

CU_TestInfo siphash_tests[] = {{"reference vectors", test_reference_vectors},
			       {"initial sequence numbers", test_isn},
			       CU_TEST_INFO_NULL};
