/*
 * penstock-gen: RTMP publishers from a TCP stack in user space, on any DPDK port.
 *
 * One core runs everything to completion, as a worker of the dataplane does: receive, TCP, fill the
 * publishers' send queues, send.
 */
#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/gen/options.h"
#include "bench/gen/publisher.h"
#include "dataplane/clock.h"
#include "dataplane/net/net.h"
#include "dataplane/packets.h"
#include "dataplane/port.h"
#include "dataplane/transmit.h"

#define BURST       64u
#define RX_MBUFS    16383u
#define DATA_MBUFS  32767u
#define DATA_ROOM   4096u
#define FINISH_US   UINT64_C(2000000)
#define CONNECT_US  UINT64_C(10000000)
#define SEND_BUDGET (256u * 1024u) /* bytes, and room for a keyframe on top */

struct generator {
	struct gen_options options;
	struct config_port port_config;
	struct dp_port port;
	struct net_iface iface;
	struct net net;
	struct dp_transmit transmit;
	struct dp_counters counters;
	struct dp_clock clock;
	struct rte_mempool *rx_pool;
	struct rte_mempool *data_pool;
	struct rte_mempool *indirect_pool;
	struct publishers all;
	struct publisher *publishers;
	uint64_t busy_cycles;
	uint64_t total_cycles;
};

static int start_eal(const struct gen_options *o)
{
	char name[] = "penstock-gen", memory[] = "--in-memory", cores[] = "-l";
	char level[] = "--log-level=lib.eal:error", core[16], bus[16], device[512];
	bool pci = strncmp(o->device, "net_", 4) != 0;
	char *argv[] = {name, memory, cores, core, level, bus, device, NULL};

	snprintf(core, sizeof(core), "%u", o->core);
	snprintf(bus, sizeof(bus), "%s", pci ? "-a" : "--no-pci");
	snprintf(device, sizeof(device), pci ? "%s" : "--vdev=%s", o->device);
	return rte_eal_init((int)RTE_DIM(argv) - 1, argv) < 0 ? -rte_errno : 0;
}

static int create_pools(struct generator *g)
{
	g->rx_pool = rte_pktmbuf_pool_create("gen-rx", RX_MBUFS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					     SOCKET_ID_ANY);
	g->data_pool = rte_pktmbuf_pool_create("gen-data", DATA_MBUFS, 256, 0,
					       RTE_PKTMBUF_HEADROOM + DATA_ROOM, SOCKET_ID_ANY);
	g->indirect_pool =
		rte_pktmbuf_pool_create("gen-indirect", DATA_MBUFS, 256, 0, 0, SOCKET_ID_ANY);
	return g->rx_pool != NULL && g->data_pool != NULL && g->indirect_pool != NULL ? 0 : -ENOMEM;
}

static int open_port(struct generator *g)
{
	struct dp_packets packets = {.pool = g->rx_pool};
	struct dp_packets_table table = {.count = 1, .workers = &packets};
	int rc;

	g->port_config = (struct config_port){
		.device = (char *)(uintptr_t)g->options.device,
		.addresses = &g->options.prefix,
		.addresses_count = 1,
		.mtu = 1500,
	};
	rc = dp_port_open(&g->port, &(struct dp_port_config){
					    .port = &g->port_config,
					    .queues = 1,
					    .packets = &table,
				    });
	if (rc == 0) {
		rc = net_iface_init(&g->iface, &g->port_config, &g->port.mac);
	}
	if (rc == 0) {
		g->transmit.port = &g->port;
		rc = net_init(&g->net, &g->iface, g->rx_pool, &g->counters, SOCKET_ID_ANY, 1);
	}
	return rc;
}

static int create_stack(struct generator *g)
{
	struct tcp_config config = {
		.name = "gen",
		.numa_node = SOCKET_ID_ANY,
		.connections = g->options.publishers + 16,
		.syn_received = 16,
		.time_wait = g->options.publishers + 16,
		.side_records = g->options.publishers + 16,
		.segment_truesize = 2368,
		.receive_budget = 256 * 1024,
		.send_budget = SEND_BUDGET + 16 * g->options.message,
		.ooo_segments = 64,
		.mtu = 1500,
		.offload_tx = dp_port_tcp_offloads(&g->port),
		.time_wait_ms = 1000,
		.fin_wait_ms = 1000,
		.user_timeout_ms = 30000,
		.header_pool = g->rx_pool,
		.indirect_pool = g->indirect_pool,
		.ops = &publisher_tcp_ops,
		.app = g,
	};

	if (getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret)) {
		return -EIO;
	}
	g->all.stack = tcp_stack_create(&config);
	if (g->all.stack == NULL) {
		return -errno;
	}
	return tcp_add_address(g->all.stack, &g->options.prefix.addr);
}

