#include "edge.h"

#include <stdio.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "world.h"

/* The window scale that a SYN offers, 0 without. */
static uint8_t offered_scale(const struct rte_tcp_hdr *tcp)
{
	const uint8_t *option = (const uint8_t *)(tcp + 1);
	const uint8_t *end = (const uint8_t *)tcp + (size_t)(tcp->data_off >> 4) * 4;

	while (option < end && *option != 0) {
		if (*option == 3) {
			return option[2];
		}
		option += *option == 1 ? 1 : option[1];
	}
	return 0;
}

static void trace(const struct world *world, uint32_t side, const struct rte_tcp_hdr *tcp,
		  uint32_t len)
{
	uint8_t flags = tcp->tcp_flags;

	(void)printf("%llu.%06llu %s %u>%u %s%s%s%s%s seq=%u len=%u ack=%u wnd=%u doff=%u\n",
		     (unsigned long long)(world->now_us - world->start_us) / 1000000,
		     (unsigned long long)(world->now_us - world->start_us) % 1000000,
		     side == 0 ? "0->1" : "1->0", rte_be_to_cpu_16(tcp->src_port),
		     rte_be_to_cpu_16(tcp->dst_port), flags & RTE_TCP_SYN_FLAG ? "S" : "",
		     flags & RTE_TCP_FIN_FLAG ? "F" : "", flags & RTE_TCP_RST_FLAG ? "R" : "",
		     flags & RTE_TCP_PSH_FLAG ? "P" : "", flags & RTE_TCP_ACK_FLAG ? "." : "",
		     rte_be_to_cpu_32(tcp->sent_seq), len, rte_be_to_cpu_32(tcp->recv_ack),
		     rte_be_to_cpu_16(tcp->rx_win), tcp->data_off >> 4);
}

void edge_check(struct world *world, uint32_t side, struct rte_mbuf *packet)
{
	uint32_t ip_len = (*rte_pktmbuf_mtod(packet, uint8_t *) >> 4) == 6 ? 40 : 20;
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, ip_len);
	struct flow *flow = world_find_flow(world, side, rte_be_to_cpu_16(tcp->src_port),
					    rte_be_to_cpu_16(tcp->dst_port));
	uint32_t edge = rte_be_to_cpu_32(tcp->recv_ack);

	if (world->trace) {
		trace(world, side, tcp, packet->pkt_len - ip_len - (tcp->data_off >> 4) * 4U);
	}
	if (packet->pkt_len > 1500) {
		world_fail(world, "a packet of %u bytes", packet->pkt_len);
	}
	if (flow == NULL || tcp->tcp_flags & RTE_TCP_RST_FLAG) {
		return;
	}
	if (tcp->tcp_flags & RTE_TCP_SYN_FLAG) {
		flow->wscale[side] = offered_scale(tcp);
		return;
	}
	edge += (uint32_t)rte_be_to_cpu_16(tcp->rx_win) << flow->wscale[side];
	if (flow->edge_valid[side] && (int32_t)(edge - flow->right_edge[side]) < 0) {
		world_fail(world, "flow %u: window edge moved left by %u", flow->id,
			   flow->right_edge[side] - edge);
	}
	flow->edge_valid[side] = true;
	flow->right_edge[side] = edge;
}
