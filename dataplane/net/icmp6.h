/*
 * ICMPv6 (RFC 4443): echo, and the way to neighbour discovery.
 */
#ifndef NET_ICMP6_H
#define NET_ICMP6_H

#include "dataplane/net/net.h"

struct rte_ipv6_hdr;

/*
 * An IPv6 packet (no link layer) whose ICMPv6 part begins `offset` bytes in, both inside its first
 * segment; `frame` says how much was stripped, so that a frame that others must learn from can be
 * put together again.
 */
enum net_verdict net_icmp6_input(struct net *net, struct rte_mbuf *packet, uint32_t offset);

/* Takes in what a neighbour announces or an error says, and answers nothing. The packet stays the
 * caller's. */
void net_icmp6_learn(struct net *net, const struct rte_mbuf *packet, uint32_t offset);

/* Writes IPv6 header and checksum around the `length` bytes of ICMPv6 that follow it. */
void net_icmp6_finish(struct rte_ipv6_hdr *ip, const struct in6_addr *source,
		      const struct in6_addr *to, uint16_t length);

#endif
