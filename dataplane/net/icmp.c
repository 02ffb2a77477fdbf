#include "dataplane/net/icmp.h"

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "dataplane/net/addr.h"

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

void net_icmp_input(struct net *net, struct rte_mbuf *packet, uint32_t offset)
{
	struct in6_addr from =
		net_addr_from_ipv4(rte_pktmbuf_mtod(packet, const struct rte_ipv4_hdr *)->src_addr);

	if (packet->nb_segs != 1 || packet->data_len < offset + sizeof(struct rte_icmp_hdr)) {
		net_count(net, DP_COUNTER_drop_malformed);
		rte_pktmbuf_free(packet);
		return;
	}
	const uint8_t *data = rte_pktmbuf_mtod_offset(packet, const uint8_t *, offset);
	if (rte_raw_cksum(data, packet->data_len - offset) != 0xffff) {
		net_count(net, DP_COUNTER_drop_malformed);
		rte_pktmbuf_free(packet);
		return;
	}
	/* Options are not answered: a source route would have to be reversed (RFC 1122 3.2.2.6). */
	if (data[0] != RTE_IP_ICMP_ECHO_REQUEST || offset != sizeof(struct rte_ipv4_hdr) ||
	    !net_addr_is_unicast(&from) || net_iface_is_ours(net->iface, &from)) {
		net_count(net, DP_COUNTER_icmp_other);
		rte_pktmbuf_free(packet);
		return;
	}
	answer_echo(net, packet, offset);
}
