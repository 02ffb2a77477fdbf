/*
 * What is derived from the boot secret: initial sequence numbers (RFC 6528), timestamp offsets
 * (RFC 7323 7.1), SYN cookies and the hash of the flow table. Each has its own domain word, so that
 * one does not reveal another.
 */
#ifndef TCPSTACK_ISN_H
#define TCPSTACK_ISN_H

#include <stdint.h>

struct in6_addr;
struct siphash_key;
struct tcp_key;

uint32_t tcp_isn(const struct siphash_key *secret, const struct tcp_key *key, uint64_t now_us);
uint32_t tcp_timestamp_offset(const struct siphash_key *secret, const struct tcp_key *key);
/* The first local port that an active open tries (RFC 6056 3.3.3). */
uint32_t tcp_port_offset(const struct siphash_key *secret, const struct tcp_key *key,
			 uint32_t count);
/* For SYN cookies (cookie.h). */
uint32_t tcp_cookie_hash(const struct siphash_key *secret, const struct tcp_key *key, uint32_t irs,
			 uint32_t period, uint32_t mss_class);
/* For what is counted of a source (source.h): of an IPv6 address only its /64 counts. */
uint64_t tcp_source_hash(const struct siphash_key *secret, const struct in6_addr *addr);
uint32_t tcp_flow_hash(const struct siphash_key *secret, const struct tcp_key *key);

#endif
