/*
 * A relay with all it needs around it: a worker made of memory, one or two origins on loopback, a
 * resolver, and the configuration of an app "live" whose stream "name" goes to them. A test changes
 * what it likes between rig_init() and rig_start().
 */
#ifndef RIG_H
#define RIG_H

#include "check.h"
#include "fake_origin.h"
#include "fake_worker.h"
#include "relay/relay.h"
#include "relay/resolver.h"

#define RIG_ORIGINS 2u

struct rig {
	struct fake_worker worker;
	struct resolver *resolver;
	struct relay *relay; /* NULL: none runs */
	struct fake_origin *origins[RIG_ORIGINS];
	struct config_origin configs[RIG_ORIGINS];
	struct config_app app;
	struct relay_settings settings;
};

/* `receive_buffer` is that of the first origin; 0: the kernel's own. */
void rig_init(struct rig *rig, uint32_t origins, int receive_buffer);
void rig_fini(struct rig *rig);

void rig_start(struct rig *rig);

/* A publisher is live, and the relay does not know yet. */
void rig_publish(struct rig *rig, uint32_t slot, uint64_t generation);
void rig_adopt(struct rig *rig, uint32_t slot, uint64_t generation);

/* Gives back what the relay released of slot 0; what a dead one released stays. */
void rig_reclaim(struct rig *rig);

#define RIG_WAIT_FOR(rig, condition) WAIT_FOR_AND(condition, rig_reclaim(rig))

/* Errors only; JOURNAL=1 shows what the relay says. */
void rig_journal_init(void);

#endif
