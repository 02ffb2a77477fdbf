#include "bench/gen/stack.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/gen/chain.h"
#include "bench/gen/device.h"
#include "bench/gen/fleet.h"
#include "dataplane/clock.h"
#include "tcpstack/tcp.h"

#define SEND_BUDGET       (256u << 10)
#define SEND_BUDGET_LEAST (16u << 10)
#define SEND_BUDGET_ALL   (64u << 20)
#define PIECES            256u
#define NAME_US           200000u

struct stack {
	struct transport base;
	struct device device;
	struct dp_clock clock;
	struct tcp_stack *tcp;
	struct chain_source source;
	struct tcp_endpoint server;
	uint32_t next_address;
	uint64_t named_us;
	uint64_t busy_cycles;
	uint64_t total_cycles;
	uint64_t base_segments;
	uint64_t base_retransmits;
};

static uint8_t *stack_memory(struct transport *t, size_t size)
{
	struct stack *s = (struct stack *)t;
	const struct rte_memzone *zone =
		rte_memzone_reserve("gen-payload", size, SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG);

	if (zone == NULL) {
		return NULL;
	}
	chain_source_share(&s->source, zone->addr, zone->iova, size);
	return zone->addr;
}

static enum gen_end end_of(enum tcp_close_reason reason)
{
	switch (reason) {
	case TCP_CLOSE_NORMAL:
		return GEN_END_NORMAL;
	case TCP_CLOSE_RESET:
		return GEN_END_RESET;
	case TCP_CLOSE_TIMEOUT:
	case TCP_CLOSE_KEEPALIVE:
		return GEN_END_TIMEOUT;
	case TCP_CLOSE_UNREACHABLE:
		return GEN_END_UNREACHABLE;
	case TCP_CLOSE_REFUSED:
		return GEN_END_CONNECT_REFUSED;
	case TCP_CLOSE_RESOURCE:
		return GEN_END_NO_MEMORY;
	default:
		return GEN_END_OTHER;
	}
}

static enum gen_end stack_connect(struct transport *t, struct publisher *p)
{
	struct stack *s = (struct stack *)t;
	const struct gen_options *o = t->fleet->options;
	struct tcp_endpoint local = {.addr = o->addresses[s->next_address].addr};

	s->next_address = (s->next_address + 1) % o->addresses_count;
	p->conn = tcp_connect(s->tcp, &local, &s->server, p, t->fleet->now_us);
	if (p->conn != NULL) {
		return GEN_END_NORMAL;
	}
	return errno == EADDRNOTAVAIL ? GEN_END_NO_PORT : GEN_END_NO_MEMORY;
}

/* A full queue says when it is half empty again only to those it has refused. */
static void ask_writable(struct stack *s, struct tcp_conn *conn)
{
	struct rte_mbuf *byte = rte_pktmbuf_alloc(s->device.data_pool);

	if (byte == NULL) {
		return;
	}
	byte->data_len = 1;
	byte->pkt_len = 1;
	if (tcp_send(conn, byte) != 0) {
		rte_pktmbuf_free(byte);
	}
}

static enum transport_sent stack_send(struct transport *t, struct publisher *p, uint32_t limit)
{
	struct stack *s = (struct stack *)t;
	struct iovec iov[PIECES];

	while (p->outbox.count > 0) {
		uint32_t space = tcp_send_space(p->conn);
		uint32_t count;

		if (space == 0) {
			ask_writable(s, p->conn);
			return TRANSPORT_SENT;
		}
		uint32_t bytes =
			outbox_cut(&p->outbox, space < limit ? space : limit, iov, PIECES, &count);
		struct rte_mbuf *chain = chain_make(&s->source, iov, count);
		if (chain == NULL) {
			return TRANSPORT_RETRY;
		}
		if (tcp_send(p->conn, chain) != 0) {
			rte_pktmbuf_free(chain);
			return TRANSPORT_LOST;
		}
		outbox_taken(&p->outbox, &t->fleet->outboxes, bytes);
		if (limit != UINT32_MAX) {
			break;
		}
	}
	return TRANSPORT_SENT;
}

static void stack_close(struct transport *t, struct publisher *p)
{
	(void)t;
	tcp_close(p->conn);
}

