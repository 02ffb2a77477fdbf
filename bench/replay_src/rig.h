/*
 * Workers of the dataplane on a null port, as dataplane/instance.c puts them together, without the
 * link to a control process.
 */
#ifndef REPLAY_RIG_H
#define REPLAY_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/forward.h"
#include "dataplane/net/iface.h"
#include "dataplane/packets.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"

#define RIG_SERVER  "198.18.0.2"
#define RIG_SERVER6 "fd00:198:18::2"

struct rig {
	struct config *config;
	bool hugepages;
	uint32_t workers_count;
	struct dp_port port;
	struct net_iface iface;
	struct dp_forward_mesh mesh;
	struct dp_packets_table packets;
	struct dp_packets packets_of[CONFIG_CORES_MAX];
	struct dp_worker *workers[CONFIG_CORES_MAX];
	struct dp_worker_shared shared[CONFIG_CORES_MAX];
};

struct rig_config {
	const uint32_t *cores;
	uint32_t workers;
	uint32_t packets; /* of each worker */
	uint32_t log_blocks;
	bool no_hugepages;
};

/* Starts EAL, which can be done once in a process. 0 or -errno; says on stderr what failed. */
int rig_init(struct rig *rig, const struct rig_config *config) __attribute__((warn_unused_result));
/* The workers do not run. Returns mbufs that nobody gave back. */
uint64_t rig_fini(struct rig *rig);

/* Runs `function` on every worker's core; args[worker]. 0 or -errno. */
int rig_launch(struct rig *rig, int (*function)(void *), void **args)
	__attribute__((warn_unused_result));
void rig_wait(void);

#endif
