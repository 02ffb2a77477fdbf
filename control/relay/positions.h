/*
 * Where the origins of a stream would go on if this process were killed now: kept in `sub` for the
 * successor (abi/sub.h), found there by it.
 *
 * An origin is known by a hash of host, port, application and name, so that it keeps its place when
 * the configuration is reordered or spelled otherwise. One that the configuration did not have
 * before has no position; the entry of one that it has no longer stays until it is needed.
 *
 * One relay thread writes to it. The caller guarantees that the mapping is there.
 */
#ifndef POSITIONS_H
#define POSITIONS_H

#include "abi/sub.h"
#include "config/config.h"

struct positions {
	struct abi_resume *shared;
	uint64_t generation;
	struct {
		uint64_t key;
		uint64_t position; /* as found, then as last stored; 0: not known */
		uint32_t entry;    /* in `shared` */
	} origins[ABI_ORIGINS_MAX];
};

/* Never 0. */
uint64_t positions_key(const struct config_origin *origin);

/*
 * Takes over what stands there of this publication, up to `head`: positions_of() of each origin;
 * or clears what stands there of another one.
 */
void positions_open(struct positions *positions, struct abi_resume *shared, uint64_t generation,
		    uint64_t head, const struct config_origin *origins, uint32_t count);

static inline uint64_t positions_of(const struct positions *positions, uint32_t origin)
{
	return positions->origins[origin].position;
}

/* Unless the slot is another publication's by now. */
void positions_store(struct positions *positions, uint32_t origin, uint64_t position);

#endif
