/*
 * ICMP (RFC 792): echo, and errors about packets of ours, which TCP is told of. Other messages are
 * counted and ignored.
 */
#ifndef NET_ICMP_H
#define NET_ICMP_H

#include "dataplane/net/net.h"

/*
 * An IPv4 packet to one of our addresses, header checked, `offset` bytes of header. NET_DONE, or
 * NET_TEACH for an error about a connection that is not this worker's.
 */
enum net_verdict net_icmp_input(struct net *net, struct rte_mbuf *packet, uint32_t offset);

/* An error that another worker did not know what to do with. The packet stays the caller's. */
void net_icmp_learn(struct net *net, const struct rte_mbuf *packet, uint32_t offset);

/* Tells TCP, at most NET_LIMIT times a second. True when it knew the connection, or was not asked.
 */
bool net_icmp_tell(struct net *net, const struct tcp_icmp *error);

#endif
