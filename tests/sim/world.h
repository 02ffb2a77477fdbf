/*
 * One simulated world: two hosts, the network between them, virtual time, and the flows. All of it
 * follows from a seed.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "attacker.h"
#include "flow.h"
#include "host.h"
#include "network.h"
#include "rng.h"

#define WORLD_PORT      1935
#define WORLD_TINY      2 /* index of the pools that run empty */
#define WORLD_TRUESIZE  2368
#define WORLD_LIMIT_US  (7200ULL * 1000000) /* of virtual time */
#define WORLD_STEPS_MAX 2000000U

struct rte_mempool;

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
	struct host host[2];
	struct network net;
	struct attacker attacker;
	struct world_pools *pools;
	struct flow flow[FLOWS_MAX];
	uint32_t flow_count;
	uint32_t pressure_pm; /* how often a host says how short packets run */
	uint32_t shed_pm;     /* how often out-of-order data is thrown away */
	uint64_t shutdown_us; /* when a host ends all of its connections */
	uint32_t shutdown_host;
	bool calm;   /* nobody aborts, and no keepalive hides a connection that hangs */
	bool hard;   /* so much is lost, or so little room, that giving up is right */
	bool scarce; /* more flows than connections, or half-open records */
	bool trace;  /* print each packet sent */
	bool failed;
	char failure[240];

	/* What came of it. */
	uint64_t connections;
	uint64_t gave_up;
	uint64_t bytes;
	uint64_t packets;
	uint64_t retransmits;
};

/*
 * Losses and their like are at most loss_pm per mille. 0 when everything arrived and nothing is
 * left; otherwise world->failure says why not.
 */
int world_run(struct world *world, struct world_pools *pools, uint64_t seed, uint32_t loss_pm,
	      bool trace) __attribute__((warn_unused_result));

/* Only the first failure is kept. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct flow *world_find_flow(struct world *world, uint32_t side, uint16_t local, uint16_t remote);

#endif
