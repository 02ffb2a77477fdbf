#include "limiter.h"

#include "siphash.h"

/* Limiters of the same mean draw the same numbers; nobody sees one to learn of another. */
static uint32_t draw(const struct tcp_limiter *limiter, const struct siphash_key *secret)
{
	uint64_t words[2] = {limiter->second, limiter->mean};
	uint32_t random = (uint32_t)siphash24(secret, words, 2);

	return limiter->mean / 2 + (uint32_t)((uint64_t)random * (limiter->mean + 1ULL) >> 32);
}

bool limiter_take(struct tcp_limiter *limiter, const struct siphash_key *secret, uint32_t second)
{
	if (limiter->second != second) {
		limiter->second = second;
		limiter->left = draw(limiter, secret);
	}
	if (limiter->left == 0) {
		return false;
	}
	limiter->left--;
	return true;
}
