#include "lro.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "network.h"

#define PACKET_MAX 65535

void lro_init(struct lro *lro, struct rng *rng)
{
	*lro = (struct lro){0};
	if (rng_chance(rng, 250)) {
		lro->len_max = rng_chance(rng, 500) ? PACKET_MAX : rng_range(rng, 2000, PACKET_MAX);
		lro->takes_last = rng_chance(rng, 300);
		lro->keeps_apart = rng_chance(rng, 500);
		lro->says_size = rng_chance(rng, 500);
	}
}

static uint32_t ip_len(const struct network_packet *packet)
{
	return packet->data[0] >> 4 == 6 ? 40 : 20;
}

static struct rte_tcp_hdr *tcp_of(const struct network_packet *packet)
{
	return (struct rte_tcp_hdr *)(uintptr_t)(packet->data + ip_len(packet));
}

static uint32_t headers(const struct network_packet *packet)
{
	return ip_len(packet) + (uint32_t)(tcp_of(packet)->data_off >> 4) * 4;
}

static uint32_t payload(const struct network_packet *packet)
{
	return packet->len - headers(packet);
}

/* Data without options other than timestamps, nothing wrong with it. */
static bool is_plain(const struct network_packet *packet)
{
	uint8_t flags;

	if (packet->too_big || packet->corrupt) {
		return false;
	}
	flags = tcp_of(packet)->tcp_flags;
	return (flags & ~RTE_TCP_PSH_FLAG) == RTE_TCP_ACK_FLAG && payload(packet) > 0 &&
	       headers(packet) - ip_len(packet) <= 32;
}

static bool says_the_same(const struct network_packet *a, const struct network_packet *b)
{
	const struct rte_tcp_hdr *one = tcp_of(a);
	const struct rte_tcp_hdr *other = tcp_of(b);

	return one->recv_ack == other->recv_ack && one->rx_win == other->rx_win &&
	       memcmp(one + 1, other + 1, headers(a) - ip_len(a) - sizeof(*one)) == 0;
}

/* Its traffic class, of which ECN is a part, is the same as well. */
static bool same_path(const struct network_packet *a, const struct network_packet *b)
{
	uint32_t at = ip_len(a) == 40 ? 8 : 12;

	return memcmp(a->data, b->data, 2) == 0 &&
	       memcmp(a->data + at, b->data + at, ip_len(a) - at) == 0 &&
	       memcmp(tcp_of(a), tcp_of(b), 4) == 0;
}

bool lro_may_merge(const struct lro *lro, const struct network_packet *packet,
		   const struct network_packet *next)
{
	uint32_t seq;

	if (packet->len + next->len > lro->len_max || !is_plain(packet) || !is_plain(next) ||
	    headers(packet) != headers(next) || !same_path(packet, next)) {
		return false;
	}
	/* What is shorter than the first ends it, and so does PSH. */
	if ((packet->merged > 0 && (packet->len - headers(packet)) % packet->merged != 0) ||
	    payload(next) > (packet->merged > 0 ? packet->merged : payload(packet)) ||
	    tcp_of(packet)->tcp_flags & RTE_TCP_PSH_FLAG) {
		return false;
	}
	seq = rte_be_to_cpu_32(tcp_of(packet)->sent_seq) + payload(packet);
	return rte_be_to_cpu_32(tcp_of(next)->sent_seq) == seq &&
	       (lro->takes_last || says_the_same(packet, next));
}

static void set_len(struct network_packet *packet)
{
	struct rte_ipv4_hdr *v4 = (struct rte_ipv4_hdr *)(void *)packet->data;
	struct rte_ipv6_hdr *v6 = (struct rte_ipv6_hdr *)(void *)packet->data;

	if (ip_len(packet) == 40) {
		v6->payload_len = rte_cpu_to_be_16((uint16_t)(packet->len - sizeof(*v6)));
	} else {
		v4->total_length = rte_cpu_to_be_16((uint16_t)packet->len);
	}
}

static void take_last(struct network_packet *packet, const struct network_packet *next)
{
	struct rte_tcp_hdr *tcp = tcp_of(packet);
	const struct rte_tcp_hdr *last = tcp_of(next);

	tcp->recv_ack = last->recv_ack;
	tcp->rx_win = last->rx_win;
	memcpy(tcp + 1, last + 1, headers(next) - ip_len(next) - sizeof(*tcp));
}

struct network_packet *lro_merge(const struct lro *lro, struct network_packet *packet,
				 const struct network_packet *next)
{
	uint32_t more = payload(next);

	if (packet->merged == 0) {
		packet->merged = payload(packet);
	}
	packet = realloc(packet, sizeof(*packet) + packet->len + more);
	if (packet == NULL) {
		abort();
	}
	memcpy(packet->data + packet->len, next->data + headers(next), more);
	packet->len += more;
	set_len(packet);
	tcp_of(packet)->tcp_flags |= tcp_of(next)->tcp_flags;
	if (lro->takes_last) {
		take_last(packet, next);
	}
	return packet;
}

uint32_t lro_apart(const struct lro *lro, const struct network_packet *packet, uint32_t done)
{
	if (!lro->keeps_apart || packet->merged == 0) {
		return 0;
	}
	return packet->merged + (done == 0 ? headers(packet) : 0);
}
