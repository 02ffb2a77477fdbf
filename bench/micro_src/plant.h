/*
 * One worker of the dataplane, taken apart: its parts are called by hand, in the order of
 * dataplane/worker.c, on virtual time, with scripted publishers (bench/replay_src/flow.h) outside.
 */
#ifndef MICRO_PLANT_H
#define MICRO_PLANT_H

#include <rte_mbuf.h>
#include <stdint.h>

#include "bench/replay_src/acceptor.h"
#include "bench/replay_src/flow.h"
#include "bench/replay_src/rig.h"

#define PLANT_BURST 32u
#define PLANT_FLOWS 32u

struct plant {
	struct rig rig;
	struct acceptor acceptor;
	uint64_t now_us;
	uint16_t next_port; /* of the next flow; connections of the last ones may linger */
};

extern struct plant plant;

/* Starts EAL and puts the worker together. `hugepages` false: under valgrind. 0 or -errno. */
int plant_init(bool hugepages) __attribute__((warn_unused_result));
void plant_fini(void);

static inline struct dp_worker *plant_worker(void)
{
	return plant.rig.workers[0];
}

/* Addresses and a port of its own; `chunk_size` of its RTMP. */
void plant_flow_init(struct flow *flow, uint32_t chunk_size);

/* Where the flows are: as if they had asked by ARP just now. */
void plant_learn(void);

struct flow_time plant_time(void);

/* Fresh receive mbufs, which must be there. */
void plant_alloc(struct rte_mbuf **mbufs, uint32_t count);

/* Hands an answer of TCP (from the IP header on) to the flow that it is for, and frees it. */
void plant_answer(struct flow *flows, uint32_t count, struct rte_mbuf *packet);

#endif
