/*
 * Link to control: the unix socket at which control attaches, on the dataplane's main thread.
 *
 * It makes a fresh `sub` per worker at each attach, passes the descriptors, and notices the end of
 * control by the end of the connection. No policy and no data pass through it.
 */
#ifndef DP_LINK_H
#define DP_LINK_H

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

struct dp_link_config {
	const char *run_dir; /* the socket is RUN_DIR/dataplane.sock, mode 0660, owner `uid` */
	uid_t uid;           /* the only user (besides root) that may attach */
	gid_t gid;
	uint64_t generation;
	const struct dp_link_worker *workers;
	uint32_t workers_count;
};

/* NULL with errno. */
struct dp_link *dp_link_create(const struct dp_link_config *config);
void dp_link_destroy(struct dp_link *link);

/* An epoll descriptor that becomes readable when dp_link_poll() has something to do. */
int dp_link_fd(const struct dp_link *link);
void dp_link_poll(struct dp_link *link);

#endif
