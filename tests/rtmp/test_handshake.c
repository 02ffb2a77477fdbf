/*
 * Handshake: plain and digest in both layouts, told apart and answered so that the peer's own
 * check succeeds. HMAC against the vectors of RFC 4231.
 */
#include "handshake.h"
#include "hmac.h"
#include "runner.h"

#include <string.h>

#define TAIL                                                               \
	"\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" \
	"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"

static uint8_t c1[HANDSHAKE_SIZE];
static uint8_t reply[HANDSHAKE_REPLY_SIZE];

static bool answer(uint64_t seed)
{
	struct rtmp_out out = {.data = reply, .cap = sizeof(reply)};

	return handshake_reply(c1, &seed, &out) && out.len == sizeof(reply);
}

static void test_hmac_vectors(void)
{
	/* RFC 4231 test cases 1, 2 and 6 (a key longer than a block). */
	static const uint8_t mac1[] = "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1"
				      "\x2b\x88\x1d\xc2\x00\xc9\x83\x3d\xa7\x26\xe9\x37\x6c\x2e\x32"
				      "\xcf\xf7";
	static const uint8_t mac2[] = "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75"
				      "\xc7\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec"
				      "\x38\x43";
	static const uint8_t mac6[] = "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7"
				      "\x7f\x8e\x0b\xc6\x21\x37\x28\xc5\x14\x05\x46\x04\x0f\x0e\xe3"
				      "\x7f\x54";
	static const char text6[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], mac[HMAC_SIZE];

	memset(key, 0x0b, 20);
	rtmp_hmac_sha256(key, 20, (const uint8_t *)"Hi ", 3, (const uint8_t *)"There", 5, mac);
	CU_ASSERT_EQUAL(memcmp(mac, mac1, HMAC_SIZE), 0);
	rtmp_hmac_sha256((const uint8_t *)"Jefe", 4,
			 (const uint8_t *)"what do ya want for nothing?", 28, key, 0, mac);
	CU_ASSERT_EQUAL(memcmp(mac, mac2, HMAC_SIZE), 0);
	memset(key, 0xaa, sizeof(key));
	rtmp_hmac_sha256(key, sizeof(key), (const uint8_t *)text6, sizeof(text6) - 1, key, 0, mac);
	CU_ASSERT_EQUAL(memcmp(mac, mac6, HMAC_SIZE), 0);
}

static void test_plain(void)
{
	uint64_t seed = 1;

	handshake_make_plain(c1, &seed);
	CU_ASSERT_EQUAL(handshake_detect(c1), SCHEMA_NONE);
	CU_ASSERT_TRUE(answer(2));
	CU_ASSERT_EQUAL(reply[0], RTMP_VERSION);
	CU_ASSERT_EQUAL(memcmp(reply + 1 + HANDSHAKE_SIZE, c1, HANDSHAKE_SIZE), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(reply + 1, c1, HANDSHAKE_SIZE), 0);
}

/* The digest of S1 as a player looks for it, by the description of the protocol. */
static bool server_digest_valid(uint32_t block)
{
	const uint8_t *s1 = reply + 1;
	uint32_t at = block + 4 +
		      ((uint32_t)s1[block] + s1[block + 1] + s1[block + 2] + s1[block + 3]) % 728;
	uint8_t mac[HMAC_SIZE];

	rtmp_hmac_sha256((const uint8_t *)"Genuine Adobe Flash Media Server 001", 36, s1, at,
			 s1 + at + 32, HANDSHAKE_SIZE - at - 32, mac);
	return memcmp(mac, s1 + at, HMAC_SIZE) == 0;
}

/* S2 proves that the digest of C1 was read. */
static bool proof_valid(uint32_t block)
{
	const uint8_t *s2 = reply + 1 + HANDSHAKE_SIZE;
	uint32_t at = block + 4 +
		      ((uint32_t)c1[block] + c1[block + 1] + c1[block + 2] + c1[block + 3]) % 728;
	uint8_t key[HMAC_SIZE], mac[HMAC_SIZE];

	rtmp_hmac_sha256((const uint8_t *)"Genuine Adobe Flash Media Server 001" TAIL, 68, c1 + at,
			 32, c1, 0, key);
	rtmp_hmac_sha256(key, 32, s2, 1504, s2, 0, mac);
	return memcmp(mac, s2 + 1504, HMAC_SIZE) == 0;
}

static void test_digest(void)
{
	static const uint32_t blocks[] = {[SCHEMA_KEY_FIRST] = 772, [SCHEMA_DIGEST_FIRST] = 8};

	for (uint64_t seed = 1; seed < 50; seed++) {
		for (uint32_t schema = SCHEMA_KEY_FIRST; schema <= SCHEMA_DIGEST_FIRST; schema++) {
			uint64_t random = seed;

			handshake_make_digest(c1, schema, &random);
			CU_ASSERT_EQUAL(handshake_detect(c1), schema);
			CU_ASSERT_TRUE(answer(seed + 1000));
			CU_ASSERT_TRUE(server_digest_valid(blocks[schema]));
			CU_ASSERT_TRUE(proof_valid(blocks[schema]));
		}
	}
}

/* The digest at its last possible place, and sums that wrap around 728. */
static void test_digest_offsets(void)
{
	for (uint32_t last = 0; last < 256; last++) {
		memset(c1, 255, sizeof(c1));
		c1[775] = (uint8_t)last;
		c1[11] = (uint8_t)last;
		CU_ASSERT_EQUAL(handshake_detect(c1), SCHEMA_NONE);
	}
}

/* Quirk 21: one wrong bit, and it is taken as plain; nobody is sent away. */
static void test_damaged_digest(void)
{
	for (uint32_t at = 8; at < HANDSHAKE_SIZE; at += 7) {
		uint64_t random = 5;

		handshake_make_digest(c1, SCHEMA_KEY_FIRST, &random);
		c1[at] ^= 1;
		CU_ASSERT_EQUAL(handshake_detect(c1), SCHEMA_NONE);
	}
	CU_ASSERT_TRUE(answer(1));
	CU_ASSERT_EQUAL(memcmp(reply + 1 + HANDSHAKE_SIZE, c1, HANDSHAKE_SIZE), 0);
}

static void test_versions(void)
{
	CU_ASSERT_TRUE(handshake_version_allowed(3));
	CU_ASSERT_TRUE(handshake_version_allowed(0));
	CU_ASSERT_TRUE(handshake_version_allowed(31));
	CU_ASSERT_FALSE(handshake_version_allowed(6));
	CU_ASSERT_FALSE(handshake_version_allowed(8));
	CU_ASSERT_FALSE(handshake_version_allowed(9));
	for (uint32_t v = 32; v < 256; v++) {
		CU_ASSERT_FALSE(handshake_version_allowed((uint8_t)v));
	}
}

static void test_full_buffer(void)
{
	struct rtmp_out out = {.data = reply, .cap = sizeof(reply) - 1};
	uint64_t random = 1;

	CU_ASSERT_FALSE(handshake_reply(c1, &random, &out));
	CU_ASSERT_TRUE(out.overflow);
	CU_ASSERT_EQUAL(out.len, 0);
}

static const struct test tests[] = {
	{"HMAC vectors", test_hmac_vectors},     {"plain", test_plain},
	{"digest, both layouts", test_digest},   {"digest offsets", test_digest_offsets},
	{"damaged digest", test_damaged_digest}, {"versions", test_versions},
	{"full buffer", test_full_buffer},
};

int main(void)
{
	return RUN_TESTS("rtmp/handshake", tests);
}
