#include "siphash.h"

#include <string.h>

struct siphash_state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void siphash_rounds(struct siphash_state *s, unsigned int rounds)
{
	while (rounds-- > 0) {
		s->v0 += s->v1;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v2 = rotate(s->v2, 32);
	}
}

static inline void siphash_word(struct siphash_state *s, uint64_t word, unsigned int rounds)
{
	s->v3 ^= word;
	siphash_rounds(s, rounds);
	s->v0 ^= word;
}

static inline uint64_t siphash(const struct siphash_key *key, const uint64_t *words,
			       unsigned int count, unsigned int c_rounds, unsigned int d_rounds)
{
	struct siphash_state s = {
		.v0 = key->k0 ^ 0x736f6d6570736575ULL,
		.v1 = key->k1 ^ 0x646f72616e646f6dULL,
		.v2 = key->k0 ^ 0x6c7967656e657261ULL,
		.v3 = key->k1 ^ 0x7465646279746573ULL,
	};

	for (unsigned int i = 0; i < count; i++) {
		siphash_word(&s, words[i], c_rounds);
	}
	siphash_word(&s, (uint64_t)(count * 8U & 0xff) << 56, c_rounds);
	s.v2 ^= 0xff;
	siphash_rounds(&s, d_rounds);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct siphash_key siphash_key_load(const uint8_t bytes[16])
{
	struct siphash_key key;

	memcpy(&key.k0, bytes, sizeof(key.k0));
	memcpy(&key.k1, bytes + 8, sizeof(key.k1));
	return key;
}

uint64_t siphash24(const struct siphash_key *key, const uint64_t *words, unsigned int count)
{
	return siphash(key, words, count, 2, 4);
}

uint64_t siphash13(const struct siphash_key *key, const uint64_t *words, unsigned int count)
{
	return siphash(key, words, count, 1, 3);
}
