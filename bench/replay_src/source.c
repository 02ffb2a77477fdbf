#include "bench/replay_src/source.h"

#include <errno.h>
#include <pthread.h>
#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT  20000u
#define TIMEOUT_MS  100u
#define REPLY_MAX   2048u
#define TSVAL_SHIFT 21 /* of the time stamp counter: about a millisecond */

static void add(_Atomic uint64_t *value, uint64_t n)
{
	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static struct flow_time now(const struct source *source)
{
	uint64_t tsc = rte_rdtsc();

	return (struct flow_time){
		.tsc = tsc,
		.timeout_tsc = source->tsc_hz / 1000 * TIMEOUT_MS,
		.tsval = (uint32_t)(tsc >> TSVAL_SHIFT),
	};
}

/* A question that the worker answers, and learns our address from (RFC 826). */
static void put_arp(struct source *source, struct rte_mbuf *m)
{
	struct {
		struct rte_ether_hdr ether;
		struct rte_arp_hdr arp;
	} __attribute__((packed, aligned(2))) *frame = rte_pktmbuf_mtod(m, void *);
	const struct flow_headers *h = &source->flows[0].headers;

	memset(frame, 0, 60);
	memset(&frame->ether.dst_addr, 0xff, sizeof(frame->ether.dst_addr));
	frame->ether.src_addr = h->ether.src_addr;
	frame->ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP);
	frame->arp = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = h->ether.src_addr,
			     .arp_sip = h->ip.src_addr,
			     .arp_tip = h->ip.dst_addr},
	};
	m->data_len = 60;
	m->pkt_len = 60;
}

static uint16_t put_flow(struct source *source, struct flow *flow, struct rte_mbuf **frames,
			 uint16_t room, const struct flow_time *time)
{
	uint32_t mode = atomic_load_explicit(&source->mode, memory_order_acquire);
	uint16_t max = room < source->config.train ? room : (uint16_t)source->config.train;

	if (flow->state == FLOW_PUBLISHING && mode == SOURCE_MEDIA && flow->out.len == 0) {
		return flow_put_media(flow, source->config.stream, frames, max, time);
	}
	return flow_put_setup(flow, frames, max, time);
}

static uint64_t bytes_of(struct rte_mbuf *const *frames, uint16_t count)
{
	uint64_t bytes = 0;

	for (uint16_t i = 0; i < count; i++) {
		bytes += frames[i]->pkt_len;
	}
	return bytes;
}

static uint16_t fill(struct source *source, struct rte_mbuf **frames, uint16_t count,
		     const struct flow_time *time)
{
	uint16_t filled = 0;

	if (atomic_load_explicit(&source->mode, memory_order_acquire) == SOURCE_SILENT) {
		return 0;
	}
	if (!source->announced) {
		source->announced = true;
		put_arp(source, frames[filled++]);
	}
	for (uint32_t i = 0; i < source->config.flows && filled < count; i++) {
		struct flow *flow = &source->flows[source->next];

		filled += put_flow(source, flow, frames + filled, (uint16_t)(count - filled), time);
		source->next = source->next + 1 < source->config.flows ? source->next + 1 : 0;
	}
	return filled;
}

static void note_thread(struct source *source)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) == 0) {
		source->noted = true;
		atomic_store(&source->counts.cpu_clock, clock);
	}
}

/* After rte_eth_rx_burst(): what came from the null PMD are `count` mbufs without content. */
static uint16_t on_receive(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count,
			   uint16_t max, void *arg)
{
	struct source *source = arg;
	struct flow_time time = now(source);

	(void)port;
	(void)queue;
	(void)max;
	if (!source->noted) {
		note_thread(source);
	}
	uint16_t filled = fill(source, frames, count, &time);
	rte_pktmbuf_free_bulk(frames + filled, count - filled);
	add(&source->counts.frames, filled);
	add(&source->counts.bytes, bytes_of(frames, filled));
	add(&source->counts.cycles, rte_rdtsc() - time.tsc);
	return filled;
}

static void take(struct source *source, const struct rte_mbuf *frame, const struct flow_time *time)
{
	uint8_t copy[REPLY_MAX];
	uint32_t length = frame->pkt_len;

	if (length > sizeof(copy) || length < sizeof(struct flow_headers) - 12) {
		return;
	}
	const uint8_t *data = rte_pktmbuf_read(frame, 0, length, copy);
	if (data == NULL) {
		return;
	}
	if (data != copy) {
		memcpy(copy, data, length);
	}
	const struct flow_headers *h = (const void *)copy;
	uint32_t tcp_header = (h->tcp.data_off >> 4) * 4u;
	uint32_t header = sizeof(h->ether) + sizeof(h->ip) + tcp_header;
	uint32_t end = sizeof(h->ether) + rte_be_to_cpu_16(h->ip.total_length);
	uint32_t number = rte_be_to_cpu_16(h->tcp.dst_port) - FIRST_PORT;
	if (h->ether.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) && header <= end &&
	    end <= length && number < source->config.flows) {
		flow_take(&source->flows[number], &h->tcp, copy + header, end - header, time);
	}
}

