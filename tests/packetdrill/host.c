#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "host_icmp.h"

#define ROOM        (RTE_PKTMBUF_HEADROOM + 2048)
#define START_US    1000000000ULL
#define TIMERS_MAX  1000
#define TIMERS_STOP 1000000U /* timers in one instant: the stack spins */

int host_start(void)
{
	static char words[][20] = {
		"host", "--no-huge",   "--no-shconf", "--no-pci",      "-m", "40", "-l",
		"0",    "--log-level", "3",           "--no-telemetry"};
	char *args[RTE_DIM(words) + 1] = {NULL};

	for (size_t i = 0; i < RTE_DIM(words); i++) {
		args[i] = words[i];
	}
	if (rte_eal_init((int)RTE_DIM(words), args) < 0) {
		(void)fprintf(stderr, "host: cannot start EAL: %s\n", rte_strerror(rte_errno));
		return -1;
	}
	return 0;
}

static void default_config(struct host *host, const struct tcp_ops *ops, void *app)
{
	host->config = (struct tcp_config){
		.name = "host",
		.numa_node = -1,
		.connections = 64,
		.syn_received = 64,
		.time_wait = 64,
		.side_records = 64,
		.segment_truesize = HOST_TRUESIZE,
		.receive_budget = 256 * HOST_TRUESIZE,
		.send_budget = 1U << 20,
		.ooo_segments = 512,
		.mtu = 1500,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 924600,
		.header_pool = host->header,
		.indirect_pool = host->indirect,
		.ops = ops,
		.app = app,
	};
	memset(host->config.secret, 0x5a, sizeof(host->config.secret));
}

int host_init(struct host *host, const struct tcp_ops *ops, void *app)
{
	memset(host, 0, sizeof(*host));
	host->now_us = START_US;
	host->last = &host->first;
	host->rx = rte_pktmbuf_pool_create("rx", 4095, 0, 0, ROOM, SOCKET_ID_ANY);
	host->payload = rte_pktmbuf_pool_create("payload", 4095, 0, 0, ROOM, SOCKET_ID_ANY);
	host->header = rte_pktmbuf_pool_create("header", 1023, 0, 0, ROOM, SOCKET_ID_ANY);
	host->indirect = rte_pktmbuf_pool_create("indirect", 4095, 0, 0, 0, SOCKET_ID_ANY);
	if (host->rx == NULL || host->payload == NULL || host->header == NULL ||
	    host->indirect == NULL) {
		(void)fprintf(stderr, "host: no memory for pools\n");
		return -1;
	}
	default_config(host, ops, app);
	return 0;
}

int host_boot(struct host *host)
{
	host->stack = tcp_stack_create(&host->config);
	if (host->stack == NULL) {
		perror("host: tcp_stack_create");
		return -1;
	}
	return 0;
}

unsigned int host_fini(struct host *host)
{
	struct rte_mempool *pools[] = {host->rx, host->payload, host->header, host->indirect};
	struct host_packet *packet;
	unsigned int left = 0;

	while ((packet = host_take(host)) != NULL) {
		free(packet);
	}
	tcp_stack_destroy(host->stack);
	for (size_t i = 0; i < RTE_DIM(pools); i++) {
		left += pools[i] != NULL ? rte_mempool_in_use_count(pools[i]) : 0;
		rte_mempool_free(pools[i]);
	}
	return left;
}

static void queue_packet(struct host *host, struct rte_mbuf *mbuf)
{
	struct host_packet *packet = malloc(sizeof(*packet) + mbuf->pkt_len);
	const void *bytes;

	if (packet == NULL) {
		abort();
	}
	*packet = (struct host_packet){.at_us = host->now_us, .len = mbuf->pkt_len};
	bytes = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, packet->bytes);
	if (bytes != packet->bytes) {
		memcpy(packet->bytes, bytes, mbuf->pkt_len);
	}
	*host->last = packet;
	host->last = &packet->next;
	if (host->tap != NULL) {
		host->tap(host->tap_arg, '>', packet->bytes, packet->len, packet->at_us);
	}
	rte_pktmbuf_free(mbuf);
}

void host_flush(struct host *host)
{
	struct rte_mbuf *packets[32];
	uint16_t count;

	do {
		count = tcp_output(host->stack, packets, RTE_DIM(packets), host->now_us);
		for (uint16_t i = 0; i < count; i++) {
			queue_packet(host, packets[i]);
		}
	} while (count > 0);
}

/* NULL when the pool is empty. */
static struct rte_mbuf *load_packet(struct host *host, const uint8_t *bytes, size_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(host->rx);
	struct rte_mbuf *mbuf = head;

	while (mbuf != NULL) {
		uint16_t room = rte_pktmbuf_tailroom(mbuf);
		uint16_t part = len < room ? (uint16_t)len : room;

		memcpy(rte_pktmbuf_mtod(mbuf, void *), bytes, part);
		mbuf->data_len = part;
		mbuf->pkt_len = part;
		if (mbuf != head && rte_pktmbuf_chain(head, mbuf) < 0) {
			rte_pktmbuf_free(mbuf);
			break;
		}
		bytes += part;
		len -= part;
		if (len == 0) {
			return head;
		}
		mbuf = rte_pktmbuf_alloc(host->rx);
	}
	rte_pktmbuf_free(head);
	return NULL;
}

int host_input(struct host *host, const void *bytes, size_t len)
{
	struct rte_mbuf *packet;

	if (host->tap != NULL) {
		host->tap(host->tap_arg, '<', bytes, len, host->now_us);
	}
	if (!host_icmp_input(host, bytes, len)) {
		packet = load_packet(host, bytes, len);
		if (packet == NULL) {
			return -1;
		}
		tcp_input(host->stack, &packet, 1, host->now_us);
	}
	host_flush(host);
	return 0;
}

static void run_timers(struct host *host)
{
	uint32_t ran = 0;

	while (tcp_next_timer_us(host->stack) <= host->now_us) {
		ran += tcp_timers(host->stack, host->now_us, TIMERS_MAX);
		if (++ran > TIMERS_STOP) {
			(void)fprintf(stderr, "host: timers do not end\n");
			abort();
		}
	}
	host_flush(host);
}

bool host_step(struct host *host, uint64_t until_us)
{
	uint64_t next = tcp_next_timer_us(host->stack);

	if (next > until_us || next == UINT64_MAX) {
		return false;
	}
	host->now_us = next > host->now_us ? next : host->now_us;
	run_timers(host);
	return true;
}

void host_advance(struct host *host, uint64_t until_us)
{
	while (host_step(host, until_us)) {
	}
	host->now_us = until_us > host->now_us ? until_us : host->now_us;
	/* The stack's clock is the time of the last call: what its owner does next is now. */
	(void)tcp_timers(host->stack, host->now_us, TIMERS_MAX);
}

struct host_packet *host_take(struct host *host)
{
	struct host_packet *packet = host->first;

	if (packet != NULL) {
		host->first = packet->next;
		if (host->first == NULL) {
			host->last = &host->first;
		}
	}
	return packet;
}
