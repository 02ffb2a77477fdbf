/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) on the way in: is it whole, is it for us, whose is it.
 */
#ifndef NET_IP_H
#define NET_IP_H

#include "dataplane/net/net.h"

/*
 * `packet` begins at the IP header of that version. Padding of the link layer is cut off. NET_TEACH
 * is only returned for ICMPv6, with the packet as it came.
 */
enum net_verdict net_ipv4_input(struct net *net, struct rte_mbuf *packet);
enum net_verdict net_ipv6_input(struct net *net, struct rte_mbuf *packet);

/* Takes in what an IPv6 neighbour announces and answers nothing. The packet stays the caller's. */
void net_ipv6_learn(struct net *net, struct rte_mbuf *packet);

#endif
