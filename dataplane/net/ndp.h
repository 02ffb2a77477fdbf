/*
 * Neighbour discovery for IPv6 (RFC 4861): solicitations and advertisements.
 *
 * We do not listen to router advertisements because gateways are configured, and we do no duplicate
 * address detection of our own because the operator assigns the addresses.
 */
#ifndef NET_NDP_H
#define NET_NDP_H

#include "dataplane/net/net.h"

#define NDP_SOLICITATION  135u
#define NDP_ADVERTISEMENT 136u

/* Offset of ICMPv6 and its length in a checked IPv6 packet that `packet` begins with. */
struct net_icmp6 {
	const struct rte_ipv6_hdr *ip;
	const uint8_t *data; /* type, code, checksum, ... */
	uint32_t length;
};

/*
 * A message of the two types above, checksum checked. True when other workers must learn of it.
 * `answer`: false only takes in what is announced.
 */
bool net_ndp_input(struct net *net, const struct net_icmp6 *icmp, bool answer);

/* Asks for the link address of `target`. */
void net_ndp_ask(struct net *net, const struct in6_addr *target);

#endif
