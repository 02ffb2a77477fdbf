/*
 * EAL: the arguments that DPDK's environment layer starts with, from our configuration.
 *
 * Several instances live side by side, so EAL never uses files that another instance would see:
 * `--in-memory` with hugepages, `--no-huge --no-shconf` without (the two exclude each other). Only
 * the device that is configured is probed.
 */
#ifndef DP_EAL_H
#define DP_EAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

#define DP_EAL_ARGS 32

struct dp_eal_args {
	int argc;
	char *argv[DP_EAL_ARGS + 1];
	char text[DP_EAL_ARGS][512];
	bool overflow; /* an argument was too long or one too many */
};

/* Which kind of port a device string names. */
enum dp_eal_device { DP_EAL_TAP, DP_EAL_AF_PACKET, DP_EAL_VDEV, DP_EAL_PCI };
enum dp_eal_device dp_eal_device(const char *device);

/* Payload buffer that a receive mbuf needs for the port's MTU and its driver's taste, bytes. */
uint16_t dp_eal_data_room(const struct config_port *port);

/* Bytes of memory, private and shared, that the configuration needs; an estimate from above. */
uint64_t dp_eal_memory(const struct config_dataplane *config);

/* Hugepages of 2 MiB that are free, and all that there are, bytes. */
uint64_t dp_eal_hugepages_free(void);
uint64_t dp_eal_hugepages_total(void);

/*
 * Hugepages that are free, having waited for up to `wait_ms` when there are too few for the
 * configuration now but the machine has them: a dataplane that died leaves its own behind for as
 * long as control maps them.
 */
uint64_t dp_eal_hugepages_await(const struct config_dataplane *config, uint32_t wait_ms);

/*
 * Whether to run on hugepages: 0 or 1, or -ENOMEM when they are required and too few. `free` is
 * what dp_eal_hugepages_free() said.
 */
int dp_eal_choose_hugepages(const struct config_dataplane *config, uint64_t free)
	__attribute__((warn_unused_result));

/* Fills the vector; -E2BIG when something does not fit. */
int dp_eal_build(struct dp_eal_args *args, const struct config_dataplane *config, bool hugepages)
	__attribute__((warn_unused_result));

/* Lcore 0 is the main thread, lcore 1 + i the worker i. */
static inline unsigned int dp_eal_lcore(uint32_t worker)
{
	return worker + 1;
}

#endif
