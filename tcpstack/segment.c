#include "segment.h"

#include <errno.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "checksum.h"
#include "stack.h"

#define IPV6_EXTENSIONS_MAX 4

/* Where the parser stands; the first mbuf holds all headers, or the packet is refused. */
struct cursor {
	struct rte_mbuf *packet;
	const uint8_t *data;
	uint32_t available; /* bytes in the first mbuf */
	uint32_t ip_len;    /* of the whole packet, from the IP header */
	uint32_t l4_offset;
	uint8_t ecn;
	const struct tcp_segment *before;
	struct in6_addr source;
	struct in6_addr destination;
};

static void map_v4(struct in6_addr *addr, uint32_t v4_be)
{
	memset(addr, 0, sizeof(*addr));
	addr->s6_addr[10] = 0xff;
	addr->s6_addr[11] = 0xff;
	memcpy(&addr->s6_addr[12], &v4_be, sizeof(v4_be));
}

static bool v4_source_valid(uint32_t source_be)
{
	uint32_t source = rte_be_to_cpu_32(source_be);

	/* RFC 1122 3.2.1.3: not 0/8, 127/8, multicast, reserved or broadcast. */
	return source >> 24 != 0 && source >> 24 != 127 && source >> 28 < 0xe;
}

static bool v6_source_valid(const struct in6_addr *source)
{
	return !IN6_IS_ADDR_MULTICAST(source) && !IN6_IS_ADDR_UNSPECIFIED(source) &&
	       !IN6_IS_ADDR_LOOPBACK(source) && !IN6_IS_ADDR_V4MAPPED(source);
}

static bool ip_checksum_bad(const struct rte_mbuf *packet, const struct rte_ipv4_hdr *ip)
{
	uint64_t flags = packet->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;

	if (flags == RTE_MBUF_F_RX_IP_CKSUM_BAD) {
		return true;
	}
	/* NONE: the field is not filled, the header was verified (a virtual port). */
	return flags != RTE_MBUF_F_RX_IP_CKSUM_GOOD && flags != RTE_MBUF_F_RX_IP_CKSUM_NONE &&
	       rte_raw_cksum(ip, rte_ipv4_hdr_len(ip)) != 0xffff;
}

static int parse_v4(struct tcp_stack *stack, struct cursor *at)
{
	const struct rte_ipv4_hdr *ip = (const void *)at->data;

	if (at->available < sizeof(*ip) || rte_ipv4_hdr_len(ip) < sizeof(*ip) ||
	    rte_ipv4_hdr_len(ip) > at->available || ip->next_proto_id != IPPROTO_TCP) {
		tcp_count(stack, drop_short);
		return -EINVAL;
	}
	if (ip_checksum_bad(at->packet, ip)) {
		tcp_count(stack, drop_ip_checksum);
		return -EBADMSG;
	}
	if (ip->fragment_offset &
	    rte_cpu_to_be_16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) {
		tcp_count(stack, drop_fragment);
		return -EINVAL;
	}
	if (!v4_source_valid(ip->src_addr)) {
		tcp_count(stack, drop_bad_source);
		return -EINVAL;
	}
	at->ip_len = rte_be_to_cpu_16(ip->total_length);
	at->l4_offset = rte_ipv4_hdr_len(ip);
	at->ecn = ip->type_of_service & 3;
	map_v4(&at->source, ip->src_addr);
	map_v4(&at->destination, ip->dst_addr);
	return 0;
}

/* Skips hop-by-hop and destination options; what else may come in front of TCP is refused. */
static int skip_extensions(struct tcp_stack *stack, struct cursor *at, uint8_t next)
{
	for (unsigned int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		const uint8_t *extension = at->data + at->l4_offset;

		if (next == IPPROTO_TCP) {
			return 0;
		}
		if (next == IPPROTO_FRAGMENT) {
			tcp_count(stack, drop_fragment);
			return -EINVAL;
		}
		if ((next != IPPROTO_HOPOPTS && next != IPPROTO_DSTOPTS) ||
		    at->l4_offset + 8 > at->available) {
			break;
		}
		next = extension[0];
		at->l4_offset += (extension[1] + 1U) * 8;
	}
	tcp_count(stack, drop_short);
	return -EINVAL;
}

static int parse_v6(struct tcp_stack *stack, struct cursor *at)
{
	const struct rte_ipv6_hdr *ip = (const void *)at->data;

	if (at->available < sizeof(*ip)) {
		tcp_count(stack, drop_short);
		return -EINVAL;
	}
	memcpy(&at->source, ip->src_addr, sizeof(at->source));
	memcpy(&at->destination, ip->dst_addr, sizeof(at->destination));
	if (!v6_source_valid(&at->source)) {
		tcp_count(stack, drop_bad_source);
		return -EINVAL;
	}
	at->ip_len = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
	at->l4_offset = sizeof(*ip);
	at->ecn = rte_be_to_cpu_32(ip->vtc_flow) >> 20 & 3;
	return skip_extensions(stack, at, ip->proto);
}

static bool tcp_checksum_bad(const struct cursor *at, bool v6)
{
	struct rte_mbuf *packet = at->packet;
	uint64_t flags = packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	if (flags == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
		return true;
	}
	/* NONE: the checksum field is not filled, the data were verified (a virtual port). */
	if (flags == RTE_MBUF_F_RX_L4_CKSUM_GOOD || flags == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
		return false;
	}
	return checksum_sum(packet, at->l4_offset, v6) != 0xffff;
}