/* What the main thread wants to know; only while nothing goes at full speed. */
static void count_flows(struct source *source)
{
	uint32_t publishing = 0;
	uint32_t failed = 0;
	uint32_t flying = 0;
	uint64_t rewinds = 0;

	for (uint32_t i = 0; i < source->config.flows; i++) {
		const struct flow *flow = &source->flows[i];

		publishing += flow->state == FLOW_PUBLISHING;
		failed += flow->state == FLOW_FAILED;
		flying += flow->snd_una != flow->snd_nxt;
		rewinds += flow->rewinds;
	}
	atomic_store_explicit(&source->counts.rewinds, rewinds, memory_order_relaxed);
	atomic_store_explicit(&source->counts.failed, failed, memory_order_relaxed);
	atomic_store_explicit(&source->counts.flying, flying, memory_order_relaxed);
	atomic_store_explicit(&source->counts.publishing, publishing, memory_order_release);
}

/* Before rte_eth_tx_burst(), whose null PMD frees them. */
static uint16_t on_transmit(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count,
			    void *arg)
{
	struct source *source = arg;
	struct flow_time time = now(source);

	(void)port;
	(void)queue;
	for (uint16_t i = 0; i < count; i++) {
		take(source, frames[i], &time);
	}
	if (atomic_load_explicit(&source->mode, memory_order_relaxed) != SOURCE_MEDIA) {
		count_flows(source);
	}
	add(&source->counts.returned, count);
	add(&source->counts.cycles, rte_rdtsc() - time.tsc);
	return count;
}

static void init_flows(struct source *source)
{
	const struct source_config *config = &source->config;
	struct flow_config flow = {
		.server_mac = config->server_mac,
		.client_mac = {.addr_bytes = {2, 0, 0, 0, 1, (uint8_t)config->queue}},
		.server = config->server,
		.client = config->client,
		.chunk_size = config->chunk_size,
		.checksums = config->checksums,
	};

	for (uint32_t i = 0; i < config->flows; i++) {
		flow.port = (uint16_t)(FIRST_PORT + i);
		flow.number = config->queue * config->flows + i;
		if (config->free_running) {
			flow_init_free_running(&source->flows[i], &flow);
		} else {
			flow_init(&source->flows[i], &flow);
		}
	}
}

struct source *source_create(const struct source_config *config)
{
	struct source *source = aligned_alloc(128, sizeof(*source));

	if (source == NULL) {
		return NULL;
	}
	*source = (struct source){
		.config = *config,
		.flows = calloc(config->flows, sizeof(*source->flows)),
		.tsc_hz = rte_get_tsc_hz(),
		.announced = config->free_running,
		.mode = config->free_running ? SOURCE_MEDIA : SOURCE_SILENT,
	};
	if (source->flows == NULL) {
		free(source);
		return NULL;
	}
	init_flows(source);
	source->rx = rte_eth_add_rx_callback(config->port, config->queue, on_receive, source);
	source->tx = rte_eth_add_tx_callback(config->port, config->queue, on_transmit, source);
	if (source->rx == NULL || source->tx == NULL) {
		source_destroy(source);
		errno = ENOTSUP;
		return NULL;
	}
	return source;
}

void source_destroy(struct source *source)
{
	if (source == NULL) {
		return;
	}
	if (source->rx != NULL) {
		(void)rte_eth_remove_rx_callback(source->config.port, source->config.queue,
						 source->rx);
	}
	if (source->tx != NULL) {
		(void)rte_eth_remove_tx_callback(source->config.port, source->config.queue,
						 source->tx);
	}
	free(source->flows);
	free(source);
}

void source_set_mode(struct source *source, enum source_mode mode)
{
	atomic_store_explicit(&source->mode, mode, memory_order_release);
}

uint64_t source_messages(const struct source *source)
{
	uint64_t messages = 0;

	for (uint32_t i = 0; i < source->config.flows; i++) {
		messages += stream_messages(source->config.stream,
					    flow_acknowledged(&source->flows[i]));
	}
	return messages;
}
