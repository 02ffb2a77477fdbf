/* A small seeded generator (splitmix64): the whole simulation is a function of one seed. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Uniform in [low, high]. */
static inline uint32_t rng_range(struct rng *rng, uint32_t low, uint32_t high)
{
	return low + (uint32_t)(rng_next(rng) % ((uint64_t)high - low + 1));
}

/* True with a probability of `per_mille` in a thousand. */
static inline bool rng_chance(struct rng *rng, uint32_t per_mille)
{
	return rng_next(rng) % 1000 < per_mille;
}

#endif