/* Cuts padding behind the IP packet (Ethernet's minimum) off. */
static void trim_padding(struct rte_mbuf *packet, uint32_t ip_len)
{
	struct tcp_chain chain;

	if (packet->pkt_len > ip_len) {
		chain = chain_of(packet);
		chain_keep(&chain, ip_len);
		(void)chain_seal(&chain, ip_len);
	}
}

static int find_local(struct tcp_stack *stack, const struct cursor *at, struct tcp_segment *seg)
{
	int local = stack_find_address(stack, &at->destination);

	if (local < 0) {
		tcp_count(stack, drop_not_ours);
		return -EADDRNOTAVAIL;
	}
	/* A packet from ourselves to ourselves (LAND), or from port 0, cannot be answered. */
	if (seg->key.remote_port == 0 ||
	    (seg->key.remote_port == seg->key.local_port &&
	     memcmp(&at->source, &at->destination, sizeof(at->source)) == 0)) {
		tcp_count(stack, drop_bad_source);
		return -EINVAL;
	}
	seg->key.remote = at->source;
	seg->key.local = (uint16_t)local;
	seg->key.zero = 0;
	seg->hash = at->before != NULL && tcp_key_equal(&at->before->key, &seg->key)
			    ? at->before->hash
			    : stack_hash(stack, &seg->key);
	return 0;
}

/*
 * Of the segments that the port merged (LRO), which may say how large they were. Where it does not,
 * what is more than a segment can hold was made of full-sized ones.
 */
static uint32_t largest_of(const struct tcp_stack *stack, const struct rte_mbuf *packet,
			   const struct tcp_segment *seg)
{
	uint32_t full = stack->mss[0];

	if (packet->ol_flags & RTE_MBUF_F_RX_LRO && packet->tso_segsz != 0) {
		return seg->len < packet->tso_segsz ? seg->len : packet->tso_segsz;
	}
	if (seg->len <= full) {
		return seg->len;
	}
	return full - (seg->opt.flags & TCP_OPT_TIMESTAMPS ? TCP_TIMESTAMP_LEN : 0);
}

static int parse_tcp(struct tcp_stack *stack, struct cursor *at, struct tcp_segment *seg)
{
	const struct rte_tcp_hdr *tcp = (const void *)(at->data + at->l4_offset);
	uint32_t header = (uint32_t)(tcp->data_off >> 4) * 4;
	uint32_t payload = at->l4_offset + header;

	if (header < sizeof(*tcp) || payload > at->available || payload > at->ip_len) {
		tcp_count(stack, drop_short);
		return -EINVAL;
	}
	if (tcp_options_parse((const uint8_t *)(tcp + 1), header - (uint32_t)sizeof(*tcp),
			      &seg->opt) < 0) {
		tcp_count(stack, drop_bad_options);
		return -EINVAL;
	}
	seg->key.remote_port = rte_be_to_cpu_16(tcp->src_port);
	seg->key.local_port = rte_be_to_cpu_16(tcp->dst_port);
	seg->seq = rte_be_to_cpu_32(tcp->sent_seq);
	seg->ack = rte_be_to_cpu_32(tcp->recv_ack);
	seg->wnd = rte_be_to_cpu_16(tcp->rx_win);
	seg->flags = tcp->tcp_flags;
	seg->ecn = at->ecn;
	seg->len = at->ip_len - payload;
	seg->largest = largest_of(stack, at->packet, seg);
	return find_local(stack, at, seg);
}

static void take_payload(struct rte_mbuf *packet, uint32_t headers, struct tcp_segment *seg)
{
	seg->payload = chain_of(packet);
	if (seg->len == 0) {
		chain_free(&seg->payload);
		return;
	}
	chain_trim_head(&seg->payload, headers);
}

int tcp_segment_parse(struct tcp_stack *stack, struct rte_mbuf *packet,
		      const struct tcp_segment *before, struct tcp_segment *seg)
{
	struct cursor at = {.packet = packet,
			    .before = before,
			    .data = rte_pktmbuf_mtod(packet, const uint8_t *),
			    .available = packet->data_len};
	bool v6 = at.available > 0 && at.data[0] >> 4 == 6;
	int rc = v6 ? parse_v6(stack, &at) : parse_v4(stack, &at);

	tcp_count(stack, rx_segments);
	if (rc < 0) {
		return rc;
	}
	if (at.ip_len > packet->pkt_len ||
	    at.l4_offset + sizeof(struct rte_tcp_hdr) > at.available ||
	    at.l4_offset + sizeof(struct rte_tcp_hdr) > at.ip_len) {
		tcp_count(stack, drop_short);
		return -EINVAL;
	}
	trim_padding(packet, at.ip_len);
	if (tcp_checksum_bad(&at, v6)) {
		tcp_count(stack, drop_tcp_checksum);
		return -EBADMSG;
	}
	rc = parse_tcp(stack, &at, seg);
	if (rc == 0) {
		take_payload(packet, packet->pkt_len - seg->len, seg);
	}
	return rc;
}
