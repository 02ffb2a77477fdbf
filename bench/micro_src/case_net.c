/*
 * Link and network layer: a frame with a full TCP segment, down to "this is TCP for us".
 */
#include <arpa/inet.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "dataplane/net/net.h"

#define FRAME 1514u

static struct rte_mbuf *frames[PLANT_BURST];

static void put_ipv4(uint8_t *frame)
{
	struct flow flow;

	plant_flow_init(&flow, 128);
	memcpy(frame, &flow.headers, sizeof(flow.headers));
}

static void put_ipv6(uint8_t *frame)
{
	struct rte_ether_hdr *ether = (void *)frame;
	struct rte_ipv6_hdr *ip = (void *)(ether + 1);

	put_ipv4(frame);
	ether->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV6);
	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = RTE_BE32(6u << 28),
		.payload_len = RTE_BE16(FRAME - sizeof(*ether) - sizeof(*ip)),
		.proto = IPPROTO_TCP,
		.hop_limits = 64,
	};
	(void)inet_pton(AF_INET6, "fd00:198:18::10", ip->src_addr);
	(void)inet_pton(AF_INET6, RIG_SERVER6, ip->dst_addr);
}

static int open_frames(uint32_t version)
{
	plant_alloc(frames, PLANT_BURST);
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		uint8_t *frame = (uint8_t *)rte_pktmbuf_append(frames[i], FRAME);

		if (version == 4) {
			put_ipv4(frame);
		} else {
			put_ipv6(frame);
		}
	}
	return 0;
}

static void classify(struct micro_count *count)
{
	struct net *net = &plant_worker()->net;
	uint32_t tcp = 0;

	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		frames[i]->data_off = RTE_PKTMBUF_HEADROOM;
		frames[i]->data_len = FRAME;
		frames[i]->pkt_len = FRAME;
	}
	micro_begin();
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		tcp += net_input(net, frames[i]) == NET_TCP;
	}
	micro_end();
	MICRO_REQUIRE(tcp == PLANT_BURST);
	count->operations = PLANT_BURST;
}

static void close_frames(void)
{
	rte_pktmbuf_free_bulk(frames, PLANT_BURST);
}

const struct micro_case micro_net_cases[] = {
	{"net/classify-ipv4", "frame", 4, open_frames, classify, close_frames},
	{"net/classify-ipv6", "frame", 6, open_frames, classify, close_frames},
	{.name = NULL},
};