static void stack_abort(struct transport *t, struct publisher *p)
{
	struct tcp_conn *conn = p->conn;

	(void)t;
	if (conn != NULL) {
		p->conn = NULL;
		tcp_set_user(conn, NULL); /* closed() has nobody to tell */
		tcp_abort(conn);
	}
}

static void received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct publisher *p = user;

	for (struct rte_mbuf *m = chain; m != NULL && p != NULL && p->conn == conn; m = m->next) {
		publisher_received(p, rte_pktmbuf_mtod(m, uint8_t *), m->data_len);
	}
	rte_pktmbuf_free(chain);
}

static void connected(void *user, struct tcp_conn *conn)
{
	(void)conn;
	publisher_connected(user);
}

static void peer_closed(void *user, struct tcp_conn *conn)
{
	(void)conn;
	if (user != NULL) {
		publisher_peer_closed(user);
	}
}

static void writable(void *user, struct tcp_conn *conn)
{
	(void)conn;
	if (user != NULL) {
		publisher_writable(user);
	}
}

static void closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct publisher *p = user;

	(void)conn;
	if (p != NULL) {
		p->conn = NULL;
		publisher_closed(p, end_of(reason));
	}
}

static bool accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	(void)conn;
	return false; /* we do not listen */
}

static const struct tcp_ops tcp_ops = {
	.accepted = accepted,
	.connected = connected,
	.received = received,
	.peer_closed = peer_closed,
	.writable = writable,
	.closed = closed,
};

/* The flood speaks in the name of those who publish now; looked up now and then. */
static void name_live(struct stack *s, uint64_t now_us)
{
	struct flood *flood = &s->device.flood;
	const struct fleet *fleet = s->base.fleet;
	struct tcp_info info;

	if (!flood->live || now_us < s->named_us) {
		return;
	}
	s->named_us = now_us + NAME_US;
	flood->live_count = 0;
	for (uint32_t i = 0; i < fleet->started && flood->live_count < FLOOD_LIVE_MAX; i++) {
		if (fleet->publishers[i].state != PUBLISHER_PUBLISHING ||
		    fleet->publishers[i].conn == NULL) {
			continue;
		}
		tcp_conn_info(fleet->publishers[i].conn, &info);
		flood->live_ends[flood->live_count++] =
			(struct endpoint){.addr = info.local.addr, .port = info.local.port};
	}
}

static uint32_t transmit(struct stack *s, uint64_t now_us)
{
	struct rte_mbuf *packets[DEVICE_BURST];

	while (device_has_room(&s->device)) {
		uint16_t count = tcp_output(s->tcp, packets, DEVICE_BURST, now_us);

		net_output(&s->device.net, packets, count);
		if (count < DEVICE_BURST) {
			break;
		}
	}
	return device_send(&s->device, now_us);
}

static void stack_turn(struct transport *t)
{
	struct stack *s = (struct stack *)t;
	struct rte_mbuf *packets[DEVICE_PACKETS];
	uint64_t begin = rte_rdtsc();
	uint64_t now_us = dp_clock_us(&s->clock, begin);
	uint32_t work;

	t->fleet->now_us = now_us;
	net_begin(&s->device.net, now_us);
	uint16_t count = device_receive(&s->device, packets, &work, now_us);
	if (count > 0) {
		tcp_input(s->tcp, packets, count, now_us);
	}
	work += tcp_timers(s->tcp, now_us, DEVICE_BURST);
	fleet_turn(t->fleet, now_us);
	net_timers(&s->device.net);
	name_live(s, now_us);
	work += transmit(s, now_us);
	uint64_t cycles = rte_rdtsc() - begin;
	s->total_cycles += cycles;
	s->busy_cycles += work > 0 ? cycles : 0;
}

static void stack_reset(struct transport *t)
{
	struct stack *s = (struct stack *)t;
	const uint64_t *tcp = tcp_counters(s->tcp);

	s->busy_cycles = 0;
	s->total_cycles = 0;
	s->device.flood.running = true;
	s->base_segments = tcp[TCP_COUNTER_tx_segments];
	s->base_retransmits = tcp[TCP_COUNTER_retransmits];
}

