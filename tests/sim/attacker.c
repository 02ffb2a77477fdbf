#include "attacker.h"

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "options.h"
#include "world.h"

#define PAYLOAD_MAX 1400
#define PACKET_ROOM (40 + 20 + TCP_OPTIONS_MAX + PAYLOAD_MAX)
#define FAR         (1U << 30) /* no window is as large */
#define STRIKES_MAX 2000
#define TIME_US_MAX 300000000U /* that he has patience for, at most */

/* Whom he attacks, and as whom. */
struct target {
	const struct host *host;
	const struct host *peer;
	const struct flow *flow;
	const struct edge *own; /* what the host has sent */
	const struct edge *its; /* what its peer has */
	bool known;             /* both have acknowledged something */
};

struct forgery {
	uint32_t seq;
	uint32_t ack;
	uint32_t len;
	uint8_t flags;
	struct tcp_options opt;
};

static uint32_t any(struct attacker *attacker)
{
	return (uint32_t)rng_next(&attacker->rng);
}

void attacker_init(struct attacker *attacker, uint64_t seed, uint64_t now_us)
{
	static const uint32_t pauses_us[] = {100, 10000, 1000000, 20000000};
	struct rng *rng = &attacker->rng;

	*attacker = (struct attacker){.rng = {seed}, .at_us = {UINT64_MAX, UINT64_MAX}};
	if (!rng_chance(rng, 250)) {
		return;
	}
	attacker->pause_us_max = pauses_us[rng_range(rng, 0, 3)];
	attacker->burst_max = rng_chance(rng, 500) ? 1 : rng_range(rng, 2, 16);
	for (uint32_t i = 0; i < 2; i++) {
		attacker->left[i] = rng_range(rng, 0, 9) < 8 ? rng_range(rng, 1, 200)
							     : rng_range(rng, 200, STRIKES_MAX);
		if (attacker->left[i] > TIME_US_MAX / attacker->pause_us_max) {
			attacker->left[i] = TIME_US_MAX / attacker->pause_us_max;
		}
		attacker->at_us[i] = now_us + rng_range(rng, 0, attacker->pause_us_max);
	}
}

/* Not before what the host acknowledged, not after what its peer sent: not what it waits for. */
static uint32_t guess_seq(struct attacker *attacker, const struct target *target)
{
	uint32_t right = target->own->right - target->its->snd_max;

	if (!target->known) {
		return any(attacker);
	}
	switch (rng_range(&attacker->rng, 0, 3)) {
	case 0:
		return any(attacker);
	case 1:
		return target->own->ack - rng_range(&attacker->rng, 1, 70000);
	case 2:
		return target->its->snd_max + rng_range(&attacker->rng, 1, 70000);
	default:
		right = right > 0 && right < FAR ? right : 1;
		return target->its->snd_max + rng_range(&attacker->rng, 1, right);
	}
}

/* Of what was not sent, or so long ago that no window reaches back to it. */
static uint32_t guess_ack(struct attacker *attacker, const struct target *target)
{
	uint32_t beyond = rng_chance(&attacker->rng, 500)
				  ? rng_range(&attacker->rng, 2, 70000)
				  : rng_range(&attacker->rng, 2, UINT32_MAX - FAR);

	return target->known ? target->own->snd_max + beyond : any(attacker);
}

/* Where the host waits for it, as often as not. */
static uint32_t place_seq(struct attacker *attacker, const struct target *target)
{
	if (target->known && rng_chance(&attacker->rng, 500)) {
		return target->own->ack + rng_range(&attacker->rng, 0, 3000);
	}
	return guess_seq(attacker, target);
}

/* RFC 9293 3.5, figure 9: who has sent a SYN takes another for a simultaneous open. */
static bool may_send_syn(const struct target *target)
{
	const struct endpoint *end = target->flow->end;

	if (target->flow->kind == FLOW_SIMULTANEOUS || (end[0].closed != end[1].closed)) {
		return false;
	}
	return target->known || target->host->index != target->flow->client;
}

static void choose_options(struct attacker *attacker, struct tcp_options *opt, bool syn)
{
	struct rng *rng = &attacker->rng;

	if (rng_chance(rng, 700)) {
		opt->flags |= TCP_OPT_TIMESTAMPS;
		opt->tsval = any(attacker);
		opt->tsecr = any(attacker);
	}
	if (syn) {
		opt->flags |= TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_PERMITTED;
		opt->mss = (uint16_t)rng_range(rng, 0, UINT16_MAX);
		opt->wscale = (uint8_t)rng_range(rng, 0, 15);
	} else if (rng_chance(rng, 200)) {
		opt->sack_count = rng_range(rng, 1, 3);
		for (uint32_t i = 0; i < opt->sack_count; i++) {
			opt->sack[i].start = any(attacker);
			opt->sack[i].end = opt->sack[i].start + rng_range(rng, 1, 100000);
		}
	}
}

