/*
 * Link and network layer: a list of frames, each with its length in front; what is not consumed is
 * TCP or must be taught to others. First bytes of a frame may be put right, so that it is ours.
 */
#include <arpa/inet.h>
#include <string.h>

#include "dataplane/net/addr.h"
#include "dataplane/net/net.h"
#include "eal.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rte_mempool *pool;
static struct net_iface iface;

static struct in6_addr addr(const char *text)
{
	struct in6_addr out;
	uint32_t v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		return net_addr_from_ipv4(v4);
	}
	if (inet_pton(AF_INET6, text, &out) != 1) {
		abort();
	}
	return out;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct rte_ether_addr mac = {{0x02, 0, 0, 0, 0, 0x99}};
	static struct config_prefix addresses[2];
	static struct config_route routes[1];
	struct config_port config = {
		.addresses = addresses,
		.addresses_count = 2,
		.routes = routes,
		.routes_count = 1,
		.mtu = 1500,
	};

	(void)argc;
	(void)argv;
	addresses[0] = (struct config_prefix){.addr = addr("198.18.0.2"), .length = 96 + 24};
	addresses[1] = (struct config_prefix){.addr = addr("fd00:198:18::2"), .length = 64};
	routes[0].to = (struct config_prefix){.addr = addr("0.0.0.0"), .length = 96};
	routes[0].via = addr("198.18.0.254");
	fuzz_start_eal();
	pool = fuzz_pool("frames", RTE_PKTMBUF_HEADROOM + 2048);
	if (net_iface_init(&iface, &config, &mac) < 0) {
		abort();
	}
	return 0;
}

/* Bit 0 of `how`: the link address is ours; bits 1 and 2: ARP, IPv4 or IPv6. */
static void put_right(uint8_t *frame, uint32_t len, uint32_t how)
{
	static const uint8_t ours[] = {0x02, 0, 0, 0, 0, 0x99};
	static const uint8_t types[3][2] = {{0x08, 0x06}, {0x08, 0x00}, {0x86, 0xdd}};
	uint32_t type = how >> 1 & 3;

	if (len < 14) {
		return;
	}
	if (how & 1) {
		memcpy(frame, ours, sizeof(ours));
	}
	if (type > 0) {
		memcpy(frame + 12, types[type - 1], 2);
	}
}

/* Sends TCP packets back where they came from, so that output and neighbours are used too. */
static void input(struct net *net, struct rte_mbuf *m, bool answer)
{
	switch (net_input(net, m)) {
	case NET_TCP:
		if (answer && net_room(net) > 0) {
			net_output(net, &m, 1);
		} else {
			rte_pktmbuf_free(m);
		}
		break;
	case NET_TEACH:
		net_learn(net, m);
		break;
	case NET_DONE:
		break;
	}
}

static void free_frames(struct net *net)
{
	rte_pktmbuf_free_bulk(net->frames, net->frames_count);
	net->frames_count = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct dp_counters counters = {0};
	static struct net net;
	uint64_t now_us = 1000000;

	if (net_init(&net, &iface, pool, &counters, -1, 7) < 0) {
		abort();
	}
	while (in.left > 0) {
		uint32_t how = fuzz_byte(&in);
		uint32_t len = fuzz_word(&in) % 1600;
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		if (!m) {
			break; /* they wait for neighbours */
		}
		uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
		len = fuzz_bytes(&in, frame, len);
		put_right(frame, len, how);
		(void)rte_pktmbuf_append(m, (uint16_t)len);
		net_begin(&net, now_us);
		input(&net, m, how & 8);
		now_us += (uint64_t)(how >> 4) * 100000;
		net_timers(&net);
		free_frames(&net);
	}
	net_fini(&net);
	free_frames(&net);
	if (rte_mempool_in_use_count(pool) != 0) {
		abort();
	}
	return 0;
}
