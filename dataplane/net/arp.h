/*
 * ARP (RFC 826) over Ethernet for IPv4.
 */
#ifndef NET_ARP_H
#define NET_ARP_H

#include "dataplane/net/net.h"

/* `frame` begins at the Ethernet header, which was checked. NET_DONE or NET_TEACH. */
enum net_verdict net_arp_input(struct net *net, struct rte_mbuf *frame);

/* Takes in what the frame announces and answers nothing. The frame stays the caller's. */
void net_arp_learn(struct net *net, const struct rte_mbuf *frame);

/* Asks for the link address of `target`. */
void net_arp_ask(struct net *net, const struct in6_addr *target);

#endif
