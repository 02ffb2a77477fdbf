#include "handshake.h"
#include "hmac.h"
#include "wire.h"

#include <openssl/crypto.h>
#include <string.h>

#define DIGEST_BLOCK 764u /* 4 bytes that sum up to the offset, 760 with the digest in them */
#define S2_SIGNED    (HANDSHAKE_SIZE - HMAC_SIZE)

/* Public constants of the protocol: a sentence, then the same 32 bytes in both. */
#define KEY_TAIL                                                           \
	"\xf0\xee\xc2\x4a\x80\x68\xbe\xe8\x2e\x00\xd0\xd1\x02\x9e\x7e\x57" \
	"\x6e\xec\x5d\x2d\x29\x80\x6f\xab\x93\xb8\xe6\x36\xcf\xeb\x31\xae"

static const uint8_t server_key[] = "Genuine Adobe Flash Media Server 001" KEY_TAIL;
static const uint8_t player_key[] = "Genuine Adobe Flash Player 001" KEY_TAIL;

#define SERVER_KEY_SENTENCE 36u
#define SERVER_KEY_SIZE     (sizeof(server_key) - 1)
#define PLAYER_KEY_SENTENCE 30u

/* SplitMix64: enough for bytes that only have to differ. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void fill(uint8_t *p, size_t len, uint64_t *random)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t value = next_random(random);

		memcpy(p + i, &value, len - i < 8 ? len - i : 8);
	}
}

/* Where the digest lies in a C1 or S1. */
static uint32_t digest_at(const uint8_t *p, enum handshake_schema schema)
{
	uint32_t block = schema == SCHEMA_DIGEST_FIRST ? 8 : 8 + DIGEST_BLOCK;
	uint32_t sum = (uint32_t)p[block] + p[block + 1] + p[block + 2] + p[block + 3];

	return block + 4 + sum % (DIGEST_BLOCK - 4 - HMAC_SIZE);
}

/* The digest covers all of the packet but itself. */
static void make_digest(const uint8_t *p, uint32_t at, const uint8_t *key, size_t key_len,
			uint8_t mac[HMAC_SIZE])
{
	uint32_t behind = at + HMAC_SIZE;

	rtmp_hmac_sha256(key, key_len, p, at, p + behind, HANDSHAKE_SIZE - behind, mac);
}

static bool has_digest(const uint8_t *c1, enum handshake_schema schema)
{
	uint32_t at = digest_at(c1, schema);
	uint8_t mac[HMAC_SIZE];

	make_digest(c1, at, player_key, PLAYER_KEY_SENTENCE, mac);
	return CRYPTO_memcmp(mac, c1 + at, HMAC_SIZE) == 0;
}

enum handshake_schema handshake_detect(const uint8_t c1[HANDSHAKE_SIZE])
{
	/* A plain C1 has zero here (section 5.2.3): two hashes saved on every ffmpeg-like peer. */
	if (rtmp_get_be32(c1 + 4) == 0) {
		return SCHEMA_NONE;
	}
	if (has_digest(c1, SCHEMA_KEY_FIRST)) {
		return SCHEMA_KEY_FIRST;
	}
	return has_digest(c1, SCHEMA_DIGEST_FIRST) ? SCHEMA_DIGEST_FIRST : SCHEMA_NONE;
}

/*
 * Section 5.2.2: 32 and above are not allowed, so that text protocols can be told apart. 6, 8 and 9
 * are the encrypted variants and 22 begins a TLS record: a plain answer would only fail later.
 * Every other version is answered with 3, and it is the client that decides.
 */
bool handshake_version_allowed(uint8_t c0)
{
	return c0 < 32 && c0 != 6 && c0 != 8 && c0 != 9 && c0 != 22;
}

void handshake_make_plain(uint8_t c1[HANDSHAKE_SIZE], uint64_t *random)
{
	memset(c1, 0, 8);
	fill(c1 + 8, HANDSHAKE_SIZE - 8, random);
}

static void make_signed(uint8_t *p, enum handshake_schema schema, const uint8_t *key,
			size_t key_len, uint64_t *random)
{
	static const uint8_t version[4] = {4, 5, 0, 1}; /* any but zero says "digest" */
	uint32_t at;

	handshake_make_plain(p, random);
	memcpy(p + 4, version, sizeof(version));
	at = digest_at(p, schema);
	make_digest(p, at, key, key_len, p + at);
}

void handshake_make_digest(uint8_t c1[HANDSHAKE_SIZE], enum handshake_schema schema,
			   uint64_t *random)
{
	make_signed(c1, schema, player_key, PLAYER_KEY_SENTENCE, random);
}

/* S2 of the digest handshake: random bytes, signed with a key made from the digest of C1. */
static void make_proof(uint8_t *s2, const uint8_t *c1, enum handshake_schema schema,
		       uint64_t *random)
{
	uint8_t key[HMAC_SIZE];

	rtmp_hmac_sha256(server_key, SERVER_KEY_SIZE, c1 + digest_at(c1, schema), HMAC_SIZE, c1, 0,
			 key);
	fill(s2, S2_SIGNED, random);
	rtmp_hmac_sha256(key, sizeof(key), s2, S2_SIGNED, s2, 0, s2 + S2_SIGNED);
}

bool handshake_reply(const uint8_t c1[HANDSHAKE_SIZE], uint64_t *random, struct rtmp_out *out)
{
	uint8_t *s0 = out->data + out->len;
	uint8_t *s1 = s0 + 1;
	uint8_t *s2 = s1 + HANDSHAKE_SIZE;
	enum handshake_schema schema = handshake_detect(c1);

	if (out->overflow || out->cap - out->len < HANDSHAKE_REPLY_SIZE) {
		out->overflow = true;
		return false;
	}
	*s0 = RTMP_VERSION;
	if (schema == SCHEMA_NONE) {
		handshake_make_plain(s1, random);
		memcpy(s2, c1, HANDSHAKE_SIZE);
	} else {
		make_signed(s1, schema, server_key, SERVER_KEY_SENTENCE, random);
		make_proof(s2, c1, schema, random);
	}
	out->len += HANDSHAKE_REPLY_SIZE;
	return true;
}
