/*
 * Layout and creation of a worker's `pub` region (control/abi/pub.h).
 */
#ifndef DP_PUB_H
#define DP_PUB_H

#include "abi/pub.h"
#include "config/config.h"
#include "dataplane/region.h"

struct dp_pub_config {
	uint32_t worker;
	uint32_t cpu;
	int numa_node;
	uint64_t generation; /* of this process */
	const struct config_memory *memory;
	uint32_t players; /* 0: nobody may play */
	unsigned int region_flags;
};

/* Creates the region, lays out its tables and writes the constant fields. 0 or -errno. */
int dp_pub_create(struct dp_region *region, const struct dp_pub_config *config)
	__attribute__((warn_unused_result));

static inline struct abi_pub *dp_pub(const struct dp_region *region)
{
	return (struct abi_pub *)(void *)region->base;
}

#endif
