#include "packet.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "checksum.h"
#include "stack.h"

#define TTL 64

static uint32_t tcp_header_len(const struct tcp_header *header)
{
	return (uint32_t)sizeof(struct rte_tcp_hdr) + tcp_options_len(&header->opt);
}

uint32_t packet_header_len(const struct tcp_header *header)
{
	return packet_ip_len(header->key) + tcp_header_len(header);
}

struct rte_mbuf *packet_begin(struct tcp_stack *stack, const struct tcp_header *header)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(stack->config.header_pool);

	if (packet == NULL) {
		tcp_count(stack, drop_no_mbuf);
		return NULL;
	}
	packet->data_len = (uint16_t)packet_header_len(header);
	packet->pkt_len = packet->data_len;
	return packet;
}

static void fill_tcp(struct rte_tcp_hdr *tcp, const struct tcp_header *header)
{
	tcp->src_port = rte_cpu_to_be_16(header->key->local_port);
	tcp->dst_port = rte_cpu_to_be_16(header->key->remote_port);
	tcp->sent_seq = rte_cpu_to_be_32(header->seq);
	tcp->recv_ack = rte_cpu_to_be_32(header->ack);
	tcp->data_off = (uint8_t)(tcp_header_len(header) / 4 << 4);
	tcp->tcp_flags = header->flags;
	tcp->rx_win = rte_cpu_to_be_16(header->wnd);
	tcp->cksum = 0;
	tcp->tcp_urp = 0;
	tcp_options_write(&header->opt, (uint8_t *)(tcp + 1));
}

static void fill_v4(struct tcp_stack *stack, struct rte_mbuf *packet,
		    const struct tcp_header *header)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv4_hdr *);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	uint64_t offloads = stack->config.offload_tx;

	*ip = (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
				    .type_of_service = header->ecn,
				    .total_length = rte_cpu_to_be_16((uint16_t)packet->pkt_len),
				    /* RFC 6864: an atomic datagram needs no identification. */
				    .fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
				    .time_to_live = TTL,
				    .next_proto_id = IPPROTO_TCP};
	memcpy(&ip->src_addr, &stack->addresses[header->key->local].s6_addr[12], 4);
	memcpy(&ip->dst_addr, &header->key->remote.s6_addr[12], 4);
	packet->ol_flags |= RTE_MBUF_F_TX_IPV4;
	if (offloads & RTE_MBUF_F_TX_IP_CKSUM) {
		packet->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	} else {
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	if (offloads & RTE_MBUF_F_TX_TCP_CKSUM) {
		packet->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		tcp->cksum = rte_ipv4_phdr_cksum(ip, packet->ol_flags);
	} else {
		tcp->cksum = checksum_field(packet, sizeof(*ip), false);
	}
}

static void fill_v6(struct tcp_stack *stack, struct rte_mbuf *packet,
		    const struct tcp_header *header)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(packet, struct rte_ipv6_hdr *);
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);

	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(6U << 28 | (uint32_t)header->ecn << 20),
		.payload_len = rte_cpu_to_be_16((uint16_t)(packet->pkt_len - sizeof(*ip))),
		.proto = IPPROTO_TCP,
		.hop_limits = TTL};
	memcpy(ip->src_addr, &stack->addresses[header->key->local], sizeof(ip->src_addr));
	memcpy(ip->dst_addr, &header->key->remote, sizeof(ip->dst_addr));
	packet->ol_flags |= RTE_MBUF_F_TX_IPV6;
	if (stack->config.offload_tx & RTE_MBUF_F_TX_TCP_CKSUM) {
		packet->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		tcp->cksum = rte_ipv6_phdr_cksum(ip, packet->ol_flags);
	} else {
		tcp->cksum = checksum_field(packet, sizeof(*ip), true);
	}
}

/* Before the checksums: that of the pseudo header is without the length then. */
static void ask_for_segments(struct tcp_stack *stack, struct rte_mbuf *packet,
			     const struct tcp_header *header)
{
	uint32_t payload = packet->pkt_len - packet_header_len(header);

	packet->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	packet->tso_segsz = header->segment;
	tcp_count_add(stack, tx_segments, (payload - 1) / header->segment);
	tcp_count(stack, tx_large);
}

void packet_end(struct tcp_stack *stack, struct rte_mbuf *packet, const struct tcp_header *header)
{
	uint32_t ip_len = packet_ip_len(header->key);

	if (header->segment != 0) {
		ask_for_segments(stack, packet, header);
	}

	packet->l3_len = ip_len & 0x1ff;
	packet->l4_len = tcp_header_len(header) & 0xff;
	fill_tcp(rte_pktmbuf_mtod_offset(packet, struct rte_tcp_hdr *, ip_len), header);
	if (tcp_key_is_v4(header->key)) {
		fill_v4(stack, packet, header);
	} else {
		fill_v6(stack, packet, header);
	}
	tcp_count(stack, tx_segments);
}
