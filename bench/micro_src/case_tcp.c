/*
 * TCP alone: a stack whose owner gives back every segment at once, and 32 peers.
 */
#include <errno.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "tcpstack/tcp.h"

#define REPLY  1000u /* bytes that the owner sends where something is to be acknowledged */
#define FLIGHT 8u    /* of them on one connection, of which the first one is lost */

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

static struct rte_mbuf *make_reply(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(plant_worker()->headers);

	MICRO_REQUIRE(m != NULL && rte_pktmbuf_append(m, REPLY) != NULL);
	memset(rte_pktmbuf_mtod(m, void *), 0, REPLY);
	return m;
}

static void send_replies(void)
{
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(tcp_send(conns[i], make_reply()) == 0);
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

/* A segment each of 32 connections: queued, and made. */
static void data_out(struct micro_count *count)
{
	struct rte_mbuf *replies[PLANT_FLOWS];
	struct rte_mbuf *packets[PLANT_FLOWS];
	uint16_t made;

	step_time();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		replies[i] = make_reply();
	}
	micro_begin();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(tcp_send(conns[i], replies[i]) == 0);
	}
	made = tcp_output(stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(made == PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		plant_answer(flows, PLANT_FLOWS, packets[i]);
	}
	plant.now_us += 1000;
	put_setup(packets);
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	count->operations = PLANT_FLOWS;
}

/* The first of 32 last, and before it each second one first: fifteen ranges at most. */
static uint32_t disorder(uint32_t i)
{
	if (i < PLANT_BURST / 2 - 1) {
		return 2 + 2 * i;
	}
	return i < PLANT_BURST - 1 ? 2 * (i - PLANT_BURST / 2 + 1) + 1 : 0;
}

/* Receives and acknowledges them one by one; either is what is measured. */
static void receive_disorder(struct micro_count *count, bool input)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint64_t before = flows[0].position;

	step_time();
	put_media(&flows[0], packets, PLANT_BURST);
	count->bytes = flows[0].position - before;
	received = 0;
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		struct rte_mbuf *ack;
		uint16_t acks;

		micro_pause(!input);
		micro_begin();
		tcp_input(stack, &packets[disorder(i)], 1, plant.now_us);
		micro_end();
		micro_pause(input);
		micro_begin();
		acks = tcp_output(stack, &ack, 1, plant.now_us);
		micro_end();
		micro_pause(false);
		MICRO_REQUIRE(acks == 1);
		plant_answer(flows, PLANT_FLOWS, ack);
	}
	count_segments(count, PLANT_BURST);
}

static void out_of_order(struct micro_count *count)
{
	receive_disorder(count, true);
}

static void sack_out(struct micro_count *count)
{
	receive_disorder(count, false);
}

/* An acknowledgement as `model`, of `ack` and [start, end). */
static struct rte_mbuf *make_sack(const struct rte_mbuf *model, uint32_t ack, uint32_t start,
				  uint32_t end)
{
	const uint32_t option[] = {RTE_BE32(0x0101050a), rte_cpu_to_be_32(start),
				   rte_cpu_to_be_32(end)};
	struct rte_mbuf *m;

	plant_alloc(&m, 1);
	uint8_t *bytes = (uint8_t *)rte_pktmbuf_append(m, model->data_len);
	MICRO_REQUIRE(bytes != NULL);
	memcpy(bytes, rte_pktmbuf_mtod(model, const void *), model->data_len);
	memcpy(rte_pktmbuf_append(m, sizeof(option)), option, sizeof(option));
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(void *)bytes;
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
	ip->total_length = rte_cpu_to_be_16(m->data_len);
	tcp->recv_ack = rte_cpu_to_be_32(ack);
	tcp->data_off = (uint8_t)(tcp->data_off + (sizeof(option) / 4 << 4));
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}

/* Where the payload of a packet begins in the sequence space. */
static uint32_t seq_of(const struct rte_mbuf *packet)
{
	const struct rte_tcp_hdr *tcp =
		rte_pktmbuf_mtod_offset(packet, struct rte_tcp_hdr *, sizeof(struct rte_ipv4_hdr));

	return rte_be_to_cpu_32(tcp->sent_seq);
}

/* A flight of one connection: `starts` of its segments, which are full-sized but for the last. */
static uint32_t send_flight(struct tcp_conn *conn, uint32_t starts[FLIGHT])
{
	struct rte_mbuf *packets[FLIGHT];
	uint16_t made;

	for (uint32_t i = 0; i < FLIGHT; i++) {
		MICRO_REQUIRE(tcp_send(conn, make_reply()) == 0);
	}
	made = tcp_output(stack, packets, FLIGHT, plant.now_us);
	MICRO_REQUIRE(made > 3);
	for (uint16_t i = 0; i < made; i++) {
		starts[i] = seq_of(packets[i]);
	}
	rte_pktmbuf_free_bulk(packets, made);
	return made;
}

/* Each segment of a flight but the first and the last arrives: the first one is found lost. */
static uint32_t sack_flight(struct tcp_conn *conn, const struct rte_mbuf *model)
{
	struct rte_mbuf *sacks[FLIGHT];
	uint32_t starts[FLIGHT];
	uint32_t count = send_flight(conn, starts) - 2;

	plant.now_us += 1000;
	for (uint32_t i = 0; i < count; i++) {
		sacks[i] = make_sack(model, starts[0], starts[1], starts[i + 2]);
	}
	micro_begin();
	tcp_input(stack, sacks, (uint16_t)count, plant.now_us);
	micro_end();
	discard_output();
	return count;
}

/* Fresh connections, whose windows are still those that they began with. */
static void sack_in(struct micro_count *count)
{
	struct rte_mbuf *models[PLANT_FLOWS];
	struct rte_mbuf *packets[PLANT_FLOWS];

	step_time();
	micro_pause(true);
	handshake();
	micro_pause(false);
	send_replies();
	plant.now_us += 1000;
	put_setup(packets);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		models[i] = rte_pktmbuf_copy(packets[i], packets[i]->pool, 0, UINT32_MAX);
		MICRO_REQUIRE(models[i] != NULL);
	}
	tcp_input(stack, packets, PLANT_FLOWS, plant.now_us);
	discard_output();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		count->operations += sack_flight(conns[i], models[i]);
	}
	rte_pktmbuf_free_bulk(models, PLANT_FLOWS);
	tcp_abort_all(stack);
	discard_output();
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
	{"tcp/out-of-order", "segment", 0, open_established, out_of_order, close_stack},
	{"tcp/sack-out", "ACK", 0, open_established, sack_out, close_stack},
	{"tcp/sack-in", "ACK", 0, open_stack, sack_in, close_stack},
	{"tcp/data-out", "segment", 0, open_established, data_out, close_stack},
	{"tcp/open", "connection", 0, open_stack, open_connections, close_stack},
	{"tcp/close", "connection", 0, open_stack, tear_down, close_stack},
	{.name = NULL},
};