static int start_publishers(struct generator *g)
{
	struct tcp_endpoint local = {.addr = g->options.prefix.addr};

	g->all.pool = g->data_pool;
	g->all.bitrate_kbps = g->options.bitrate_kbps;
	g->all.message = g->options.message;
	g->all.chunk_size = g->options.chunk_size;
	g->publishers = calloc(g->options.publishers, sizeof(*g->publishers));
	if (g->publishers == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < g->options.publishers; i++) {
		int rc = publisher_start(&g->publishers[i], &g->all, &local, &g->options.remote,
					 g->options.app, i, g->options.name);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static uint32_t receive(struct generator *g)
{
	struct rte_mbuf *frames[BURST], *packets[BURST];
	uint16_t count = rte_eth_rx_burst(g->port.id, 0, frames, BURST);
	uint16_t tcp = 0;

	for (uint16_t i = 0; i < count; i++) {
		switch (net_input(&g->net, frames[i])) {
		case NET_TCP:
			packets[tcp++] = frames[i];
			break;
		case NET_TEACH: /* there is no other worker */
			rte_pktmbuf_free(frames[i]);
			break;
		case NET_DONE:
			break;
		}
	}
	if (tcp > 0) {
		tcp_input(g->all.stack, packets, tcp, g->all.now_us);
	}
	return count;
}

static uint32_t transmit(struct generator *g)
{
	struct rte_mbuf *packets[BURST];

	while (net_room(&g->net) >= BURST) {
		uint16_t count = tcp_output(g->all.stack, packets, BURST, g->all.now_us);

		net_output(&g->net, packets, count);
		if (count < BURST) {
			break;
		}
	}
	return dp_transmit_flush(&g->transmit, &g->net);
}

/* One turn of the loop. */
static void turn(struct generator *g)
{
	uint64_t begin = rte_rdtsc();
	uint32_t work;

	g->all.now_us = dp_clock_us(&g->clock, begin);
	net_begin(&g->net, g->all.now_us);
	work = receive(g);
	work += tcp_timers(g->all.stack, g->all.now_us, BURST);
	for (uint32_t i = 0; i < g->options.publishers; i++) {
		publisher_fill(&g->publishers[i]);
	}
	net_timers(&g->net);
	work += transmit(g);
	uint64_t cycles = rte_rdtsc() - begin;
	g->total_cycles += cycles;
	g->busy_cycles += work > 0 ? cycles : 0;
}

/* Runs for `us`, or until all publishers publish, or until all are gone. */
enum until { UNTIL_TIME, UNTIL_PUBLISHING, UNTIL_GONE };

static void run(struct generator *g, uint64_t us, enum until until)
{
	uint64_t begin = g->all.now_us;

	while (g->all.now_us - begin < us) {
		turn(g);
		if ((until == UNTIL_PUBLISHING && g->all.publishing == g->options.publishers) ||
		    (until == UNTIL_GONE && tcp_connection_count(g->all.stack) == 0) ||
		    g->all.refused + g->all.lost > 0) {
			return;
		}
	}
}

static int report(const struct generator *g, uint32_t published, uint64_t bytes, uint64_t us)
{
	const uint64_t *tcp = tcp_counters(g->all.stack);

	printf("{\"publishers\": %u, \"published\": %u, \"refused\": %u, \"lost\": %u, "
	       "\"messages\": %" PRIu64 ", \"payload_bytes\": %" PRIu64 ", \"seconds\": %.3f, "
	       "\"gbps\": %.3f, \"tx_segments\": %" PRIu64 ", \"retransmits\": %" PRIu64 ", "
	       "\"busy_percent\": %.1f}\n",
	       g->options.publishers, published, g->all.refused, g->all.lost, g->all.messages,
	       g->all.sent_bytes, (double)us / 1e6, (double)bytes * 8 / ((double)us * 1e3),
	       tcp[TCP_COUNTER_tx_segments], tcp[TCP_COUNTER_retransmits],
	       100.0 * (double)g->busy_cycles / (double)(g->total_cycles + 1));
	return published == g->options.publishers && g->all.refused + g->all.lost == 0 ? 0 : 1;
}

static int publish(struct generator *g)
{
	uint64_t begin, bytes, us;
	uint32_t published;
	int rc = start_publishers(g);

	if (rc != 0) {
		return rc;
	}
	run(g, CONNECT_US, UNTIL_PUBLISHING);
	published = g->all.publishing;
	begin = g->all.now_us;
	bytes = g->all.sent_bytes;
	run(g, g->options.seconds * UINT64_C(1000000), UNTIL_TIME);
	us = g->all.now_us - begin;
	bytes = g->all.sent_bytes - bytes;
	g->all.finishing = true;
	for (uint32_t i = 0; i < g->options.publishers; i++) {
		publisher_finish(&g->publishers[i]);
	}
	run(g, FINISH_US, UNTIL_GONE);
	return report(g, published, bytes, us);
}

int main(int argc, char *argv[])
{
	static struct generator g;
	int rc = gen_options_parse(&g.options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	rc = start_eal(&g.options);
	if (rc == 0) {
		rc = create_pools(&g);
	}
	if (rc == 0) {
		rc = open_port(&g);
	}
	if (rc == 0) {
		dp_clock_init(&g.clock, rte_get_tsc_hz());
		g.all.now_us = dp_clock_us(&g.clock, rte_rdtsc());
		rc = create_stack(&g);
	}
	if (rc == 0) {
		rc = publish(&g);
	}
	if (rc < 0) {
		fprintf(stderr, "penstock-gen: %s\n", strerror(-rc));
	}
	if (g.all.stack != NULL) {
		tcp_abort_all(g.all.stack);
		tcp_stack_destroy(g.all.stack);
	}
	dp_port_close(&g.port);
	rte_eal_cleanup();
	free(g.publishers);
	return rc == 0 ? 0 : 1;
}
