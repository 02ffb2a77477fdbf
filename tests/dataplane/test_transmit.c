/*
 * The transmit queue, against a real port of EAL: a ring that takes 1023 frames and then no more.
 */
#include "dataplane/net/net.h"
#include "dataplane/packets.h"
#include "dataplane/port.h"
#include "dataplane/transmit.h"
#include "suite.h"
#include "test_eal.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <string.h>

#define PORT_HOLDS 1023u

static struct rte_mempool *pool;
static struct dp_packets packets;
static struct dp_packets_table table = {.count = 1, .workers = &packets};
static struct dp_port port;
static struct dp_counters counters;
static struct net_iface iface;
static struct net net;
static struct dp_transmit transmit;

static void open_all(void)
{
	memset(&counters, 0, sizeof(counters));
	CU_ASSERT_EQUAL_FATAL(net_init(&net, &iface, pool, &counters, 0, 1), 0);
	net_begin(&net, 1000);
	transmit = (struct dp_transmit){.port = &port, .queue = 0, .progress_us = 1000};
}

/* Takes back what lies in the port; returns how much that was. */
static uint32_t drain(void)
{
	struct rte_mbuf *frames[32];
	uint32_t total = 0;
	uint16_t count;

	while ((count = rte_eth_rx_burst(port.id, 0, frames, 32)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
		total += count;
	}
	return total;
}

static void close_all(void)
{
	(void)drain();
	net_fini(&net);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0);
}

static void queue_frames(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		(void)rte_pktmbuf_append(m, 100);
		net_send_frame(&net, m);
	}
}

static void frames_are_counted_and_gone(void)
{
	open_all();
	queue_frames(10);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 10);
	CU_ASSERT_EQUAL(net.frames_count, 0);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_packets], 10);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_bytes], 1000);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 0);
	CU_ASSERT_EQUAL(drain(), 10);
	close_all();
}

static void what_the_port_refuses_stays(void)
{
	open_all();
	queue_frames(500);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 500);
	queue_frames(500);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 500);
	queue_frames(50);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), PORT_HOLDS - 1000);
	CU_ASSERT_EQUAL(net.frames_count, 1050 - PORT_HOLDS);
	/* Patience, then room. */
	net_begin(&net, 11000);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 0);
	CU_ASSERT_EQUAL(net.frames_count, 1050 - PORT_HOLDS);
	CU_ASSERT_EQUAL(drain(), PORT_HOLDS);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 1050 - PORT_HOLDS);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_packets], 1050);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_bytes], 105000);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_full], 0);
	close_all();
}

static void patience_ends(void)
{
	open_all();
	for (int i = 0; i < 3; i++) {
		queue_frames(400);
		(void)dp_transmit_flush(&transmit, &net);
	}
	CU_ASSERT_EQUAL(net.frames_count, 1200 - PORT_HOLDS);
	net_begin(&net, 11001);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 0);
	CU_ASSERT_EQUAL(net.frames_count, 0);
	CU_ASSERT_EQUAL(counters.value[DP_COUNTER_tx_full], 1200 - PORT_HOLDS);
	close_all();
}

/* For ports that cannot send chains. */
static void chains_become_one_segment(void)
{
	struct rte_mbuf *got[2];

	open_all();
	port.tx_offloads = 0;
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *tail = rte_pktmbuf_alloc(pool);
	memset(rte_pktmbuf_append(head, 54), 'h', 54);
	memset(rte_pktmbuf_append(tail, 1460), 't', 1460);
	CU_ASSERT_EQUAL(rte_pktmbuf_chain(head, tail), 0);
	net_send_frame(&net, head);
	CU_ASSERT_EQUAL(dp_transmit_flush(&transmit, &net), 1);
	CU_ASSERT_EQUAL_FATAL(rte_eth_rx_burst(port.id, 0, got, 2), 1);
	CU_ASSERT_EQUAL(got[0]->nb_segs, 1);
	CU_ASSERT_EQUAL(got[0]->data_len, 1514);
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(got[0], char *, 53), 'h');
	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(got[0], char *, 54), 't');
	rte_pktmbuf_free(got[0]);
	close_all();
}

static int open_port(void)
{
	static char device[] = "net_ring0";
	static const struct config_port config = {.device = device, .mtu = 1500};
	const struct dp_port_config port_config = {.port = &config, .queues = 1, .packets = &table};

	if (dp_packets_create(&packets, 0, 512, 2048, 0, 0) < 0) {
		return -1;
	}
	return dp_port_open(&port, &port_config);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"frames are counted and gone", frames_are_counted_and_gone},
		{"what the port refuses stays", what_the_port_refuses_stays},
		{"patience ends", patience_ends},
		{"chains become one segment", chains_become_one_segment},
		{NULL, NULL},
	};

	test_eal_start_with("--vdev=net_ring0");
	pool = rte_pktmbuf_pool_create("test", 4095, 0, 0, 2176, 0);
	if (pool == NULL || open_port() < 0) {
		(void)fputs("no pool or no port\n", stderr);
		return EXIT_FAILURE;
	}
	int status = suite_run("transmit", tests);
	dp_port_close(&port);
	dp_packets_destroy(&packets);
	(void)rte_eal_cleanup();
	return status;
}