static void stack_usage(const struct transport *t, struct transport_usage *usage)
{
	const struct stack *s = (const struct stack *)t;
	const uint64_t *tcp = tcp_counters(s->tcp);

	*usage = (struct transport_usage){
		.busy_percent = 100.0 * (double)s->busy_cycles / (double)(s->total_cycles + 1),
		.tx_segments = tcp[TCP_COUNTER_tx_segments] - s->base_segments,
		.retransmits = tcp[TCP_COUNTER_retransmits] - s->base_retransmits,
		.link_lost =
			s->device.rx_impair.lost + s->device.tx_impair.lost + s->device.overflowed,
		.link_duplicated = s->device.rx_impair.duplicated + s->device.tx_impair.duplicated,
		.link_reordered = s->device.rx_impair.reordered + s->device.tx_impair.reordered,
		.flood_packets = s->device.flood.sent,
		.flood_opened = s->device.flood.intruders.opened,
	};
}

static void stack_destroy(struct transport *t)
{
	struct stack *s = (struct stack *)t;

	if (s->tcp != NULL) {
		tcp_abort_all(s->tcp);
		(void)transmit(s, t->fleet->now_us);
		tcp_stack_destroy(s->tcp);
	}
	device_close(&s->device);
	free(s);
}

static const struct transport_ops stack_ops = {
	.memory = stack_memory,
	.connect = stack_connect,
	.send = stack_send,
	.close = stack_close,
	.abort = stack_abort,
	.turn = stack_turn,
	.reset = stack_reset,
	.usage = stack_usage,
	.destroy = stack_destroy,
};

/*
 * A connection that waits for a retransmission keeps its budget full of buffers. Some hundred of
 * thousands do so at a time when the server's ring overflows: they must not take everybody's.
 */
static uint32_t send_budget(const struct gen_options *o)
{
	uint32_t share = SEND_BUDGET_ALL / o->publishers;

	if (share > SEND_BUDGET) {
		return SEND_BUDGET;
	}
	return share > SEND_BUDGET_LEAST ? share : SEND_BUDGET_LEAST;
}

static bool on_icmp_error(void *app, const struct tcp_icmp *error)
{
	struct stack *s = app;

	return tcp_icmp_error(s->tcp, error, s->base.fleet->now_us);
}

static int create_tcp(struct stack *s, const struct gen_options *o)
{
	struct tcp_config config = {
		.name = "gen",
		.numa_node = SOCKET_ID_ANY,
		.connections = o->publishers + 256,
		.syn_received = 16,
		.time_wait = o->publishers + 32768,
		.side_records = o->publishers + 16,
		.segment_truesize = 2368,
		.receive_budget = 256 * 1024,
		.send_budget = send_budget(o),
		.ooo_segments = 64,
		.mtu = 1500,
		.offload_tx = dp_port_tcp_offloads(&s->device.port),
		.tso_pieces = s->device.port.tso_pieces,
		.time_wait_ms = 1000,
		.fin_wait_ms = 1000,
		.user_timeout_ms = 30000,
		.header_pool = s->device.rx_pool,
		.indirect_pool = s->device.indirect_pool,
		.ops = &tcp_ops,
	};
	int rc = 0;

	if (getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret)) {
		return -EIO;
	}
	s->tcp = tcp_stack_create(&config);
	if (s->tcp == NULL) {
		return -errno;
	}
	s->device.net.icmp_error = on_icmp_error;
	s->device.net.app = s;
	for (uint32_t i = 0; i < o->addresses_count && rc == 0; i++) {
		rc = tcp_add_address(s->tcp, &o->addresses[i].addr);
	}
	return rc;
}

struct transport *stack_create(const struct gen_options *o, struct fleet *fleet)
{
	struct stack *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s != NULL) {
		s->base = (struct transport){.ops = &stack_ops, .fleet = fleet};
		s->server = (struct tcp_endpoint){.addr = o->server.addr, .port = o->server.port};
		rc = device_open(&s->device, o);
	}
	if (rc == 0) {
		dp_clock_init(&s->clock, rte_get_tsc_hz());
		fleet->now_us = dp_clock_us(&s->clock, rte_rdtsc());
		rc = create_tcp(s, o);
	}
	if (rc == 0) {
		chain_source_init(&s->source, s->device.data_pool, s->device.slice_pool);
		return &s->base;
	}
	fprintf(stderr, "penstock-gen: %s: %s\n", o->device, strerror(-rc));
	if (s != NULL) {
		stack_destroy(&s->base);
	}
	return NULL;
}
