#include "dataplane/net/icmp6.h"

#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/ndp.h"

#define UNREACHABLE       1u
#define TOO_BIG           2u
#define TIME_EXCEEDED     3u
#define PARAMETER_PROBLEM 4u
#define ECHO_REQUEST      128u
#define ECHO_REPLY        129u

#define PORT_UNREACHABLE  4u /* code of UNREACHABLE */
#define UNKNOWN_HEADER    1u /* code of PARAMETER_PROBLEM: they have no TCP */

/* Fills `icmp` and checks the checksum (RFC 4443 2.3). */
static bool parse(const struct rte_mbuf *packet, uint32_t offset, struct net_icmp6 *icmp)
{
	if (packet->nb_segs != 1 || packet->data_len < offset + 8) {
		return false;
	}
	icmp->ip = rte_pktmbuf_mtod(packet, const struct rte_ipv6_hdr *);
	icmp->data = rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset);
	icmp->length = packet->data_len - offset;

	/* The pseudo header has the length and protocol of ICMPv6, whatever stood in between. */
	struct rte_ipv6_hdr pseudo = *icmp->ip;
	pseudo.payload_len = rte_cpu_to_be_16((uint16_t)icmp->length);
	pseudo.proto = IPPROTO_ICMPV6;
	uint32_t sum = rte_ipv6_phdr_cksum(&pseudo, 0);
	sum += rte_raw_cksum(icmp->data, icmp->length);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum == 0xffff;
}

void net_icmp6_finish(struct rte_ipv6_hdr *ip, const struct in6_addr *source,
		      const struct in6_addr *to, uint16_t length)
{
	uint8_t *checksum = (uint8_t *)(ip + 1) + 2;
	uint16_t value;

	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = RTE_BE32(0x60000000),
		.payload_len = rte_cpu_to_be_16(length),
		.proto = IPPROTO_ICMPV6,
		.hop_limits = 255,
	};
	memcpy(ip->src_addr, source, sizeof(*source));
	memcpy(ip->dst_addr, to, sizeof(*to));
	memset(checksum, 0, sizeof(value));
	value = rte_ipv6_udptcp_cksum(ip, ip + 1);
	memcpy(checksum, &value, sizeof(value));
}

/* RFC 4443 4.2. A request to a group is not answered, so that nobody can multiply packets by us. */
static void answer_echo(struct net *net, struct rte_mbuf *packet, uint32_t offset)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv6_hdr *);
	struct in6_addr from = net_addr_from_bytes(ip->src_addr);
	struct in6_addr to = net_addr_from_bytes(ip->dst_addr);

	/* An IPv4-mapped source would be answered at an IPv4 neighbour. */
	if (offset != sizeof(*ip) || IN6_IS_ADDR_MULTICAST(&to) || !net_addr_is_unicast(&from) ||
	    net_addr_is_ipv4(&from) || net_iface_is_ours(net->iface, &from)) {
		net_count(net, DP_COUNTER_icmp_other);
		rte_pktmbuf_free(packet);
		return;
	}
	if (!net_allow(net, NET_LIMIT_ECHO)) {
		rte_pktmbuf_free(packet);
		return;
	}
	*rte_pktmbuf_mtod_offset(packet, uint8_t *, offset) = ECHO_REPLY;
	net_icmp6_finish(ip, &to, &from, (uint16_t)(packet->data_len - offset));
	packet->ol_flags = 0;
	net_count(net, DP_COUNTER_icmp_echoes);
	net_output(net, &packet, 1);
}

/* RFC 4443 section 3; the message is whole. False for what is no error. */
static bool read_error(const struct net_icmp6 *icmp, struct tcp_icmp *error)
{
	uint32_t mtu;

	*error = (struct tcp_icmp){
		.kind = TCP_ICMP_SOFT, .quoted = icmp->data + 8, .quoted_len = icmp->length - 8};
	switch (icmp->data[0]) {
	case TOO_BIG:
		error->kind = TCP_ICMP_TOO_BIG;
		memcpy(&mtu, icmp->data + 4, sizeof(mtu));
		error->mtu = rte_be_to_cpu_32(mtu);
		return true;
	case UNREACHABLE:
		error->kind = icmp->data[1] == PORT_UNREACHABLE ? TCP_ICMP_HARD : TCP_ICMP_SOFT;
		return true;
	case PARAMETER_PROBLEM:
		error->kind = icmp->data[1] == UNKNOWN_HEADER ? TCP_ICMP_HARD : TCP_ICMP_SOFT;
		return true;
	default:
		return icmp->data[0] == TIME_EXCEEDED;
	}
}

enum net_verdict net_icmp6_input(struct net *net, struct rte_mbuf *packet, uint32_t offset)
{
	struct net_icmp6 icmp;
	struct tcp_icmp error;

	if (!parse(packet, offset, &icmp)) {
		net_count(net, DP_COUNTER_drop_malformed);
		rte_pktmbuf_free(packet);
		return NET_DONE;
	}
	if (read_error(&icmp, &error)) {
		if (!net_icmp_tell(net, &error)) {
			return NET_TEACH;
		}
		rte_pktmbuf_free(packet);
		return NET_DONE;
	}
	switch (icmp.data[0]) {
	case ECHO_REQUEST:
		answer_echo(net, packet, offset);
		return NET_DONE;
	case NDP_SOLICITATION:
	case NDP_ADVERTISEMENT:
		if (net_ndp_input(net, &icmp, true)) {
			return NET_TEACH;
		}
		break;
	default:
		net_count(net, DP_COUNTER_icmp_other);
		break;
	}
	rte_pktmbuf_free(packet);
	return NET_DONE;
}

void net_icmp6_learn(struct net *net, const struct rte_mbuf *packet, uint32_t offset)
{
	struct net_icmp6 icmp;
	struct tcp_icmp error;

	if (!parse(packet, offset, &icmp)) {
		return;
	}
	if (read_error(&icmp, &error)) {
		(void)net_icmp_tell(net, &error);
	} else if (icmp.data[0] == NDP_SOLICITATION || icmp.data[0] == NDP_ADVERTISEMENT) {
		(void)net_ndp_input(net, &icmp, false);
	}
}
