/*
 * TCP alone: a stack whose owner gives back every segment at once, and 32 peers.
 */
#include <errno.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "tcpstack/tcp.h"

#define REPLY 1000u /* bytes that the owner sends where something is to be acknowledged */

static struct tcp_stack *stack;
static struct stream stream;
static struct flow flows[PLANT_FLOWS];
static struct tcp_conn *conns[PLANT_FLOWS]; /* in the order in which they were accepted */
static uint32_t accepted;
static uint32_t closed;
static uint64_t received; /* bytes */

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	conns[accepted++ % PLANT_FLOWS] = conn;
	return true;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	(void)user;
	(void)conn;
	received += chain->pkt_len;
	rte_pktmbuf_free(chain);
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	(void)user;
	tcp_close(conn);
}

static void on_nothing(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	(void)user;
	(void)conn;
	(void)reason;
	closed++;
}

static const struct tcp_ops ops = {
	.accepted = on_accepted,
	.connected = on_nothing,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.writable = on_nothing,
	.closed = on_closed,
};

static int create_stack(void)
{
	const struct dp_worker *worker = plant_worker();
	struct tcp_config config = {
		.name = "micro",
		.numa_node = worker->numa_node,
		.connections = 1024,
		.syn_received = 1024,
		.time_wait = 1024,
		.side_records = 1024,
		.segment_truesize = plant.rig.packets_of[0].truesize,
		.receive_budget = 1 << 20,
		.send_budget = 256 << 10,
		.ooo_segments = 256,
		.mtu = 1500,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 60000,
		.header_pool = worker->headers,
		.indirect_pool = worker->indirect,
		.ops = &ops,
	};

	stack = tcp_stack_create(&config);
	if (stack == NULL) {
		return -errno;
	}
	int err = tcp_add_address(stack, &plant.rig.iface.addresses[0]);
	return err == 0 ? tcp_listen(stack, 1935) : err;
}

/* Frames of flows become IP packets, as net leaves them. */
static void strip(struct rte_mbuf **frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)rte_pktmbuf_adj(frames[i], RTE_ETHER_HDR_LEN);
	}
}

static void answer_all(void)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint16_t count;

	while ((count = tcp_output(stack, packets, PLANT_BURST, plant.now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			plant_answer(flows, PLANT_FLOWS, packets[i]);
		}
	}
}

/* What each flow has to say, media apart, in one burst. */
static void put_setup(struct rte_mbuf **packets)
{
	const struct flow_time time = plant_time();

	plant_alloc(packets, PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(flow_put_setup(&flows[i], &packets[i], 1, &time) == 1);
	}
	strip(packets, PLANT_FLOWS);
}

/* TCP only: what RTMP would say first is not said. */
static void silence(void)
{
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		flows[i].state = FLOW_PUBLISHING;
		flows[i].out.len = 0;
	}
}

/* SYN, SYN-ACK, ACK of 32 connections; the stack's part is measured. */
static void handshake(void)
{
	struct rte_mbuf *packets[PLANT_FLOWS];
	struct rte_mbuf *answers[PLANT_FLOWS];

	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		plant_flow_init(&flows[i], 128);
	}
	put_setup(packets);
	accepted = 0;
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	uint16_t count = tcp_output(stack, answers, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(count == PLANT_FLOWS);
	for (uint16_t i = 0; i < count; i++) {
		plant_answer(flows, PLANT_FLOWS, answers[i]);
	}
	silence();
	put_setup(packets);
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(accepted == PLANT_FLOWS);
	answer_all();
}

static int open_stack(uint32_t parameter)
{
	(void)parameter;
	accepted = closed = 0;
	int err = stream_init(&stream, 4096, 4096, FLOW_SEGMENT);
	return err == 0 ? create_stack() : err;
}

static int open_established(uint32_t parameter)
{
	int err = open_stack(parameter);

	if (err == 0) {
		handshake();
	}
	return err;
}

static void discard_output(void)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint16_t count;

	while ((count = tcp_output(stack, packets, PLANT_BURST, plant.now_us)) > 0) {
		rte_pktmbuf_free_bulk(packets, count);
	}
}

static void close_stack(void)
{
	tcp_abort_all(stack);
	discard_output();
	tcp_stack_destroy(stack);
	stream_fini(&stream);
}

static void put_media(struct flow *flow, struct rte_mbuf **packets, uint16_t count)
{
	const struct flow_time time = plant_time();

	plant_alloc(packets, count);
	MICRO_REQUIRE(flow_put_media(flow, &stream, packets, count, &time) == count);
	strip(packets, count);
}

static void step_time(void)
{
	plant.now_us += 100;
	(void)tcp_timers(stack, plant.now_us, 64);
}

