/*
 * How many answers a second strangers can provoke: challenge ACKs (RFC 5961 section 7), RSTs to
 * what belongs to no connection.
 *
 * A limit that all share tells whoever exhausts it how much others drew from it: so an attacker off
 * the path could learn of connections and their numbers (CVE-2016-5696). Hence the limit of each
 * second is drawn anew, between half and one and a half times its mean.
 */
#ifndef TCPSTACK_LIMITER_H
#define TCPSTACK_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct siphash_key;

struct tcp_limiter {
	uint32_t mean; /* a second; less than 2^31 */
	uint32_t second;
	uint32_t left;
};

/* Says yes about `mean` times in each second. */
bool limiter_take(struct tcp_limiter *limiter, const struct siphash_key *secret, uint32_t second);

#endif
