#include "dataplane/net/icmp.h"

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"

/* Types, and codes of UNREACHABLE. */
#define UNREACHABLE          3u
#define TIME_EXCEEDED        11u
#define PARAMETER_PROBLEM    12u
#define PROTOCOL_UNREACHABLE 2u
#define PORT_UNREACHABLE     3u
#define FRAGMENTATION_NEEDED 4u

/* RFC 1122 3.2.2.6: source and destination change places, the data comes back as it was. */
static void answer_echo(struct net *net, struct rte_mbuf *packet, uint32_t offset)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);
	struct rte_icmp_hdr *icmp = rte_pktmbuf_mtod_offset(packet, struct rte_icmp_hdr *, offset);
	uint32_t from = ip->src_addr;

	ip->src_addr = ip->dst_addr;
	ip->dst_addr = from;
	ip->time_to_live = 64;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = (uint16_t)~rte_raw_cksum(ip, offset);
	icmp->icmp_type = RTE_IP_ICMP_ECHO_REPLY;
	icmp->icmp_cksum = 0;
	icmp->icmp_cksum = (uint16_t)~rte_raw_cksum(icmp, packet->data_len - offset);
	packet->ol_flags = 0;
	net_count(net, DP_COUNTER_icmp_echoes);
	net_output(net, &packet, 1);
}

/*
 * RFC 1122 3.2.2: what an error means, and the packet that it quotes. False for what is none; a
 * source quench is none (RFC 6633).
 */
static bool read_error(const uint8_t *icmp, uint32_t length, struct tcp_icmp *error)
{
	*error = (struct tcp_icmp){
		.kind = TCP_ICMP_SOFT, .quoted = icmp + 8, .quoted_len = length - 8};
	switch (icmp[0]) {
	case UNREACHABLE:
		if (icmp[1] == PROTOCOL_UNREACHABLE || icmp[1] == PORT_UNREACHABLE) {
			error->kind = TCP_ICMP_HARD;
		} else if (icmp[1] == FRAGMENTATION_NEEDED) {
			error->kind = TCP_ICMP_TOO_BIG;
			error->mtu = (uint32_t)(icmp[6] << 8 | icmp[7]); /* RFC 1191 section 4 */
		}
		return true;
	case TIME_EXCEEDED:
	case PARAMETER_PROBLEM:
		return true;
	default:
		return false;
	}
}

bool net_icmp_tell(struct net *net, const struct tcp_icmp *error)
{
	if (net->icmp_error == NULL || !net_allow(net, NET_LIMIT_ICMP_ERROR)) {
		return true;
	}
	net_count(net, DP_COUNTER_icmp_errors);
	return net->icmp_error(net->app, error);
}

static bool is_whole(const struct rte_mbuf *packet, uint32_t offset)
{
	return packet->nb_segs == 1 && packet->data_len >= offset + sizeof(struct rte_icmp_hdr) &&
	       rte_raw_cksum(rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset),
			     packet->data_len - offset) == 0xffff;
}

/* Options are not answered: a source route would have to be reversed (RFC 1122 3.2.2.6). */
static bool may_answer(const struct net *net, const struct rte_mbuf *packet, uint32_t offset)
{
	struct in6_addr from =
		net_addr_from_ipv4(rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *)->src_addr);

	return *rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset) ==
		       RTE_IP_ICMP_ECHO_REQUEST &&
	       offset == sizeof(struct rte_ipv4_hdr) && net_addr_is_unicast(&from) &&
	       !net_iface_is_ours(net->iface, &from);
}

enum net_verdict net_icmp_input(struct net *net, struct rte_mbuf *packet, uint32_t offset)
{
	struct tcp_icmp error;

	if (!is_whole(packet, offset)) {
		net_count(net, DP_COUNTER_drop_malformed);
	} else if (read_error(rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset),
			      packet->data_len - offset, &error)) {
		if (!net_icmp_tell(net, &error)) {
			return NET_TEACH;
		}
	} else if (!may_answer(net, packet, offset)) {
		net_count(net, DP_COUNTER_icmp_other);
	} else if (net_allow(net, NET_LIMIT_ECHO)) {
		answer_echo(net, packet, offset);
		return NET_DONE;
	}
	rte_pktmbuf_free(packet);
	return NET_DONE;
}

void net_icmp_learn(struct net *net, const struct rte_mbuf *packet, uint32_t offset)
{
	struct tcp_icmp error;

	if (is_whole(packet, offset) &&
	    read_error(rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset),
		       packet->data_len - offset, &error)) {
		(void)net_icmp_tell(net, &error);
	}
}
