/*
 * Addresses of the network layer: IPv6, with IPv4 as IPv4-mapped (RFC 4291 2.5.5.2).
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <netinet/in.h>
#include <rte_ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* `be` is in network byte order. */
static inline struct in6_addr net_addr_from_ipv4(uint32_t be)
{
	struct in6_addr addr = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&addr.s6_addr[12], &be, sizeof(be));
	return addr;
}

static inline struct in6_addr net_addr_from_bytes(const uint8_t *bytes)
{
	struct in6_addr addr;

	memcpy(&addr, bytes, sizeof(addr));
	return addr;
}

/* The IPv4 address in network byte order; meaningful for IPv4-mapped addresses only. */
static inline uint32_t net_addr_ipv4(const struct in6_addr *addr)
{
	uint32_t be;

	memcpy(&be, &addr->s6_addr[12], sizeof(be));
	return be;
}

static inline bool net_addr_is_ipv4(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_V4MAPPED(addr);
}

static inline bool net_addr_equal(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether the first `length` bits are the same. */
bool net_addr_in_prefix(const struct in6_addr *addr, const struct in6_addr *prefix, uint8_t length);

/* Can be the source of a packet: neither unspecified, loopback, multicast nor broadcast. */
bool net_addr_is_unicast(const struct in6_addr *addr);

/* Link-local address of an interface (RFC 4291 2.5.6, modified EUI-64 of appendix A). */
struct in6_addr net_addr_link_local(const struct rte_ether_addr *mac);

/* Solicited-node multicast address (RFC 4291 2.7.1). */
struct in6_addr net_addr_solicited_node(const struct in6_addr *target);

/* Link address of an IPv6 multicast group (RFC 2464 7). */
struct rte_ether_addr net_addr_multicast_mac(const struct in6_addr *group);

#endif