static void choose_data(struct attacker *attacker, const struct target *target,
			struct forgery *forgery)
{
	struct rng *rng = &attacker->rng;

	forgery->seq = place_seq(attacker, target);
	forgery->ack = guess_ack(attacker, target);
	forgery->flags = RTE_TCP_ACK_FLAG;
	forgery->len = rng_chance(rng, 300) ? 0 : rng_range(rng, 1, PAYLOAD_MAX);
	forgery->flags |= rng_chance(rng, 200) ? RTE_TCP_FIN_FLAG : 0;
	forgery->flags |= rng_chance(rng, 200) ? RTE_TCP_URG_FLAG : 0;
	forgery->flags |= rng_chance(rng, 200) ? RTE_TCP_ECE_FLAG : 0;
	if (rng_chance(rng, 100)) {
		forgery->flags &= (uint8_t)~RTE_TCP_ACK_FLAG;
	}
}

static void choose(struct attacker *attacker, const struct target *target, struct forgery *forgery)
{
	struct rng *rng = &attacker->rng;

	*forgery = (struct forgery){0};
	switch (rng_range(rng, 0, 3)) {
	case 0:
		forgery->flags = RTE_TCP_RST_FLAG;
		forgery->flags |= rng_chance(rng, 500) ? RTE_TCP_ACK_FLAG : 0;
		forgery->seq = guess_seq(attacker, target);
		forgery->ack = guess_ack(attacker, target);
		break;
	case 1:
		if (may_send_syn(target)) {
			forgery->flags = RTE_TCP_SYN_FLAG;
			forgery->flags |= rng_chance(rng, 300) ? RTE_TCP_ACK_FLAG : 0;
			forgery->seq = place_seq(attacker, target);
			forgery->ack = guess_ack(attacker, target);
			break;
		}
		/* fallthrough */
	default:
		choose_data(attacker, target, forgery);
		break;
	}
	choose_options(attacker, &forgery->opt, (forgery->flags & RTE_TCP_SYN_FLAG) != 0);
}

static uint32_t write_v4(uint8_t *bytes, const struct target *target, uint32_t len, uint8_t tos)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)bytes;

	memset(ip, 0, sizeof(*ip));
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->type_of_service = tos;
	ip->total_length = rte_cpu_to_be_16((uint16_t)(len + sizeof(*ip)));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_TCP;
	memcpy(&ip->src_addr, &target->peer->addr.s6_addr[12], sizeof(ip->src_addr));
	memcpy(&ip->dst_addr, &target->host->addr.s6_addr[12], sizeof(ip->dst_addr));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return sizeof(*ip);
}

static uint32_t write_v6(uint8_t *bytes, const struct target *target, uint32_t len, uint8_t tos)
{
	struct rte_ipv6_hdr *ip = (struct rte_ipv6_hdr *)(void *)bytes;

	memset(ip, 0, sizeof(*ip));
	ip->vtc_flow = rte_cpu_to_be_32(6U << 28 | (uint32_t)tos << 20);
	ip->payload_len = rte_cpu_to_be_16((uint16_t)len);
	ip->proto = IPPROTO_TCP;
	ip->hop_limits = 64;
	memcpy(ip->src_addr, &target->peer->addr, sizeof(ip->src_addr));
	memcpy(ip->dst_addr, &target->host->addr, sizeof(ip->dst_addr));
	return sizeof(*ip);
}

static void write_tcp(uint8_t *bytes, const struct target *target, const struct forgery *forgery,
		      uint16_t window)
{
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(void *)bytes;
	uint32_t options = tcp_options_len(&forgery->opt);
	uint32_t side = target->host->index;

	memset(tcp, 0, sizeof(*tcp));
	tcp->src_port = rte_cpu_to_be_16(target->flow->port[1 - side]);
	tcp->dst_port = rte_cpu_to_be_16(target->flow->port[side]);
	tcp->sent_seq = rte_cpu_to_be_32(forgery->seq);
	tcp->recv_ack = rte_cpu_to_be_32(forgery->ack);
	tcp->data_off = (uint8_t)((sizeof(*tcp) + options) / 4 << 4);
	tcp->tcp_flags = forgery->flags;
	tcp->rx_win = rte_cpu_to_be_16(window);
	tcp_options_write(&forgery->opt, (uint8_t *)(tcp + 1));
	memset((uint8_t *)(tcp + 1) + options, 0xa5, forgery->len);
}

