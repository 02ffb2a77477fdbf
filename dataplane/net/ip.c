#include "dataplane/net/ip.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/icmp6.h"

static enum net_verdict drop(struct net *net, struct rte_mbuf *packet, enum dp_counter reason)
{
	net_count(net, reason);
	rte_pktmbuf_free(packet);
	return NET_DONE;
}

/* Cuts what the link layer added to reach its minimum. False when bytes are missing. */
static bool trim(struct rte_mbuf *packet, uint32_t length)
{
	if (packet->pkt_len < length) {
		return false;
	}
	uint32_t padding = packet->pkt_len - length;
	/* Padding that fills more than the last segment was put there on purpose. */
	return padding == 0 ||
	       (padding < UINT16_MAX && rte_pktmbuf_trim(packet, (uint16_t)padding) == 0);
}

/* The header must lie in the first segment. 0 when the packet is not whole. */
static uint32_t ipv4_header(struct rte_mbuf *packet)
{
	if (packet->data_len < sizeof(struct rte_ipv4_hdr)) {
		return 0;
	}
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *);
	uint32_t header = (ip->version_ihl & 0x0fu) * 4u;
	uint32_t length = rte_be_to_cpu_16(ip->total_length);

	if (ip->version_ihl >> 4 != 4 || header < sizeof(*ip) || length < header ||
	    packet->data_len < header || !trim(packet, length)) {
		return 0;
	}
	return header;
}

/*
 * TCP checks the header's checksum and refuses fragments itself, where it counts them by reason.
 */
static enum net_verdict ipv4_icmp(struct net *net, struct rte_mbuf *packet, uint32_t header)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *);

	if (rte_raw_cksum(ip, header) != 0xffff) {
		return drop(net, packet, DP_COUNTER_drop_malformed);
	}
	if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) {
		return drop(net, packet, DP_COUNTER_drop_fragment);
	}
	return net_icmp_input(net, packet, header);
}

enum net_verdict net_ipv4_input(struct net *net, struct rte_mbuf *packet)
{
	uint32_t header = ipv4_header(packet);

	if (header == 0) {
		return drop(net, packet, DP_COUNTER_drop_malformed);
	}
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *);
	struct in6_addr to = net_addr_from_ipv4(ip->dst_addr);
	if (!net_iface_is_ours(net->iface, &to)) {
		return drop(net, packet, DP_COUNTER_drop_not_ours);
	}
	switch (ip->next_proto_id) {
	case IPPROTO_TCP:
		return NET_TCP;
	case IPPROTO_ICMP:
		return ipv4_icmp(net, packet, header);
	default:
		return drop(net, packet, DP_COUNTER_drop_protocol);
	}
}

static bool ipv6_is_whole(struct rte_mbuf *packet)
{
	if (packet->data_len < sizeof(struct rte_ipv6_hdr)) {
		return false;
	}
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv6_hdr *);
	uint32_t length = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);

	return rte_be_to_cpu_32(ip->vtc_flow) >> 28 == 6 && trim(packet, length);
}

uint8_t net_ipv6_protocol(const struct rte_mbuf *frame, uint32_t at, uint32_t *offset)
{
	uint8_t protocol = rte_pktmbuf_mtod_offset(frame, const struct rte_ipv6_hdr *, at)->proto;

	at += (uint32_t)sizeof(struct rte_ipv6_hdr);
	*offset = at;
	for (uint32_t i = 0; i < NET_IPV6_EXTENSIONS; i++) {
		const uint8_t *options = rte_pktmbuf_mtod_offset(frame, const uint8_t *, at);

		if ((protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_DSTOPTS) ||
		    frame->data_len < at + 8) {
			break;
		}
		at += 8u + options[1] * 8u;
		if (frame->data_len < at) {
			break;
		}
		protocol = options[0];
		*offset = at;
	}
	return protocol;
}

/* Why an IPv6 packet is refused whose payload is of this protocol. */
static enum dp_counter refusal(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_FRAGMENT:
		return DP_COUNTER_drop_fragment;
	case IPPROTO_HOPOPTS:
	case IPPROTO_DSTOPTS:
	case IPPROTO_ROUTING:
		return DP_COUNTER_drop_extension;
	default:
		return DP_COUNTER_drop_protocol;
	}
}

enum net_verdict net_ipv6_input(struct net *net, struct rte_mbuf *packet)
{
	uint32_t offset;

	if (!ipv6_is_whole(packet)) {
		return drop(net, packet, DP_COUNTER_drop_malformed);
	}
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(packet, const struct rte_ipv6_hdr *);
	struct in6_addr to = net_addr_from_bytes(ip->dst_addr);
	bool ours = net_iface_is_ours(net->iface, &to) && !net_addr_is_ipv4(&to);
	if (!ours && !(to.s6_addr[0] == 0xff && net_iface_in_group(net->iface, &to))) {
		return drop(net, packet, DP_COUNTER_drop_not_ours);
	}
	uint8_t protocol = net_ipv6_protocol(packet, 0, &offset);
	if (protocol == IPPROTO_ICMPV6) {
		return net_icmp6_input(net, packet, offset);
	}
	if (protocol == IPPROTO_TCP && ours) {
		return NET_TCP;
	}
	return drop(net, packet, refusal(protocol));
}

void net_ip_learn(struct net *net, struct rte_mbuf *packet, bool v6)
{
	uint32_t offset = v6 ? 0 : ipv4_header(packet);

	if (!v6 && offset != 0) {
		net_icmp_learn(net, packet, offset);
	}
	if (v6 && ipv6_is_whole(packet) &&
	    net_ipv6_protocol(packet, 0, &offset) == IPPROTO_ICMPV6) {
		net_icmp6_learn(net, packet, offset);
	}
}
