/*
 * goodput-stack: flows of the pattern (pattern.h), sent by Penstock's own TCP on a DPDK port. All
 * flows begin at the same time. Prints its figures as JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bench/common/option.h"
#include "bench/gen/chain.h"
#include "bench/gen/device.h"
#include "control/config/address.h"
#include "dataplane/clock.h"
#include "tcpstack/tcp.h"
#include "tests/goodput/pattern.h"

#define FLOWS_MAX      256u
#define CONNECT_US     UINT64_C(20000000)
#define END_US         UINT64_C(60000000)
#define SEND_ALL       (64u << 20) /* what all flows may have queued */
#define SEND_MOST      (16u << 20)
#define PIECE          (64u << 10)
#define RECEIVE_BUDGET (256u << 10)

struct sender;

struct flow {
	struct sender *sender;
	struct tcp_conn *conn; /* NULL: it ended */
	uint64_t sent;
	bool closed; /* our direction */
};

struct stack_options {
	const char *device;
	const char *address;
	bool no_hugepages;
	uint32_t core;
	uint32_t flows;
	uint32_t seconds;
	uint64_t bytes;
	struct endpoint to;
	bool has_to;
	struct in6_addr via;
	bool has_via;
};

struct sender {
	const struct stack_options *options;
	struct device device;
	struct dp_clock clock;
	struct tcp_stack *tcp;
	struct chain_source source;
	uint8_t *pattern;
	uint64_t now_us;
	uint32_t connected;
	uint32_t ended;
	uint32_t failed;
	struct flow flows[FLOWS_MAX];
};

static volatile sig_atomic_t stopped;

#define AT(member) offsetof(struct stack_options, member)

static int take_to(void *options, const char *text, const char **why)
{
	struct stack_options *o = options;

	o->has_to = true;
	return endpoint_parse(text, &o->to, why);
}

static int take_via(void *options, const char *text, const char **why)
{
	struct stack_options *o = options;

	o->has_via = true;
	return address_parse(text, &o->via, why);
}

static const struct option_entry entries[] = {
	{.name = "device",
	 .argument = "DEVICE",
	 .kind = OPTION_TEXT,
	 .offset = AT(device),
	 .help = "EAL --vdev string"},
	{.name = "address",
	 .argument = "ADDR/LEN",
	 .kind = OPTION_TEXT,
	 .offset = AT(address),
	 .help = "ours"},
	{.name = "to",
	 .argument = "ADDR:PORT",
	 .kind = OPTION_CALL,
	 .call = take_to,
	 .help = "where"},
	{.name = "via",
	 .argument = "ADDR",
	 .kind = OPTION_CALL,
	 .call = take_via,
	 .help = "router on the way there"},
	{.name = "flows",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(flows),
	 .min = 1,
	 .max = FLOWS_MAX,
	 .help = "connections"},
	{.name = "seconds",
	 .argument = "S",
	 .kind = OPTION_NUMBER,
	 .offset = AT(seconds),
	 .max = 3600,
	 .help = "send for so long; 0: until all flows ended in order"},
	{.name = "bytes",
	 .argument = "N",
	 .kind = OPTION_LONG,
	 .offset = AT(bytes),
	 .max = UINT64_C(1) << 40,
	 .help = "of each flow; 0: without end"},
	{.name = "core",
	 .argument = "CPU",
	 .kind = OPTION_NUMBER,
	 .offset = AT(core),
	 .max = 1023,
	 .help = "where to run"},
	{.name = "no-hugepages",
	 .kind = OPTION_FLAG,
	 .offset = AT(no_hugepages),
	 .help = "ordinary memory for DPDK"},
};

static const struct option_program program = {
	.name = "goodput-stack",
	.synopsis = "--device DEVICE --address ADDR/LEN --to ADDR:PORT [options]",
	.purpose = "Sends flows of bytes by Penstock's TCP on a DPDK port.",
	.entries = entries,
	.count = sizeof(entries) / sizeof(entries[0]),
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* As much as the queue takes. */
static void fill(struct flow *f)
{
	struct sender *s = f->sender;
	uint64_t bytes = s->options->bytes;

	while (!f->closed) {
		uint64_t left = bytes != 0 ? bytes - f->sent : PIECE;
		uint32_t space = tcp_send_space(f->conn);
		uint32_t len = left < PIECE ? (uint32_t)left : PIECE;
		struct iovec piece = {.iov_base = s->pattern + f->sent % PATTERN_PERIOD};

		if (left == 0) {
			f->closed = true;
			tcp_close(f->conn);
			return;
		}
		piece.iov_len = len < space ? len : space;
		struct rte_mbuf *chain =
			piece.iov_len > 0 ? chain_make(&s->source, &piece, 1) : NULL;
		if (chain == NULL) {
			return;
		}
		if (tcp_send(f->conn, chain) != 0) {
			rte_pktmbuf_free(chain);
			return;
		}
		f->sent += piece.iov_len;
	}
}

static bool accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	(void)conn;
	return false; /* we do not listen */
}