static void count_segments(struct micro_count *count, uint32_t segments)
{
	MICRO_REQUIRE(received == count->bytes);
	count->operations = segments;
}

/* 32 segments of one connection in one burst. */
static void burst(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint64_t before = flows[0].position;

	step_time();
	put_media(&flows[0], packets, PLANT_BURST);
	count->bytes = flows[0].position - before;
	received = 0;
	micro_begin();
	tcp_input(stack, packets, PLANT_BURST, plant.now_us);
	micro_end();
	count_segments(count, PLANT_BURST);
	answer_all();
}

/* The same, but one at a time. */
static void single(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint64_t before = flows[0].position;

	step_time();
	put_media(&flows[0], packets, PLANT_BURST);
	count->bytes = flows[0].position - before;
	received = 0;
	micro_begin();
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		tcp_input(stack, packets + i, 1, plant.now_us);
	}
	micro_end();
	count_segments(count, PLANT_BURST);
	answer_all();
}

/* One segment of each of 32 connections in one burst. */
static void mixed(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_FLOWS];

	step_time();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		uint64_t before = flows[i].position;

		put_media(&flows[i], packets + i, 1);
		count->bytes += flows[i].position - before;
	}
	received = 0;
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	count_segments(count, PLANT_FLOWS);
	answer_all();
}

/* Three segments in on each connection, of which one may be short: each owes an ACK. */
static void ack_out(struct micro_count *count)
{
	struct rte_mbuf *packets[3 * PLANT_FLOWS];
	struct rte_mbuf *acks[PLANT_FLOWS];

	step_time();
	for (size_t i = 0; i < PLANT_FLOWS; i++) {
		put_media(&flows[i], packets + 3 * i, 3);
	}
	tcp_input(stack, packets, 3 * PLANT_FLOWS, plant.now_us);
	micro_begin();
	uint16_t acks_count = tcp_output(stack, acks, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(acks_count == PLANT_FLOWS);
	for (uint16_t i = 0; i < acks_count; i++) {
		plant_answer(flows, PLANT_FLOWS, acks[i]);
	}
	count->operations = acks_count;
}

static void send_replies(void)
{
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(plant_worker()->headers);

		MICRO_REQUIRE(m != NULL && rte_pktmbuf_append(m, REPLY) != NULL);
		memset(rte_pktmbuf_mtod(m, void *), 0, REPLY);
		MICRO_REQUIRE(tcp_send(conns[i], m) == 0);
	}
	answer_all();
}

/* ACKs of all that was sent: the retransmission queue is emptied. */
static void ack_in(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_FLOWS];

	step_time();
	send_replies();
	plant.now_us += 1000;
	put_setup(packets);
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	count->operations = PLANT_FLOWS;
}

static void open_connections(struct micro_count *count)
{
	step_time();
	handshake();
	tcp_abort_all(stack);
	discard_output();
	count->operations = PLANT_FLOWS;
}

/* FIN of the peer, ours, and its ACK. */
static void close_connections(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_FLOWS];
	struct rte_mbuf *answers[PLANT_FLOWS];
	const struct flow_time time = plant_time();

	plant_alloc(packets, PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		flow_put_fin(&flows[i], packets[i], &time);
	}
	strip(packets, PLANT_FLOWS);
	closed = 0;
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	uint16_t answers_count = tcp_output(stack, answers, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(answers_count == PLANT_FLOWS);
	plant_alloc(packets, PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		flow_put_last_ack(&flows[i], packets[i], &time);
	}
	strip(packets, PLANT_FLOWS);
	micro_begin();
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(closed == PLANT_FLOWS);
	rte_pktmbuf_free_bulk(answers, answers_count);
	count->operations = PLANT_FLOWS;
}

/* The handshake is not part of it. */
static void tear_down(struct micro_count *count)
{
	step_time();
	micro_pause(true);
	handshake();
	micro_pause(false);
	close_connections(count);
}

const struct micro_case micro_tcp_cases[] = {
	{"tcp/in-order-burst", "segment", 0, open_established, burst, close_stack},
	{"tcp/in-order-32-flows", "segment", 0, open_established, mixed, close_stack},
	{"tcp/in-order-single", "segment", 0, open_established, single, close_stack},
	{"tcp/ack-in", "ACK", 0, open_established, ack_in, close_stack},
	{"tcp/ack-out", "ACK", 0, open_established, ack_out, close_stack},
	{"tcp/open", "connection", 0, open_stack, open_connections, close_stack},
	{"tcp/close", "connection", 0, open_stack, tear_down, close_stack},
	{.name = NULL},
};
