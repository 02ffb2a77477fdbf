/*
 * ICMP (RFC 792): echo. Other messages are counted and ignored.
 */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include "dataplane/net/net.h"

/* An IPv4 packet to one of our addresses, header checked, `offset` bytes of header; consumed. */
void net_icmp_input(struct net *net, struct rte_mbuf *packet, uint32_t offset);

#endif
