/*
 * SipHash (Aumasson, Bernstein 2012) over whole 64-bit words: 2-4 for what an attacker sees
 * (initial sequence numbers), 1-3 for the flow table, where only collisions must be unpredictable.
 */
#ifndef TCPSTACK_SIPHASH_H
#define TCPSTACK_SIPHASH_H

#include <stdint.h>

struct siphash_key {
	uint64_t k0;
	uint64_t k1;
};

struct siphash_key siphash_key_load(const uint8_t bytes[16]);
uint64_t siphash24(const struct siphash_key *key, const uint64_t *words, unsigned int count);
uint64_t siphash13(const struct siphash_key *key, const uint64_t *words, unsigned int count);

#endif
