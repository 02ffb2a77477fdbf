/*
 * goodput: what one sender of ours brings through a link of given rate, round trip, loss and
 * reordering, in virtual time. Every row is a function of its seeds, so that a change of the sender
 * shows at once and without a machine's noise; tests/goodput compares with the kernel's.
 *
 *   sim-goodput [--seeds N] [--seconds S] [--newreno] [--check]
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "network.h"
#include "tcpstack/tcp.h"

#define ROOM      (RTE_PKTMBUF_HEADROOM + 2048)
#define BURST     32
#define PIECE     1448U
#define RATE_KBPS 100000U
#define BUDGET    (16U << 20)

struct row {
	uint32_t rtt_us;
	uint32_t loss_pm;
	uint32_t reorder_pm;
	uint32_t least_kbps; /* --check: what it must reach */
};

struct side {
	struct tcp_stack *stack;
	struct in6_addr addr;
	struct tcp_conn *conn;
};

struct bench {
	struct side side[2]; /* the sender, the receiver */
	struct network net;
	uint64_t now_us;
	uint64_t received;
	struct rte_mempool *pool;
	struct rte_mempool *indirect;
};

static const struct row rows[] = {
	{1000, 0, 0, 85000},   {1000, 10, 0, 60000},   {1000, 50, 0, 10000},  {30000, 0, 0, 80000},
	{30000, 1, 0, 8000},   {30000, 10, 0, 3000},   {30000, 30, 0, 1300},  {30000, 50, 0, 800},
	{30000, 0, 10, 60000}, {30000, 0, 100, 60000}, {150000, 0, 0, 40000}, {150000, 1, 0, 2000},
	{150000, 10, 0, 500},  {150000, 0, 10, 20000},
};

static struct bench bench;

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	bench.side[1].conn = conn;
	return true;
}

static void on_event(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	(void)user;
	(void)conn;
	bench.received += chain->pkt_len;
	rte_pktmbuf_free(chain);
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	(void)user;
	(void)reason;
	for (int i = 0; i < 2; i++) {
		bench.side[i].conn = bench.side[i].conn == conn ? NULL : bench.side[i].conn;
	}
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_event,
	.received = on_received,
	.peer_closed = on_event,
	.writable = on_event,
	.closed = on_closed,
};

static int create_side(struct side *side, const char *name, const char *address,
		       enum tcp_congestion congestion)
{
	struct tcp_config config = {
		.name = name,
		.numa_node = -1,
		.connections = 4,
		.syn_received = 4,
		.time_wait = 4,
		.side_records = 4,
		.transmissions = 16384,
		.segment_truesize = 2368,
		.receive_budget = BUDGET,
		.send_budget = BUDGET,
		.ooo_segments = 16384,
		.mtu = 1500,
		.congestion = congestion,
		.time_wait_ms = 1000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.header_pool = bench.pool,
		.indirect_pool = bench.indirect,
		.ops = &ops,
	};

	(void)inet_pton(AF_INET6, address, &side->addr);
	side->conn = NULL;
	side->stack = tcp_stack_create(&config);
	if (side->stack == NULL) {
		return -1;
	}
	return tcp_add_address(side->stack, &side->addr) == 0 ? tcp_listen(side->stack, 1935) : -1;
}

static void set_link(struct network *net, const struct row *row, uint64_t seed)
{
	network_init(net, seed, 0, bench.now_us);
	net->grain_us = 1;
	for (uint32_t to = 0; to < 2; to++) {
		struct link *link = &net->link[to];

		link->changes = false;
		link->now = (struct link_conditions){
			.loss_pm = row->loss_pm,
			.reorder_pm = row->reorder_pm,
			.reorder_us_max = row->rtt_us / 10 > 300 ? row->rtt_us / 10 : 300,
			.delay_us = row->rtt_us / 2,
			.rate_kbps = RATE_KBPS,
			.queue_us = row->rtt_us > 12000 ? row->rtt_us : 12000,
		};
	}
}

/* Keeps the send queue full. */
static void feed(struct side *side)
{
	while (side->conn != NULL && tcp_send_space(side->conn) > BUDGET / 2) {
		struct rte_mbuf *piece = rte_pktmbuf_alloc(bench.pool);

		if (piece == NULL) {
			return;
		}
		(void)rte_pktmbuf_append(piece, PIECE);
		memset(rte_pktmbuf_mtod(piece, void *), 0, PIECE);
		if (tcp_send(side->conn, piece) < 0) {
			rte_pktmbuf_free(piece);
			return;
		}
	}
}

