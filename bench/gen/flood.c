#include "bench/gen/flood.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <string.h>

#include "bench/common/rng.h"
#include "bench/gen/ask.h"
#include "bench/gen/forge.h"
#include "control/config/address.h"

#define MILLION     UINT64_C(1000000)
#define IPV6_HEADER 40u
#define GARBAGE_MAX 600u
#define BEHIND_MAX  1024u /* packets: a rate that cannot be kept is not caught up with */

int flood_kind_parse(const char *text, enum flood_kind *kind)
{
	static const char *const words[] = {"",
#define FLOOD_WORD(name, word, flags, payload) #word,
					    FLOOD_KINDS(FLOOD_WORD)
#undef FLOOD_WORD
	};

	for (uint32_t i = FLOOD_NONE + 1; i < FLOOD_KIND_COUNT; i++) {
		if (strcmp(text, words[i]) == 0) {
			*kind = (enum flood_kind)i;
			return 0;
		}
	}
	return -1;
}

const char *flood_kind_words(void)
{
#define FLOOD_LIST(name, word, flags, payload) " " #word
	return &FLOOD_KINDS(FLOOD_LIST)[1];
#undef FLOOD_LIST
}

/* The bits of the address behind the prefix are drawn. */
static struct in6_addr draw_address(struct flood *f)
{
	struct in6_addr addr = f->from;
	uint32_t left = f->from_bits == 0 ? 0 : 128u - f->from_bits;
	uint64_t random = 0;

	for (uint32_t i = 0; left > 0; i++) {
		uint32_t bits = left < 8 ? left : 8;

		random = i % 8 == 0 ? rng_next(&f->random) : random >> 8;
		addr.s6_addr[15 - i] ^= (uint8_t)(random & ((1u << bits) - 1));
		left -= bits;
	}
	return addr;
}

/* RSTs that come from our own address aim at the connections of our publishers, blindly. */
static struct endpoint draw_source(struct flood *f)
{
	bool own = f->kind == FLOOD_RST && f->from_bits == 0;
	uint32_t first = own ? FORGE_PORT_OWN : FORGE_PORT_FIRST;
	uint32_t count = own ? FORGE_PORT_COUNT : FORGE_PORT_OWN - FORGE_PORT_FIRST;

	if (f->live && f->live_count > 0) {
		return f->live_ends[rng_below(&f->random, f->live_count)];
	}
	return (struct endpoint){.addr = draw_address(f),
				 .port = (uint16_t)(first + rng_below(&f->random, count))};
}

static struct rte_mbuf *make_guess(struct flood *f)
{
	static const uint8_t flags[] = {0,
#define FLOOD_FLAGS(name, word, value, payload) value,
					FLOOD_KINDS(FLOOD_FLAGS)
#undef FLOOD_FLAGS
	};
	static const uint8_t payload[] = {0,
#define FLOOD_PAYLOAD(name, word, value, bytes) bytes,
					  FLOOD_KINDS(FLOOD_PAYLOAD)
#undef FLOOD_PAYLOAD
	};
	struct forgery forgery = {
		.from = draw_source(f),
		.to = f->to,
		.seq = (uint32_t)rng_next(&f->random),
		.ack = flags[f->kind] & RTE_TCP_ACK_FLAG ? (uint32_t)rng_next(&f->random) : 0,
		.wnd = UINT16_MAX,
		.flags = flags[f->kind],
		.len = payload[f->kind],
	};

	return forge(f->pool, &forgery);
}

/* The checksum of every other one is right: those get past it. */
static struct rte_mbuf *make_garbage(struct flood *f)
{
	uint32_t len = rng_below(&f->random, GARBAGE_MAX);
	struct in6_addr from = draw_address(f);
	void *at;
	struct rte_mbuf *m = forge_ip(f->pool, &from, &f->to.addr, len, &at);
	struct rte_tcp_hdr *tcp = at;

	if (m == NULL) {
		return NULL;
	}
	for (uint32_t i = 0; i < len; i++) {
		((uint8_t *)at)[i] = (uint8_t)rng_next(&f->random);
	}
	if (len < sizeof(*tcp)) {
		return m;
	}
	/* Every other one aims at the port that listens, from one whose answers we know. */
	if ((rng_next(&f->random) & 1) != 0) {
		tcp->src_port &= RTE_BE16(0x7fff);
		tcp->dst_port = rte_cpu_to_be_16(f->to.port);
	}
	if ((rng_next(&f->random) & 1) != 0) {
		forge_checksum(m);
	}
	return m;
}

/* The neighbour's link address is drawn, too: a unicast one, locally administered. */
static struct rte_mbuf *make_question(struct flood *f)
{
	struct in6_addr from = draw_address(f);
	uint64_t random = rng_next(&f->random);
	struct rte_ether_addr mac;

	memcpy(&mac, &random, sizeof(mac));
	mac.addr_bytes[0] = (uint8_t)((mac.addr_bytes[0] & 0xfc) | RTE_ETHER_LOCAL_ADMIN_ADDR);
	return ask(f->pool, &from, &mac, &f->target);
}

static struct rte_mbuf *make(struct flood *f, uint64_t now_us)
{
	if (flood_is_intruder(f->kind)) {
		return intruder_make(&f->intruders, now_us);
	}
	switch (f->kind) {
	case FLOOD_GARBAGE:
		return make_garbage(f);
	case FLOOD_NEIGHBOUR:
		return make_question(f);
	default:
		return make_guess(f);
	}
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
	while (n < max && f->sent < due && (packets[n] = make(f, now_us)) != NULL) {
		n++;
		f->sent++;
	}
	return n;
}

/* IPv4 headers with options and IPv6 extension headers do not come from where we flood. */
bool flood_is_answer(struct flood *f, const struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t header = *ip >> 4 == 4 ? (*ip & 0x0fu) * 4u : IPV6_HEADER;
	const struct rte_tcp_hdr *tcp;

	if (f->kind == FLOOD_NONE || packet->data_len < header + sizeof(*tcp)) {
		return false;
	}
	tcp = rte_pktmbuf_mtod_offset(packet, const struct rte_tcp_hdr *, header);
	if (rte_be_to_cpu_16(tcp->dst_port) >= FORGE_PORT_OWN) {
		return false;
	}
	if (flood_is_intruder(f->kind)) {
		intruder_input(&f->intruders, packet, tcp);
	}
	return true;
}