static void connected(void *user, struct tcp_conn *conn)
{
	struct flow *f = user;

	(void)conn;
	f->sender->connected++;
}

static void received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	(void)user;
	(void)conn;
	rte_pktmbuf_free(chain);
}

static void peer_closed(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

/* Queues are looked at once a loop, asked or not. */
static void writable(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static void closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct flow *f = user;

	(void)conn;
	f->conn = NULL;
	f->sender->ended++;
	if (reason != TCP_CLOSE_NORMAL && reason != TCP_CLOSE_ABORTED) {
		f->sender->failed++;
		fprintf(stderr, "goodput-stack: %s\n", tcp_close_reason_text(reason));
	}
}

static const struct tcp_ops ops = {
	.accepted = accepted,
	.connected = connected,
	.received = received,
	.peer_closed = peer_closed,
	.writable = writable,
	.closed = closed,
};

static void transmit(struct sender *s)
{
	struct rte_mbuf *packets[DEVICE_BURST];
	uint16_t count = DEVICE_BURST;

	while (count == DEVICE_BURST && device_has_room(&s->device)) {
		count = tcp_output(s->tcp, packets, DEVICE_BURST, s->now_us);
		net_output(&s->device.net, packets, count);
	}
	(void)device_send(&s->device, s->now_us);
}

static void turn(struct sender *s, bool sending)
{
	struct rte_mbuf *packets[DEVICE_PACKETS];
	uint32_t frames;

	s->now_us = dp_clock_us(&s->clock, rte_rdtsc());
	net_begin(&s->device.net, s->now_us);
	uint16_t count = device_receive(&s->device, packets, &frames, s->now_us);
	if (count > 0) {
		tcp_input(s->tcp, packets, count, s->now_us);
	}
	(void)tcp_timers(s->tcp, s->now_us, DEVICE_BURST);
	for (uint32_t i = 0; sending && i < s->options->flows; i++) {
		if (s->flows[i].conn != NULL) {
			fill(&s->flows[i]);
		}
	}
	net_timers(&s->device.net);
	transmit(s);
}

static int create_tcp(struct sender *s, const struct in6_addr *address)
{
	uint32_t share = SEND_ALL / s->options->flows;
	struct tcp_config config = {
		.name = "goodput",
		.numa_node = SOCKET_ID_ANY,
		.connections = FLOWS_MAX,
		.syn_received = 16,
		.time_wait = FLOWS_MAX,
		.side_records = FLOWS_MAX,
		.segment_truesize = 2368,
		.receive_budget = RECEIVE_BUDGET,
		.send_budget = share < SEND_MOST ? share : SEND_MOST,
		.ooo_segments = 64,
		.mtu = 1500,
		.offload_tx = dp_port_tcp_offloads(&s->device.port),
		.tso_pieces = s->device.port.tso_pieces,
		.time_wait_ms = 1000,
		.fin_wait_ms = 10000,
		.user_timeout_ms = 60000,
		.header_pool = s->device.rx_pool,
		.indirect_pool = s->device.indirect_pool,
		.ops = &ops,
	};

	if (getrandom(config.secret, sizeof(config.secret), 0) != sizeof(config.secret)) {
		return -EIO;
	}
	s->tcp = tcp_stack_create(&config);
	return s->tcp != NULL ? tcp_add_address(s->tcp, address) : -errno;
}

static int share_pattern(struct sender *s)
{
	const struct rte_memzone *zone = rte_memzone_reserve(
		"goodput-pattern", PATTERN_SIZE, SOCKET_ID_ANY, RTE_MEMZONE_IOVA_CONTIG);

	if (zone == NULL) {
		return -ENOMEM;
	}
	s->pattern = zone->addr;
	pattern_fill(s->pattern);
	chain_source_init(&s->source, s->device.data_pool, s->device.slice_pool);
	chain_source_share(&s->source, s->pattern, zone->iova, PATTERN_SIZE);
	return 0;
}

static bool on_icmp_error(void *app, const struct tcp_icmp *error)
{
	struct sender *s = app;

	return tcp_icmp_error(s->tcp, error, s->now_us);
}

/* The longest prefix stands first; there is room, for the device has one address. */
static void add_route(struct net_iface *iface, const struct stack_options *o)
{
	if (o->has_via) {
		memmove(&iface->routes[1], &iface->routes[0],
			iface->routes_count++ * sizeof(iface->routes[0]));
		iface->routes[0] = (struct net_route){
			.to = {.addr = o->to.addr, .length = 128},
			.via = o->via,
		};
	}
}

static int open_sender(struct sender *s, const struct stack_options *o)
{
	static struct gen_options device;
	const char *why = NULL;

	device.device = o->device;
	device.core = o->core;
	device.no_hugepages = o->no_hugepages;
	device.publishers = o->flows;
	device.server = o->to;
	device.addresses_count = 1;
	if (prefix_parse(o->address, &device.addresses[0], &why) != 0) {
		fprintf(stderr, "goodput-stack: --address: %s\n", why);
		return -EINVAL;
	}
	s->options = o;
	int rc = device_open(&s->device, &device);
	if (rc == 0) {
		add_route(&s->device.iface, o);
		s->device.net.icmp_error = on_icmp_error;
		s->device.net.app = s;
		dp_clock_init(&s->clock, rte_get_tsc_hz());
		rc = create_tcp(s, &device.addresses[0].addr);
	}
	return rc == 0 ? share_pattern(s) : rc;
}

static int connect_all(struct sender *s, const struct in6_addr *address)
{
	struct tcp_endpoint to = {.addr = s->options->to.addr, .port = s->options->to.port};
	struct tcp_endpoint local = {.addr = *address};

	turn(s, false);
	uint64_t end_us = s->now_us + CONNECT_US;
	for (uint32_t i = 0; i < s->options->flows; i++) {
		s->flows[i].sender = s;
		s->flows[i].conn = tcp_connect(s->tcp, &local, &to, &s->flows[i], s->now_us);
		if (s->flows[i].conn == NULL) {
			return -errno;
		}
	}
	while (s->connected < s->options->flows && s->ended == 0 && !stopped &&
	       s->now_us < end_us) {
		turn(s, false);
	}
	return s->connected == s->options->flows && s->ended == 0 ? 0 : -ETIMEDOUT;
}

static void report(const struct sender *s, double seconds)
{
	const uint64_t *tcp = tcp_counters(s->tcp);
	uint64_t queued = 0, sent = 0;

	for (uint32_t i = 0; i < s->options->flows; i++) {
		struct tcp_info info = {0};

		if (s->flows[i].conn != NULL) {
			tcp_conn_info(s->flows[i].conn, &info);
		}
		sent += s->flows[i].sent;
		queued += info.send_queue;
	}
	printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"sent\": %" PRIu64
	       ", \"retransmits\": %" PRIu64 ", \"timeouts\": %" PRIu64
	       ", \"fast_retransmits\": %" PRIu64,
	       sent - queued, seconds, sent, tcp[TCP_COUNTER_retransmits],
	       tcp[TCP_COUNTER_retransmit_timeouts], tcp[TCP_COUNTER_fast_retransmits]);
	printf(", \"segments\": %" PRIu64 ", \"large\": %" PRIu64 ", \"pmtu_lowered\": %" PRIu64
	       ", \"pmtu_black_holes\": %" PRIu64 "}\n",
	       tcp[TCP_COUNTER_tx_segments], tcp[TCP_COUNTER_tx_large],
	       tcp[TCP_COUNTER_pmtu_lowered], tcp[TCP_COUNTER_pmtu_black_holes]);
}

