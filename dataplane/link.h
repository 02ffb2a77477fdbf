/*
 * Link to control: the unix socket at which control attaches, on the dataplane's main thread.
 *
 * It makes a fresh `sub` per worker at each attach, passes the descriptors, and sees to it that
 * nothing is given back under a control that may still read it: a control counts as gone when its
 * process has exited. One that is hung is killed: its heartbeat stands still, it does not release
 * a publication that ended (dp_ingest_hung()), or it closed the connection and lives on. No policy
 * and no data pass through it.
 */
#ifndef DP_LINK_H
#define DP_LINK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "dataplane/region.h"

struct dp_ingest;
struct dp_link;

struct dp_link_worker {
	struct dp_ingest *ingest;
	const struct dp_region *packets;
	const struct dp_region *pub;
	uint32_t streams;
	int numa_node;
	int news_fd;
	int events_fd;
	int commands_fd; /* control wakes a sleeping worker with it */
};

/* What the link counts; a worker publishes it. */
struct dp_link_counts {
	_Atomic uint64_t attaches;
	_Atomic uint64_t exits; /* of an attached control */
	_Atomic uint64_t kills;
};

struct dp_link_config {
	const char *run_dir; /* the socket is RUN_DIR/dataplane.sock, mode 0660, owner `uid` */
	uid_t uid;           /* the only user (besides root) that may attach */
	gid_t gid;
	uint64_t generation;
	uint64_t control_timeout_us;   /* 0: a control may be silent for ever */
	struct dp_link_counts *counts; /* the caller's; may be NULL */
	const struct dp_link_worker *workers;
	uint32_t workers_count;
};

/* NULL with errno. */
struct dp_link *dp_link_create(const struct dp_link_config *config);
void dp_link_destroy(struct dp_link *link);

/* The dataplane ends: nothing is given to anybody else any more, so no control is killed. */
void dp_link_farewell(struct dp_link *link);

/* An epoll descriptor that becomes readable when dp_link_poll() has something to do. */
int dp_link_fd(const struct dp_link *link);
void dp_link_poll(struct dp_link *link);

#endif
