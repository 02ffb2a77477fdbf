/*
 * A worker: one core, one queue pair of the port, everything between them.
 *
 * It runs to completion: nothing that it uses is written by another thread but what worker.h and
 * the mappings of control name as such. It allocates nothing, takes no lock and reads the clock
 * once per loop.
 */
#ifndef DP_WORKER_H
#define DP_WORKER_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/clock.h"
#include "dataplane/counters.h"
#include "dataplane/forward.h"
#include "dataplane/idle.h"
#include "dataplane/inspect.h"
#include "dataplane/net/net.h"
#include "dataplane/packets.h"
#include "dataplane/transmit.h"

struct abi_pub;
struct dp_ingest;
struct dp_link_counts;
struct dp_port;
struct dp_port_losses;
struct play_mesh;
struct tcp_stack;

struct dp_worker {
	uint32_t index;
	uint32_t cpu;
	int numa_node;
	const struct dp_port *port;
	const struct dp_port_losses *losses;      /* first worker only, others NULL */
	const struct dp_link_counts *link_counts; /* ... and so here */
	struct tcp_stack *tcp;
	struct dp_ingest *ingest;
	struct abi_pub *pub;
	const struct config_rtmp *rtmp;
	uint16_t discard_port; /* 0: none */
	const struct dp_packets_table *packets_table;
	struct rte_mempool *packets; /* receive mbufs: of the table */
	uint32_t port_mbufs;         /* of them, what the port's queue took when it was opened */
	struct rte_mempool *headers; /* what we send */
	struct rte_mempool *replies; /* of sessions, until they are acknowledged */
	struct rte_mempool *indirect;
	void (*guard)(bool armed); /* tests: allocations on this thread abort; may be NULL */

	struct dp_clock clock;
	struct dp_idle idle;
	struct dp_forward forward;
	struct dp_transmit transmit;
	struct dp_counters counters;
	struct dp_inspect inspect;
	struct net net;

	/* accounting */
	uint64_t loop_tsc; /* start of this loop */
	bool loop_busy;    /* the last loop found work */
	uint64_t loops;
	uint64_t empty_polls;
	uint64_t busy_cycles;
	uint64_t total_cycles;
	uint64_t publish_us;  /* when `pub` is due */
	uint64_t shed_us;     /* when out-of-order data was dropped last, packets running short */
	uint32_t full_bursts; /* that the port gave in a row */
	uint64_t settle_us;   /* ... if there is no work then; UINT64_MAX: nothing new */

	/* shutdown */
	bool ending;
	bool aborted;
	uint64_t end_us; /* sessions that are still there then are reset */

	struct dp_wake wake;            /* for others, while we sleep */
	alignas(128) _Atomic bool stop; /* set by the main thread */
};

struct dp_worker_config {
	uint32_t index;
	uint32_t cpu;
	int numa_node;
	uint64_t generation; /* of the process */
	const struct config_dataplane *config;
	const struct dp_port *port;
	const struct dp_port_losses *losses;      /* NULL: another worker shows them */
	const struct dp_link_counts *link_counts; /* ... and these */
	const struct net_iface *iface;
	struct dp_forward_mesh *mesh;
	const struct dp_packets_table *packets;
	struct play_mesh *play; /* NULL: nobody may play */
	uint32_t port_mbufs;    /* that the port's queue holds of packets[index] */
	unsigned int region_flags;
	void (*guard)(bool armed);
};

/* Descriptors and regions of a worker that the link hands to control. */
struct dp_worker_shared {
	struct dp_region pub;
	int news_fd;
	int events_fd;
	int commands_fd;
};

/*
 * Everything that a worker needs, on its NUMA node; packets[index] exists already. `shared` is the
 * caller's. NULL with errno.
 */
struct dp_worker *dp_worker_create(const struct dp_worker_config *config,
				   struct dp_worker_shared *shared);
/*
 * Gives back every mbuf: connections, sessions, frames. The worker does not run any more; what is
 * still in use of its pools afterwards, the port closed and the rings empty, has leaked.
 */
void dp_worker_release(struct dp_worker *worker);
void dp_worker_destroy(struct dp_worker *worker, struct dp_worker_shared *shared);

/*
 * The thread of a worker (`arg`): returns 0 when the main thread asked it to stop and its sessions
 * have ended, or were reset after 2 s.
 */
int dp_worker_run(void *arg);

/* Asks the worker to end its sessions and return. From the main thread. */
void dp_worker_stop(struct dp_worker *worker);

#endif
