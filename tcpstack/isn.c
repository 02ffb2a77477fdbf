#include "isn.h"

#include "key.h"
#include "siphash.h"

enum isn_domain { DOMAIN_ISN = 1, DOMAIN_TIMESTAMP, DOMAIN_PORT, DOMAIN_COOKIE };

static uint32_t keyed_hash(const struct siphash_key *secret, const struct tcp_key *key,
			   uint64_t domain)
{
	uint64_t words[4];

	tcp_key_words(key, words);
	words[3] = domain;
	return (uint32_t)siphash24(secret, words, 4);
}

uint32_t tcp_isn(const struct siphash_key *secret, const struct tcp_key *key, uint64_t now_us)
{
	/* The clock of RFC 9293 3.4.1 ticks every 4 microseconds. */
	return keyed_hash(secret, key, DOMAIN_ISN) + (uint32_t)(now_us >> 2);
}

uint32_t tcp_timestamp_offset(const struct siphash_key *secret, const struct tcp_key *key)
{
	return keyed_hash(secret, key, DOMAIN_TIMESTAMP);
}

uint32_t tcp_port_offset(const struct siphash_key *secret, const struct tcp_key *key,
			 uint32_t count)
{
	return keyed_hash(secret, key, DOMAIN_PORT + (uint64_t)count * 16);
}

uint32_t tcp_cookie_hash(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
			 uint32_t period, uint32_t mss_class)
{
	uint64_t words[5];

	tcp_key_words(key, words);
	words[3] = DOMAIN_COOKIE | (uint64_t)mss_class << 32;
	words[4] = irs | (uint64_t)period << 32;
	return (uint32_t)siphash24(secret, words, 5);
}

uint64_t tcp_source_hash(const struct siphash_key *secret, const struct in6_addr *addr)
{
	uint64_t words[2];

	memcpy(words, addr, sizeof(words));
	if (!IN6_IS_ADDR_V4MAPPED(addr)) {
		words[1] = 0;
	}
	return siphash13(secret, words, 2);
}

uint32_t tcp_flow_hash(const struct siphash_key *secret, const struct tcp_key *key)
{
	uint64_t words[3];

	tcp_key_words(key, words);
	return (uint32_t)siphash13(secret, words, 3);
}
