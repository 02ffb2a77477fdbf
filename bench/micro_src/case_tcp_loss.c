/*
 * TCP alone, where segments are late or lost: out of order, and what SACK says both ways.
 */
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "bench/micro_src/ends.h"
#include "bench/micro_src/micro.h"

#define FLIGHT 8u /* replies on one connection, of which the first one is lost */

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
	uint64_t before = ends.flows[0].position;

	ends_step_time();
	ends_put_media(&ends.flows[0], packets, PLANT_BURST);
	count->bytes = ends.flows[0].position - before;
	ends.received = 0;
	for (uint32_t i = 0; i < PLANT_BURST; i++) {
		struct rte_mbuf *ack;
		uint16_t acks;

		micro_pause(!input);
		micro_begin();
		tcp_input(ends.stack, &packets[disorder(i)], 1, plant.now_us);
		micro_end();
		micro_pause(input);
		micro_begin();
		acks = tcp_output(ends.stack, &ack, 1, plant.now_us);
		micro_end();
		micro_pause(false);
		MICRO_REQUIRE(acks == 1);
		plant_answer(ends.flows, PLANT_FLOWS, ack);
	}
	ends_count(count, PLANT_BURST);
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
		MICRO_REQUIRE(tcp_send(conn, ends_make_reply()) == 0);
	}
	made = tcp_output(ends.stack, packets, FLIGHT, plant.now_us);
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
	tcp_input(ends.stack, sacks, (uint16_t)count, plant.now_us);
	micro_end();
	ends_discard();
	return count;
}

/* Fresh connections, whose windows are still those that they began with. */
static void sack_in(struct micro_count *count)
{
	struct rte_mbuf *models[PLANT_FLOWS];
	struct rte_mbuf *packets[PLANT_FLOWS];

	ends_step_time();
	micro_pause(true);
	ends_handshake();
	micro_pause(false);
	ends_send_replies();
	plant.now_us += 1000;
	ends_put_setup(packets);
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		models[i] = rte_pktmbuf_copy(packets[i], packets[i]->pool, 0, UINT32_MAX);
		MICRO_REQUIRE(models[i] != NULL);
	}
	tcp_input(ends.stack, packets, PLANT_FLOWS, plant.now_us);
	ends_discard();
	for (uint32_t i = 0; i < PLANT_FLOWS; i++) {
		count->operations += sack_flight(ends.conns[i], models[i]);
	}
	rte_pktmbuf_free_bulk(models, PLANT_FLOWS);
	tcp_abort_all(ends.stack);
	ends_discard();
}

const struct micro_case micro_loss_cases[] = {
	{"tcp/out-of-order", "segment", 0, ends_open_established, out_of_order, ends_close},
	{"tcp/sack-out", "ACK", 0, ends_open_established, sack_out, ends_close},
	{"tcp/sack-in", "ACK", 0, ends_open, sack_in, ends_close},
	{.name = NULL},
};
