/*
 * The whole path of a worker: frames in, log entries and ACKs out; and a publish from SYN to
 * Publish.Start. Control is played by bench/replay_src/acceptor.h and not measured.
 */
#include <errno.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "dataplane/ingest.h"
#include "tcpstack/tcp.h"

#define TRAIN      8u /* segments of one publisher in a row */
#define PUBLISHERS 8u
#define TURNS_MAX  200u

static struct stream stream;
static struct flow flows[PUBLISHERS];
static uint32_t next;

/* One loop of dataplane/worker.c without port, forwarding and accounting. */
static void turn(struct rte_mbuf **frames, uint32_t count)
{
	struct dp_worker *worker = plant_worker();
	struct rte_mbuf *packets[PLANT_BURST];
	uint16_t tcp = 0;

	net_begin(&worker->net, plant.now_us);
	(void)dp_ingest_commands(worker->ingest, plant.now_us);
	for (uint32_t i = 0; i < count; i++) {
		switch (net_input(&worker->net, frames[i])) {
		case NET_TCP:
			packets[tcp++] = frames[i];
			break;
		case NET_TEACH:
			rte_pktmbuf_free(frames[i]);
			break;
		case NET_DONE:
			break;
		}
	}
	if (tcp > 0) {
		tcp_input(worker->tcp, packets, tcp, plant.now_us);
	}
	(void)tcp_timers(worker->tcp, plant.now_us, 64);
	(void)dp_ingest_poll(worker->ingest, plant.now_us);
	net_timers(&worker->net);
	tcp = tcp_output(worker->tcp, packets, PLANT_BURST, plant.now_us);
	net_output(&worker->net, packets, tcp);
}

/* What the worker sent goes to the publishers. */
static void answer(void)
{
	struct net *net = &plant_worker()->net;

	for (uint32_t i = 0; i < net->frames_count; i++) {
		struct rte_mbuf *frame = net->frames[i];

		if (rte_pktmbuf_mtod(frame, const struct rte_ether_hdr *)->ether_type ==
		    RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
			(void)rte_pktmbuf_adj(frame, RTE_ETHER_HDR_LEN);
			plant_answer(flows, PUBLISHERS, frame);
		} else {
			rte_pktmbuf_free(frame);
		}
	}
	net->frames_count = 0;
	acceptor_poll(&plant.acceptor, true);
}

static void measured_turn(struct rte_mbuf **frames, uint32_t count)
{
	plant.now_us += 100;
	micro_begin();
	turn(frames, count);
	micro_end();
	answer();
}

static uint32_t count_state(enum flow_state state)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PUBLISHERS; i++) {
		count += flows[i].state == state;
	}
	return count;
}

/* What the publishers have to say, media apart; the mbufs that they do not need are freed. */
static uint32_t put_setup(struct rte_mbuf **frames)
{
	const struct flow_time time = plant_time();
	uint32_t count = 0;

	plant_alloc(frames, PLANT_BURST);
	for (uint32_t i = 0; i < PUBLISHERS; i++) {
		count += flow_put_setup(&flows[i], frames + count, PLANT_BURST / PUBLISHERS, &time);
	}
	rte_pktmbuf_free_bulk(frames + count, PLANT_BURST - count);
	return count;
}

static void publish_all(void)
{
	struct rte_mbuf *frames[PLANT_BURST];
	uint32_t turns = 0;

	while (count_state(FLOW_PUBLISHING) < PUBLISHERS) {
		MICRO_REQUIRE(turns++ < TURNS_MAX);
		measured_turn(frames, put_setup(frames));
	}
}

static void settle(void)
{
	struct rte_mbuf *frames[PLANT_BURST];

	for (uint32_t i = 0; i < 100; i++) {
		plant.now_us += 1000;
		turn(frames, put_setup(frames));
		answer();
	}
}

/* Every publisher resets its connection; what it published is read to the end and given back. */
static void reset_all(void)
{
	plant_learn();
	for (uint32_t i = 0; i < PUBLISHERS; i++) {
		flows[i].state = FLOW_FAILED;
		flows[i].reset_due = true;
	}
	settle();
}

static int open_worker(uint32_t chunk_size)
{
	int err = stream_init(&stream, chunk_size, 4096, FLOW_SEGMENT);

	if (err == 0) {
		err = acceptor_offer(&plant.acceptor, &plant.rig);
	}
	if (err == 0) {
		plant_learn();
		turn(NULL, 0);
	}
	next = 0;
	return err;
}

static void init_flows(void)
{
	for (uint32_t i = 0; i < PUBLISHERS; i++) {
		plant_flow_init(&flows[i], stream.chunk_size);
	}
}

static int open_publishing(uint32_t chunk_size)
{
	int err = open_worker(chunk_size);

	if (err == 0) {
		init_flows();
		publish_all();
		settle();
	}
	return err;
}

static void close_worker(void)
{
	reset_all();
	dp_ingest_offer_sub(plant_worker()->ingest, NULL);
	turn(NULL, 0);
	acceptor_fini(&plant.acceptor);
	stream_fini(&stream);
}

/* A burst of 32: four trains of eight segments. */
static void media(struct micro_count *count)
{
	struct rte_mbuf *frames[PLANT_BURST];
	const struct flow_time time = plant_time();
	uint64_t before = acceptor_bytes(&plant.rig);

	plant_alloc(frames, PLANT_BURST);
	for (uint32_t i = 0; i < PLANT_BURST; i += TRAIN) {
		struct flow *flow = &flows[next++ % PUBLISHERS];

		MICRO_REQUIRE(flow_put_media(flow, &stream, frames + i, TRAIN, &time) == TRAIN);
	}
	measured_turn(frames, PLANT_BURST);
	count->operations = PLANT_BURST;
	count->bytes = acceptor_bytes(&plant.rig) - before;
}

static void publish(struct micro_count *count)
{
	init_flows();
	publish_all();
	micro_pause(true);
	reset_all();
	micro_pause(false);
	count->operations = PUBLISHERS;
}

const struct micro_case micro_path_cases[] = {
	{"path/frame-to-log-128", "frame", 128, open_publishing, media, close_worker},
	{"path/frame-to-log-4096", "frame", 4096, open_publishing, media, close_worker},
	{"path/publish", "publish", 4096, open_worker, publish, close_worker},
	{.name = NULL},
};
