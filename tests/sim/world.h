/*
 * One simulated world: two stacks, the network between them, virtual time, and the flows. All of
 * it follows from a seed.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "network.h"
#include "rng.h"

#define WORLD_PORT      1935
#define WORLD_TINY      2 /* index of the pools that run empty */
#define WORLD_TRUESIZE  2368
#define WORLD_LIMIT_US  (3600ULL * 1000000) /* of virtual time */
#define WORLD_STEPS_MAX 2000000U

struct world_side {
	struct world *world;
	uint32_t index;
};

struct world_pools {
	struct rte_mempool *rx;
	struct rte_mempool *payload;
	struct rte_mempool *header[3]; /* of each stack, and a tiny one that runs empty */
	struct rte_mempool *indirect[3];
};

struct world {
	struct rng rng;
	uint64_t now_us;
	uint64_t start_us;
	struct tcp_stack *stack[2];
	struct world_side side[2];
	struct in6_addr addr[2];
	uint32_t receive_budget[2];
	struct network net;
	struct world_pools *pools;
	struct rte_mempool *payload_pool;
	struct flow flow[FLOWS_MAX];
	uint32_t flow_count;
	uint64_t bytes;
	uint64_t retransmits;
	bool calm;  /* nobody aborts, and no keepalive hides a connection that hangs */
	bool trace; /* print each packet sent */
	bool failed;
	char failure[200];
};

/* 0 when everything arrived and nothing is left; otherwise world->failure says why not. */
int world_run(struct world *world, struct world_pools *pools, uint64_t seed, uint32_t loss_pm,
	      bool trace);

/* Only the first failure is kept. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct flow *world_find_flow(struct world *world, uint32_t side, uint16_t local, uint16_t remote);

#endif
