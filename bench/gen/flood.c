#include "bench/gen/flood.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "bench/common/rng.h"
#include "control/config/address.h"

#define PORT_FIRST  1024u
#define PORT_OWN    32768u /* TCP's own ports begin here */
#define PORT_COUNT  28232u
#define MILLION     UINT64_C(1000000)
#define IPV6_HEADER 40u
#define GARBAGE_MAX 600u
#define SYN_OPTIONS 4u    /* maximum segment size 1460 */
#define BEHIND_MAX  1024u /* packets: a rate that cannot be kept is not caught up with */

int flood_kind_parse(const char *text, enum flood_kind *kind)
{
	static const char *const names[] = {"", "syn", "ack", "rst", "garbage"};

	for (uint32_t i = FLOOD_SYN; i <= FLOOD_GARBAGE; i++) {
		if (strcmp(text, names[i]) == 0) {
			*kind = (enum flood_kind)i;
			return 0;
		}
	}
	return -1;
}

static void put_tcp(struct flood *f, struct rte_tcp_hdr *tcp, uint32_t header)
{
	static const uint8_t flags[] = {0, RTE_TCP_SYN_FLAG, RTE_TCP_ACK_FLAG, RTE_TCP_RST_FLAG, 0};
	static const uint8_t mss[SYN_OPTIONS] = {2, 4, 1460 >> 8, 1460 & 0xff};
	uint32_t port = f->kind == FLOOD_RST
				? PORT_OWN + rng_below(&f->random, PORT_COUNT)
				: PORT_FIRST + rng_below(&f->random, PORT_OWN - PORT_FIRST);

	*tcp = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16((uint16_t)port),
		.dst_port = rte_cpu_to_be_16(f->to.port),
		.sent_seq = (uint32_t)rng_next(&f->random),
		.recv_ack = f->kind == FLOOD_ACK ? (uint32_t)rng_next(&f->random) : 0,
		.data_off = (uint8_t)(header / 4 << 4),
		.tcp_flags = flags[f->kind],
		.rx_win = RTE_BE16(65535),
	};
	if (f->kind == FLOOD_SYN) {
		memcpy(tcp + 1, mss, sizeof(mss));
	}
}

static void put_garbage(struct flood *f, uint8_t *at, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		at[i] = (uint8_t)rng_next(&f->random);
	}
	/* Every other one aims at the port that listens, from one whose answers we know. */
	if (len >= sizeof(struct rte_tcp_hdr) && (rng_next(&f->random) & 1) != 0) {
		struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(void *)at;

		tcp->src_port &= RTE_BE16(0x7fff);
		tcp->dst_port = rte_cpu_to_be_16(f->to.port);
	}
}

static void put_ipv4(const struct flood *f, struct rte_ipv4_hdr *ip, uint32_t len)
{
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + len)),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
	};
	memcpy(&ip->src_addr, &f->from.s6_addr[12], sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, &f->to.addr.s6_addr[12], sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void put_ipv6(const struct flood *f, struct rte_ipv6_hdr *ip, uint32_t len)
{
	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = RTE_BE32(6u << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)len),
		.proto = IPPROTO_TCP,
		.hop_limits = 64,
	};
	memcpy(ip->src_addr, &f->from, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, &f->to.addr, sizeof(ip->dst_addr));
}

/* The checksum is right, but for every other piece of garbage: those get past its check. */
static void finish(struct flood *f, char *ip, struct rte_tcp_hdr *tcp, uint32_t len, bool v4)
{
	if (len < sizeof(*tcp) || (f->kind == FLOOD_GARBAGE && (rng_next(&f->random) & 1) != 0)) {
		return;
	}
	tcp->cksum = 0;
	tcp->cksum = v4 ? rte_ipv4_udptcp_cksum((const struct rte_ipv4_hdr *)(void *)ip, tcp)
			: rte_ipv6_udptcp_cksum((const struct rte_ipv6_hdr *)(void *)ip, tcp);
}

static struct rte_mbuf *make(struct flood *f)
{
	bool v4 = address_is_v4(&f->to.addr);
	uint32_t ip_len = v4 ? sizeof(struct rte_ipv4_hdr) : sizeof(struct rte_ipv6_hdr);
	uint32_t len = (uint32_t)sizeof(struct rte_tcp_hdr);
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->pool);

	if (m == NULL) {
		return NULL;
	}
	len += f->kind == FLOOD_SYN ? SYN_OPTIONS : 0;
	len = f->kind == FLOOD_GARBAGE ? rng_below(&f->random, GARBAGE_MAX) : len;
	char *ip = rte_pktmbuf_append(m, (uint16_t)(ip_len + len));
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(void *)(ip + ip_len);
	if (v4) {
		put_ipv4(f, (struct rte_ipv4_hdr *)(void *)ip, len);
	} else {
		put_ipv6(f, (struct rte_ipv6_hdr *)(void *)ip, len);
	}
	if (f->kind == FLOOD_GARBAGE) {
		put_garbage(f, (uint8_t *)tcp, len);
	} else {
		put_tcp(f, tcp, len);
	}
	finish(f, ip, tcp, len, v4);
	return m;
}

uint32_t flood_make(struct flood *f, struct rte_mbuf **packets, uint32_t max, uint64_t now_us)
{
	uint64_t due;
	uint32_t n = 0;

	if (f->kind == FLOOD_NONE || !f->running) {
		return 0;
	}
	f->begin_us = f->begin_us != 0 ? f->begin_us : now_us;
	due = (now_us - f->begin_us) * f->rate_pps / MILLION;
	if (due > f->sent + BEHIND_MAX) {
		f->begin_us = now_us - f->sent * MILLION / f->rate_pps;
		due = f->sent + max;
	}
	while (n < max && f->sent < due && (packets[n] = make(f)) != NULL) {
		n++;
		f->sent++;
	}
	return n;
}

/* IPv4 headers with options and IPv6 extension headers do not come from where we flood. */
bool flood_is_answer(const struct flood *f, const struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t header = *ip >> 4 == 4 ? (*ip & 0x0fu) * 4u : IPV6_HEADER;
	const struct rte_tcp_hdr *tcp;

	if (f->kind == FLOOD_NONE || f->kind == FLOOD_RST ||
	    packet->data_len < header + sizeof(*tcp)) {
		return false;
	}
	tcp = rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, header);
	return rte_be_to_cpu_16(tcp->dst_port) < PORT_OWN;
}
