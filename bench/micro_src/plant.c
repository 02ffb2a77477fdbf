#include "bench/micro_src/plant.h"

#include <arpa/inet.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "dataplane/net/addr.h"

#define PACKETS    8191u
#define LOG_BLOCKS 4096u
#define FIRST_PORT 10000u
#define LAST_PORT  60000u
#define CLIENT     0xc612000au /* 198.18.0.10 */

struct plant plant;

static const struct rte_ether_addr client_mac = {.addr_bytes = {2, 0, 0, 0, 1, 0}};

int plant_init(bool hugepages)
{
	static const uint32_t core = 0;
	const struct rig_config config = {
		.cores = &core,
		.workers = 1,
		.packets = PACKETS,
		.log_blocks = LOG_BLOCKS,
		.no_hugepages = !hugepages,
	};

	plant = (struct plant){.now_us = 1000000, .next_port = FIRST_PORT};
	return rig_init(&plant.rig, &config);
}

void plant_fini(void)
{
	(void)rig_fini(&plant.rig);
}

void plant_flow_init(struct flow *flow, uint32_t chunk_size)
{
	const struct flow_config config = {
		.server_mac = plant.rig.port.mac,
		.client_mac = client_mac,
		.server = inet_addr(RIG_SERVER),
		.client = htonl(CLIENT),
		.port = plant.next_port,
		.chunk_size = chunk_size,
		.number = plant.next_port,
	};

	plant.next_port++;
	if (plant.next_port == LAST_PORT) {
		plant.next_port = FIRST_PORT;
	}
	flow_init(flow, &config);
}

void plant_learn(void)
{
	const struct in6_addr addr = net_addr_from_ipv4(htonl(CLIENT));

	net_begin(&plant_worker()->net, plant.now_us);
	(void)net_announced(&plant_worker()->net, &addr, &client_mac, NET_LEARN_CREATE);
}

struct flow_time plant_time(void)
{
	return (struct flow_time){
		.tsc = plant.now_us,
		.timeout_tsc = UINT64_MAX,
		.tsval = (uint32_t)(plant.now_us / 1000),
	};
}

void plant_alloc(struct rte_mbuf **mbufs, uint32_t count)
{
	MICRO_REQUIRE(rte_pktmbuf_alloc_bulk(plant.rig.packets_of[0].pool, mbufs, count) == 0);
}

void plant_answer(struct flow *flows, uint32_t count, struct rte_mbuf *packet)
{
	uint8_t copy[2048];
	const struct flow_time time = plant_time();
	const struct rte_ipv4_hdr *ip = (const void *)copy;
	const struct rte_tcp_hdr *tcp = (const void *)(ip + 1);

	MICRO_REQUIRE(packet->pkt_len <= sizeof(copy));
	const void *data = rte_pktmbuf_read(packet, 0, packet->pkt_len, copy);
	if (data != copy) {
		memcpy(copy, data, packet->pkt_len);
	}
	uint32_t tcp_header = (tcp->data_off >> 4) * 4u;
	uint32_t header = (uint32_t)sizeof(*ip) + tcp_header;
	for (uint32_t i = 0; i < count; i++) {
		if (flows[i].headers.tcp.src_port == tcp->dst_port) {
			flow_take(&flows[i], tcp, copy + header, packet->pkt_len - header, &time);
		}
	}
	rte_pktmbuf_free(packet);
}
