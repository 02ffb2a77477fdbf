/*
 * Frames handed from one worker to another, over one ring (single producer, single consumer) for
 * each direction of each pair.
 *
 * Two reasons: the port's queues do not keep the segments of a connection together (software
 * spread: the owner of a flow is CRC32 of its addresses and ports, modulo workers), or a frame
 * tells something about a neighbour that every worker has to know (a copy for each).
 */
#ifndef DP_FORWARD_H
#define DP_FORWARD_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "dataplane/counters.h"

#define DP_FORWARD_RING  1024u /* frames */
#define DP_FORWARD_BURST 32u

struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

/* Why a frame came over a ring. */
enum dp_forward_kind { DP_FORWARD_FLOW = 1, DP_FORWARD_TEACH };

/*
 * A worker that sleeps must be woken. The sleeper sets its flag, fences (seq_cst), looks at its
 * rings once more and sleeps on `fd`; the producer enqueues, fences (seq_cst) and writes `fd` when
 * the flag is set. The flag stands in `pub`, because control does the same.
 */
struct dp_wake {
	_Atomic uint32_t *sleeping;
	int fd;
};

/* All rings of the process. */
struct dp_forward_mesh {
	uint32_t workers;
	struct rte_ring *rings[CONFIG_CORES_MAX][CONFIG_CORES_MAX]; /* [from][to] */
	const struct dp_wake *wakes[CONFIG_CORES_MAX];
};

/* One worker's end. */
struct dp_forward {
	struct dp_forward_mesh *mesh;
	uint32_t self;
	struct dp_counters *counters;
	struct rte_mempool *pool; /* for copies */
	uint32_t staged_count[CONFIG_CORES_MAX];
	struct rte_mbuf *staged[CONFIG_CORES_MAX][DP_FORWARD_BURST];
};

/* 0 or -errno. wakes[] are set by the caller. */
int dp_forward_mesh_create(struct dp_forward_mesh *mesh, const int *numa_nodes, uint32_t workers)
	__attribute__((warn_unused_result));
/* Frees what lies in the rings. */
void dp_forward_mesh_destroy(struct dp_forward_mesh *mesh);

/* Worker that owns the flow of a frame; `self` for what is no TCP. */
uint32_t dp_forward_owner(const struct rte_mbuf *frame, uint32_t workers, uint32_t self);

/* Stages a frame for another worker; sent by dp_forward_flush() or when the stage is full. */
void dp_forward_send(struct dp_forward *forward, struct rte_mbuf *frame, uint32_t to,
		     enum dp_forward_kind kind);

/* Stages a copy for every other worker. The frame is consumed. */
void dp_forward_teach(struct dp_forward *forward, struct rte_mbuf *frame);

void dp_forward_flush(struct dp_forward *forward);

/* Up to DP_FORWARD_BURST frames that worker `from` sent us; frame->hash.usr is the kind. */
uint32_t dp_forward_receive(struct dp_forward *forward, uint32_t from, struct rte_mbuf **frames);

/* Whether anything lies in our rings. */
bool dp_forward_pending(const struct dp_forward *forward);
/* ... how many frames: those of others' rings are theirs to count. */
uint32_t dp_forward_waiting(const struct dp_forward *forward);

/* Wakes a worker that sleeps. */
void dp_wake(const struct dp_wake *wake);

#endif
