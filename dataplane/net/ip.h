/*
 * IPv4 (RFC 791) and IPv6 (RFC 8200) on the way in: is it whole, is it for us, whose is it.
 */
#ifndef NET_IP_H
#define NET_IP_H

#include "dataplane/net/net.h"

/*
 * `packet` begins at the IP header of that version. Padding of the link layer is cut off. NET_TEACH
 * is only returned for ICMP, with the packet as it came.
 */
enum net_verdict net_ipv4_input(struct net *net, struct rte_mbuf *packet);
enum net_verdict net_ipv6_input(struct net *net, struct rte_mbuf *packet);

/*
 * Takes in what an IPv6 neighbour announces, or an ICMP error says, and answers nothing. The packet
 * stays the caller's.
 */
void net_ip_learn(struct net *net, struct rte_mbuf *packet, bool v6);

#define NET_IPV6_EXTENSIONS 4u /* that may come in front of the payload */

/*
 * Protocol of the payload of the IPv6 packet that stands `at` bytes into the frame; *offset becomes
 * the place of its header in the frame. Hop-by-hop and destination options are skipped (RFC 8200
 * 4.1), as many as NET_IPV6_EXTENSIONS and as far as the first mbuf reaches; what else comes first
 * is returned instead.
 */
uint8_t net_ipv6_protocol(const struct rte_mbuf *frame, uint32_t at, uint32_t *offset);

#endif