static void transmit(uint32_t from)
{
	struct rte_mbuf *packets[BURST];
	uint8_t bytes[2048];
	uint16_t count;

	while ((count = tcp_output(bench.side[from].stack, packets, BURST, bench.now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			uint32_t len = packets[i]->pkt_len;
			const void *data = rte_pktmbuf_read(packets[i], 0, len, bytes);

			network_send(&bench.net, 1 - from, data, len, bench.now_us);
			rte_pktmbuf_free(packets[i]);
		}
	}
}

static void poll_side(uint32_t index)
{
	struct network_packet *packet;

	while ((packet = network_receive(&bench.net, index, bench.now_us)) != NULL) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(bench.pool);

		if (mbuf != NULL) {
			memcpy(rte_pktmbuf_append(mbuf, (uint16_t)packet->len), packet->data,
			       packet->len);
			tcp_input(bench.side[index].stack, &mbuf, 1, bench.now_us);
		}
		free(packet);
	}
	(void)tcp_timers(bench.side[index].stack, bench.now_us, 1000);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void run_until(uint64_t end_us)
{
	while (bench.now_us < end_us) {
		uint64_t next = end_us;

		for (uint32_t i = 0; i < 2; i++) {
			poll_side(i);
		}
		feed(&bench.side[0]);
		for (uint32_t i = 0; i < 2; i++) {
			transmit(i);
			next = earlier(next, network_next_us(&bench.net, i));
			next = earlier(next, tcp_next_timer_us(bench.side[i].stack));
		}
		bench.now_us = next > bench.now_us ? next : bench.now_us + 1;
	}
}

static void show_counters(void)
{
	const uint64_t *c = tcp_counters(bench.side[0].stack);

	(void)printf(
		"  resent=%llu timeouts=%llu recoveries=%llu probes=%llu undone=%llu full=%llu\n",
		(unsigned long long)c[TCP_COUNTER_retransmits],
		(unsigned long long)c[TCP_COUNTER_retransmit_timeouts],
		(unsigned long long)c[TCP_COUNTER_fast_retransmits],
		(unsigned long long)c[TCP_COUNTER_loss_probes],
		(unsigned long long)c[TCP_COUNTER_recoveries_undone],
		(unsigned long long)bench.net.link[1].counters.overflowed);
}

/* Returns kb/s, negative when it could not be run. */
static double run_row(const struct row *row, uint64_t seed, uint32_t seconds,
		      enum tcp_congestion congestion)
{
	struct tcp_endpoint local;
	struct tcp_endpoint remote;

	bench.now_us = 1000000;
	bench.received = 0;
	if (create_side(&bench.side[0], "goodput-0", "::ffff:192.0.2.1", congestion) < 0 ||
	    create_side(&bench.side[1], "goodput-1", "::ffff:192.0.2.2", congestion) < 0) {
		return -1;
	}
	set_link(&bench.net, row, seed);
	local = (struct tcp_endpoint){.addr = bench.side[0].addr};
	remote = (struct tcp_endpoint){.addr = bench.side[1].addr, .port = 1935};
	bench.side[0].conn = tcp_connect(bench.side[0].stack, &local, &remote, NULL, bench.now_us);
	run_until(bench.now_us + seconds * 1000000ULL);
	if (seed == 1) {
		show_counters();
	}
	network_fini(&bench.net);
	tcp_stack_destroy(bench.side[0].stack);
	tcp_stack_destroy(bench.side[1].stack);
	return (double)bench.received * 8 / 1000 / seconds;
}

static int start(void)
{
	static char words[][16] = {"sim", "--no-huge",      "--no-shconf", "--no-pci", "-m",
				   "300", "--no-telemetry", "--log-level", "3"};
	char *args[10] = {NULL};

	for (int i = 0; i < 9; i++) {
		args[i] = words[i];
	}
	if (rte_eal_init(9, args) < 0) {
		return -1;
	}
	bench.pool = rte_pktmbuf_pool_create("pool", 65535, 64, 0, ROOM, SOCKET_ID_ANY);
	bench.indirect = rte_pktmbuf_pool_create("indirect", 4095, 64, 0, 0, SOCKET_ID_ANY);
	return bench.pool == NULL || bench.indirect == NULL ? -1 : 0;
}

struct options {
	uint64_t seeds;
	uint32_t seconds;
	enum tcp_congestion congestion;
	bool check;
};

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {{"seeds", required_argument, NULL, 's'},
					      {"seconds", required_argument, NULL, 't'},
					      {"newreno", no_argument, NULL, 'n'},
					      {"check", no_argument, NULL, 'c'},
					      {NULL, 0, NULL, 0}};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (name) {
		case 's':
			options->seeds = strtoull(optarg, NULL, 10);
			break;
		case 't':
			options->seconds = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			options->congestion = TCP_NEWRENO;
			break;
		case 'c':
			options->check = true;
			break;
		default:
			return -1;
		}
	}
	return options->seeds > 0 && options->seconds > 0 ? 0 : -1;
}

static int run_rows(const struct options *options)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double sum = 0;

		for (uint64_t seed = 1; seed <= options->seeds; seed++) {
			sum += run_row(&rows[i], seed, options->seconds, options->congestion);
		}
		sum /= (double)options->seeds;
		(void)printf("rtt_ms=%u loss_pm=%u reorder_pm=%u mbps=%.2f\n",
			     rows[i].rtt_us / 1000, rows[i].loss_pm, rows[i].reorder_pm,
			     sum / 1000);
		failed += options->check && sum < rows[i].least_kbps;
	}
	(void)printf("sim-goodput: rows=%zu failed=%d\n", sizeof(rows) / sizeof(rows[0]), failed);
	return failed;
}

int main(int argc, char **argv)
{
	struct options options = {.seeds = 3, .seconds = 8};
	int failed;

	if (parse(argc, argv, &options) < 0) {
		(void)fprintf(stderr, "usage: sim-goodput [--seeds N] [--seconds S] [--newreno] "
				      "[--check]\n");
		return EXIT_FAILURE;
	}
	if (start() < 0) {
		(void)fprintf(stderr, "sim-goodput: cannot start EAL\n");
		return EXIT_FAILURE;
	}
	failed = run_rows(&options);
	(void)rte_eal_cleanup();
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
