#include "bench/gen/forge.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "control/config/address.h"

#define SYN_OPTIONS 4u
#define MSS         1460u
#define TTL         64

static void put_ipv4(struct rte_ipv4_hdr *ip, const struct in6_addr *from,
		     const struct in6_addr *to, uint32_t len)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + len)),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_TCP,
	};
	memcpy(&ip->src_addr, &from->s6_addr[12], sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, &to->s6_addr[12], sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void put_ipv6(struct rte_ipv6_hdr *ip, const struct in6_addr *from,
		     const struct in6_addr *to, uint32_t len)
{
	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = RTE_BE32(6u << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)len),
		.proto = IPPROTO_TCP,
		.hop_limits = TTL,
	};
	memcpy(ip->src_addr, from, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, to, sizeof(ip->dst_addr));
}

static uint32_t ip_header(bool v4)
{
	return v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
}

struct rte_mbuf *forge_ip(struct rte_mempool *pool, const struct in6_addr *from,
			  const struct in6_addr *to, uint32_t len, void **tcp)
{
	bool v4 = address_is_v4(to);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *ip;

	if (m == NULL) {
		return NULL;
	}
	ip = rte_pktmbuf_append(m, (uint16_t)(ip_header(v4) + len));
	if (ip == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (v4) {
		put_ipv4((struct rte_ipv4_hdr *)(void *)ip, from, to, len);
	} else {
		put_ipv6((struct rte_ipv6_hdr *)(void *)ip, from, to, len);
	}
	*tcp = ip + ip_header(v4);
	return m;
}

void forge_checksum(struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *);
	bool v4 = *ip >> 4 == 4;
	struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(packet, struct rte_tcp_hdr *, ip_header(v4));

	tcp->cksum = 0;
	tcp->cksum = v4 ? rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)(const void *)ip, tcp)
			: rte_ipv6_udptcp_cksum((const struct rte_ipv6_hdr *)(const void *)ip, tcp);
}

struct rte_mbuf *forge(struct rte_mempool *pool, const struct forgery *f)
{
	static const uint8_t mss[SYN_OPTIONS] = {2, 4, MSS >> 8, MSS & 0xff};
	uint32_t options = f->flags & RTE_TCP_SYN_FLAG ? SYN_OPTIONS : 0;
	uint32_t header = (uint32_t)sizeof(struct rte_tcp_hdr) + options;
	void *at;
	struct rte_mbuf *m = forge_ip(pool, &f->from.addr, &f->to.addr, header + f->len, &at);
	struct rte_tcp_hdr *tcp = at;

	if (m == NULL) {
		return NULL;
	}
	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(f->from.port),
		.dst_port = rte_cpu_to_be_16(f->to.port),
		.sent_seq = rte_cpu_to_be_32(f->seq),
		.recv_ack = rte_cpu_to_be_32(f->ack),
		.data_off = (uint8_t)(header / 4 << 4),
		.tcp_flags = f->flags,
		.rx_win = rte_cpu_to_be_16(f->wnd),
	};
	memcpy(tcp + 1, mss, options);
	memset((uint8_t *)at + header, 0, f->len);
	forge_checksum(m);
	return m;
}