static int send_all(struct sender *s)
{
	const struct stack_options *o = s->options;
	uint64_t begin_us = s->now_us;
	uint64_t end_us = begin_us + (o->seconds != 0 ? o->seconds * UINT64_C(1000000) : END_US);

	while (!stopped && s->ended < o->flows && s->now_us < end_us) {
		turn(s, true);
	}
	report(s, (double)(s->now_us - begin_us) / 1e6);
	bool whole = o->seconds != 0 || s->ended == o->flows;
	tcp_abort_all(s->tcp);
	turn(s, false);
	return s->failed == 0 && whole ? 0 : 1;
}

int main(int argc, char *argv[])
{
	static struct sender sender;
	struct stack_options o = {.flows = 1, .core = 1};
	int rc = option_parse(&program, &o, argc, argv);

	if (rc == 0 && (o.device == NULL || o.address == NULL || !o.has_to)) {
		rc = option_complain(&program, "--device, --address and --to are needed");
	}
	if (rc != 0) {
		return rc < 0 ? 2 : 0;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	rc = open_sender(&sender, &o);
	if (rc == 0) {
		rc = connect_all(&sender, &sender.device.config.addresses[0].addr);
	}
	if (rc != 0) {
		fprintf(stderr, "goodput-stack: %s\n", strerror(-rc));
		return 1;
	}
	rc = send_all(&sender);
	tcp_stack_destroy(sender.tcp);
	device_close(&sender.device);
	return rc;
}
