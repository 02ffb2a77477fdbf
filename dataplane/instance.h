/*
 * The dataplane as a whole: port, workers, and the link to control, created in order by the main
 * thread and taken down in reverse.
 */
#ifndef DP_INSTANCE_H
#define DP_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

struct dp_instance;

/* `hugepages`: what EAL was started with. NULL with errno; says on stderr what went wrong. */
struct dp_instance *dp_instance_create(const struct config *config, bool hugepages);

/* Starts the workers on their cores. 0 or -errno. */
int dp_instance_start(struct dp_instance *instance) __attribute__((warn_unused_result));

/* Descriptor that becomes readable when dp_instance_poll() has something to do. */
int dp_instance_fd(const struct dp_instance *instance);
void dp_instance_poll(struct dp_instance *instance);

/* Asks all workers to end their sessions and stop. */
void dp_instance_stop(struct dp_instance *instance);
/* Whether all of them have; true before they were started. */
bool dp_instance_stopped(const struct dp_instance *instance);

/*
 * Takes everything down, having waited for workers that still run, and returns the number of mbufs
 * that nobody gave back, which it also says on stderr.
 */
uint64_t dp_instance_destroy(struct dp_instance *instance);

#endif