static struct network_packet *write_packet(struct attacker *attacker, const struct target *target,
					   const struct forgery *forgery)
{
	struct network_packet *packet = calloc(1, sizeof(*packet) + PACKET_ROOM);
	uint32_t len = 20 + tcp_options_len(&forgery->opt) + forgery->len;
	uint8_t tos = (uint8_t)rng_range(&attacker->rng, 0, 3);
	struct rte_tcp_hdr *tcp;
	uint32_t ip_len;

	if (packet == NULL) {
		abort();
	}
	ip_len = IN6_IS_ADDR_V4MAPPED(&target->host->addr)
			 ? write_v4(packet->data, target, len, tos)
			 : write_v6(packet->data, target, len, tos);
	tcp = (struct rte_tcp_hdr *)(void *)(packet->data + ip_len);
	write_tcp((uint8_t *)tcp, target, forgery, (uint16_t)any(attacker));
	tcp->cksum = ip_len == 20 ? rte_ipv4_udptcp_cksum((void *)packet->data, tcp)
				  : rte_ipv6_udptcp_cksum((void *)packet->data, tcp);
	packet->len = ip_len + len;
	return packet;
}

/* A quote of what the host is said to have sent: in flight, or random. */
static uint32_t quote_seq(struct attacker *attacker, const struct target *target)
{
	if (target->known && rng_chance(&attacker->rng, 700)) {
		return target->own->snd_max - rng_range(&attacker->rng, 0, 30000);
	}
	return any(attacker);
}

static void send_error(struct attacker *attacker, const struct target *target, uint64_t now_us)
{
	static const uint16_t mtus[] = {0, 1, 68, 552, 576, 1280, 1400, 65535};
	const struct target quoted = {
		.host = target->peer, .peer = target->host, .flow = target->flow};
	struct forgery forgery = {.seq = quote_seq(attacker, target), .flags = RTE_TCP_ACK_FLAG};
	struct network_packet *packet = write_packet(attacker, &quoted, &forgery);
	const struct tcp_icmp error = {.kind = (enum tcp_icmp_kind)rng_range(&attacker->rng, 0, 2),
				       .mtu = rng_chance(&attacker->rng, 500)
						      ? mtus[rng_range(&attacker->rng, 0, 7)]
						      : rng_range(&attacker->rng, 0, 65535),
				       .quoted = packet->data,
				       .quoted_len = packet->len};

	(void)tcp_icmp_error(target->host->stack, &error, now_us);
	free(packet);
}

static void choose_target(struct attacker *attacker, const struct host *host, struct target *target)
{
	struct world *world = host->world;
	uint32_t side = host->index;
	const struct flow *flow = &world->flow[rng_range(&attacker->rng, 0, world->flow_count - 1)];

	*target = (struct target){
		.host = host,
		.peer = &world->host[1 - side],
		.flow = flow,
		.own = &flow->edge[side],
		.its = &flow->edge[1 - side],
		.known = flow->edge[0].acked && flow->edge[1].acked,
	};
}

static struct rte_mbuf *strike(struct attacker *attacker, struct host *host)
{
	struct target target;
	struct forgery forgery;
	struct rte_mbuf *packet;

	choose_target(attacker, host, &target);
	if (rng_chance(&attacker->rng, 150)) {
		send_error(attacker, &target, host->world->now_us);
		return NULL;
	}
	choose(attacker, &target, &forgery);
	packet = nic_receive(&host->nic, write_packet(attacker, &target, &forgery));
	attacker->sent[host->index]++;
	return packet;
}

uint16_t attacker_strike(struct host *host, struct rte_mbuf **packets, uint16_t max)
{
	struct attacker *attacker = &host->world->attacker;
	uint64_t *at_us = &attacker->at_us[host->index];
	uint16_t count = 0;

	if (*at_us > host->world->now_us || max == 0) {
		return 0;
	}
	for (uint32_t i = rng_range(&attacker->rng, 1, attacker->burst_max); i > 0; i--) {
		if (count < max) {
			packets[count] = strike(attacker, host);
			count = (uint16_t)(count + (packets[count] != NULL));
		}
	}
	*at_us = host->world->now_us + rng_range(&attacker->rng, 1, attacker->pause_us_max);
	if (--attacker->left[host->index] == 0) {
		*at_us = UINT64_MAX;
	}
	return count;
}
