/*
 * Heartbeat of control (abi_sub.heartbeat_us): that it changed since the last look is all that
 * counts, with our own clock. The value is hostile and means nothing.
 */
#ifndef DP_HEARTBEAT_H
#define DP_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/sub.h"

struct heartbeat {
	uint64_t value;
	uint64_t changed_us;
};

static inline void heartbeat_start(struct heartbeat *beat, uint64_t now_us)
{
	*beat = (struct heartbeat){.changed_us = now_us};
}

/* Whether it has stood still for `limit_us`. */
static inline bool heartbeat_is_overdue(struct heartbeat *beat, const struct abi_sub *sub,
					uint64_t limit_us, uint64_t now_us)
{
	uint64_t value = atomic_load_explicit(&sub->heartbeat_us, memory_order_relaxed);

	if (value != beat->value) {
		beat->value = value;
		beat->changed_us = now_us;
	}
	return now_us - beat->changed_us >= limit_us;
}

#endif
