#include "bench/micro_src/ends.h"

#include <errno.h>
#include <string.h>

#include "bench/micro_src/micro.h"

#define REPLY 1000u /* bytes that the owner sends where something is to be acknowledged */

struct ends ends;

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	(void)app;
	ends.conns[ends.accepted++ % PLANT_FLOWS] = conn;
	return true;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	(void)user;
	(void)conn;
	ends.received += chain->pkt_len;
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
	ends.closed++;
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

	ends.stack = tcp_stack_create(&config);
	if (ends.stack == NULL) {
		return -errno;
	}
	int err = tcp_add_address(ends.stack, &plant.rig.iface.addresses[0]);
	return err == 0 ? tcp_listen(ends.stack, 1935) : err;
}

/* Frames of flows become IP packets, as net leaves them. */
void ends_strip(struct rte_mbuf **frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)rte_pktmbuf_adj(frames[i], RTE_ETHER_HDR_LEN);
	}
}

void ends_answer(void)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint16_t count;

	while ((count = tcp_output(ends.stack, packets, PLANT_BURST, plant.now_us)) > 0) {
		for (uint16_t i = 0; i < count; i++) {
			plant_answer(ends.flows, PLANT_FLOWS, packets[i]);
		}
	}
}

/* What each flow has to say, media apart, in one burst. */
void ends_put_setup(struct rte_mbuf **packets)
{
	const struct flow_time time = plant_time();

	plant_alloc(packets, PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(flow_put_setup(&ends.flows[i], &packets[i], 1, &time) == 1);
	}
	ends_strip(packets, PLANT_FLOWS);
}

/* TCP only: what RTMP would say first is not said. */
static void silence(void)
{
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		ends.flows[i].state = FLOW_PUBLISHING;
		ends.flows[i].out.len = 0;
	}
}

/* SYN, SYN-ACK, ACK of 32 connections; the stack's part is measured. */
void ends_handshake(void)
{
	struct rte_mbuf *packets[PLANT_FLOWS];
	struct rte_mbuf *answers[PLANT_FLOWS];

	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		plant_flow_init(&ends.flows[i], 128);
	}
	ends_put_setup(packets);
	ends.accepted = 0;
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	uint16_t count = tcp_output(ends.stack, answers, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(count == PLANT_FLOWS);
	for (uint16_t i = 0; i < count; i++) {
		plant_answer(ends.flows, PLANT_FLOWS, answers[i]);
	}
	silence();
	ends_put_setup(packets);
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(ends.accepted == PLANT_FLOWS);
	ends_answer();
}

int ends_open(uint32_t parameter)
{
	(void)parameter;
	ends.accepted = ends.closed = 0;
	int err = stream_init(&ends.stream, 4096, 4096, FLOW_SEGMENT);
	return err == 0 ? create_stack() : err;
}

int ends_open_established(uint32_t parameter)
{
	int err = ends_open(parameter);

	if (err == 0) {
		ends_handshake();
	}
	return err;
}

void ends_discard(void)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint16_t count;

	while ((count = tcp_output(ends.stack, packets, PLANT_BURST, plant.now_us)) > 0) {
		rte_pktmbuf_free_bulk(packets, count);
	}
}

void ends_close(void)
{
	tcp_abort_all(ends.stack);
	ends_discard();
	tcp_stack_destroy(ends.stack);
	stream_fini(&ends.stream);
}

void ends_put_media(struct flow *flow, struct rte_mbuf **packets, uint16_t count)
{
	const struct flow_time time = plant_time();

	plant_alloc(packets, count);
	MICRO_REQUIRE(flow_put_media(flow, &ends.stream, packets, count, &time) == count);
	ends_strip(packets, count);
}

void ends_step_time(void)
{
	plant.now_us += 100;
	(void)tcp_timers(ends.stack, plant.now_us, 64);
}

void ends_count(struct micro_count *count, uint32_t segments)
{
	MICRO_REQUIRE(ends.received == count->bytes);
	count->operations = segments;
}

struct rte_mbuf *ends_make_reply(void)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(plant_worker()->headers);

	MICRO_REQUIRE(m != NULL && rte_pktmbuf_append(m, REPLY) != NULL);
	memset(rte_pktmbuf_mtod(m, void *), 0, REPLY);
	return m;
}

void ends_send_replies(void)
{
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(tcp_send(ends.conns[i], ends_make_reply()) == 0);
	}
	ends_answer();
}
