/* The one-shot digest functions are deprecated, not wrong: what replaces them allocates. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "hmac.h"

#include <assert.h>
#include <openssl/sha.h>
#include <string.h>

#define BLOCK_SIZE 64u

static void begin(SHA256_CTX *ctx, const uint8_t *key, size_t key_len, uint8_t pad)
{
	uint8_t block[BLOCK_SIZE] = {0};

	assert(key_len <= BLOCK_SIZE);
	memcpy(block, key, key_len);
	for (size_t i = 0; i < BLOCK_SIZE; i++) {
		block[i] ^= pad;
	}
	SHA256_Init(ctx);
	SHA256_Update(ctx, block, BLOCK_SIZE);
}

void rtmp_hmac_sha256(const uint8_t *key, size_t key_len, const uint8_t *a, size_t a_len,
		      const uint8_t *b, size_t b_len, uint8_t mac[HMAC_SIZE])
{
	uint8_t inner[HMAC_SIZE], hashed[HMAC_SIZE];
	SHA256_CTX ctx;

	if (key_len > BLOCK_SIZE) {
		/* RFC 2104 section 2: longer keys are hashed first (the server's key has 68). */
		SHA256_Init(&ctx);
		SHA256_Update(&ctx, key, key_len);
		SHA256_Final(hashed, &ctx);
		key = hashed;
		key_len = sizeof(hashed);
	}
	begin(&ctx, key, key_len, 0x36);
	SHA256_Update(&ctx, a, a_len);
	SHA256_Update(&ctx, b, b_len);
	SHA256_Final(inner, &ctx);
	begin(&ctx, key, key_len, 0x5c);
	SHA256_Update(&ctx, inner, sizeof(inner));
	SHA256_Final(mac, &ctx);
}
