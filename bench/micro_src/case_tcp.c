/*
 * TCP alone, where nothing is lost: segments in order, acknowledgements, beginning and end.
 */
#include "bench/micro_src/ends.h"
#include "bench/micro_src/micro.h"

/* 32 segments of one connection in one burst. */
static void burst(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint64_t before = ends.flows[0].position;

	ends_step_time();
	ends_put_media(&ends.flows[0], packets, PLANT_BURST);
	count->bytes = ends.flows[0].position - before;
	ends.received = 0;
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_BURST, plant.now_us);
	micro_end();
	ends_count(count, PLANT_BURST);
	ends_answer();
}

/* The same, but one at a time. */
static void single(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_BURST];
	uint64_t before = ends.flows[0].position;

	ends_step_time();
	ends_put_media(&ends.flows[0], packets, PLANT_BURST);
	count->bytes = ends.flows[0].position - before;
	ends.received = 0;
	micro_begin();
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		tcp_input(ends.stack, packets + i, 1, plant.now_us);
	}
	micro_end();
	ends_count(count, PLANT_BURST);
	ends_answer();
}

/* One segment of each of 32 connections in one burst. */
static void mixed(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_FLOWS];

	ends_step_time();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		uint64_t before = ends.flows[i].position;

		ends_put_media(&ends.flows[i], packets + i, 1);
		count->bytes += ends.flows[i].position - before;
	}
	ends.received = 0;
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	ends_count(count, PLANT_FLOWS);
	ends_answer();
}

/* Three segments in on each connection, of which one may be short: each owes an ACK. */
static void ack_out(struct micro_count *count)
{
	struct rte_mbuf *packets[3 * PLANT_FLOWS];
	struct rte_mbuf *acks[PLANT_FLOWS];

	ends_step_time();
	for (size_t i = 0; i < PLANT_FLOWS; i++) {
		ends_put_media(&ends.flows[i], packets + 3 * i, 3);
	}
	tcp_input(ends.stack, packets, 3 * PLANT_FLOWS, plant.now_us);
	micro_begin();
	uint16_t acks_count = tcp_output(ends.stack, acks, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(acks_count == PLANT_FLOWS);
	for (uint16_t i = 0; i < acks_count; i++) {
		plant_answer(ends.flows, PLANT_FLOWS, acks[i]);
	}
	count->operations = acks_count;
}

/* ACKs of all that was sent: the retransmission queue is emptied. */
static void ack_in(struct micro_count *count)
{
	struct rte_mbuf *packets[PLANT_FLOWS];

	ends_step_time();
	ends_send_replies();
	plant.now_us += 1000;
	ends_put_setup(packets);
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	count->operations = PLANT_FLOWS;
}

/* A segment each of 32 connections: queued, and made. */
static void data_out(struct micro_count *count)
{
	struct rte_mbuf *replies[PLANT_FLOWS];
	struct rte_mbuf *packets[PLANT_FLOWS];
	uint16_t made;

	ends_step_time();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		replies[i] = ends_make_reply();
	}
	micro_begin();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		MICRO_REQUIRE(tcp_send(ends.conns[i], replies[i]) == 0);
	}
	made = tcp_output(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(made == PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		plant_answer(ends.flows, PLANT_FLOWS, packets[i]);
	}
	plant.now_us += 1000;
	ends_put_setup(packets);
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	count->operations = PLANT_FLOWS;
}

static void open_connections(struct micro_count *count)
{
	ends_step_time();
	ends_handshake();
	tcp_abort_all(ends.stack);
	ends_discard();
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
		flow_put_fin(&ends.flows[i], packets[i], &time);
	}
	ends_strip(packets, PLANT_FLOWS);
	ends.closed = 0;
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	uint16_t answers_count = tcp_output(ends.stack, answers, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(answers_count == PLANT_FLOWS);
	plant_alloc(packets, PLANT_FLOWS);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		flow_put_last_ack(&ends.flows[i], packets[i], &time);
	}
	ends_strip(packets, PLANT_FLOWS);
	micro_begin();
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	micro_end();
	MICRO_REQUIRE(ends.closed == PLANT_FLOWS);
	rte_pktmbuf_free_bulk(answers, answers_count);
	count->operations = PLANT_FLOWS;
}

/* The handshake is not part of it. */
static void tear_down(struct micro_count *count)
{
	ends_step_time();
	micro_pause(true);
	ends_handshake();
	micro_pause(false);
	close_connections(count);
}
const struct micro_case micro_tcp_cases[] = {
	{"tcp/in-order-burst", "segment", 0, ends_open_established, burst, ends_close},
	{"tcp/in-order-32-flows", "segment", 0, ends_open_established, mixed, ends_close},
	{"tcp/in-order-single", "segment", 0, ends_open_established, single, ends_close},
	{"tcp/ack-in", "ACK", 0, ends_open_established, ack_in, ends_close},
	{"tcp/ack-out", "ACK", 0, ends_open_established, ack_out, ends_close},
	{"tcp/data-out", "segment", 0, ends_open_established, data_out, ends_close},
	{"tcp/open", "connection", 0, ends_open, open_connections, ends_close},
	{"tcp/close", "connection", 0, ends_open, tear_down, ends_close},
	{.name = NULL},
};
