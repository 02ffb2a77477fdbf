/*
 * The name of a connection within a stack: the local address stands as an index into the stack's
 * address list, so that the compact records hold a whole key in 24 bytes. Every record that the
 * flow table finds (connection, SYN-RECEIVED, TIME_WAIT) begins with its key.
 */
#ifndef TCPSTACK_KEY_H
#define TCPSTACK_KEY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct tcp_key {
	struct in6_addr remote;
	uint16_t remote_port;
	uint16_t local_port;
	uint16_t local; /* index of the local address */
	uint16_t zero;
};

_Static_assert(sizeof(struct tcp_key) == 24, "keys are compared and hashed as three words");

static inline void tcp_key_words(const struct tcp_key *key, uint64_t words[3])
{
	memcpy(words, key, sizeof(*key));
}

static inline bool tcp_key_equal(const struct tcp_key *a, const struct tcp_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool tcp_key_is_v4(const struct tcp_key *key)
{
	return IN6_IS_ADDR_V4MAPPED(&key->remote);
}

#endif
