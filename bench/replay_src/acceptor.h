/*
 * Stands in for control: accepts every publish and, where wanted, reads every log to its end once a
 * millisecond as a relay without origins would. On the main thread.
 */
#ifndef REPLAY_ACCEPTOR_H
#define REPLAY_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/replay_src/rig.h"

struct acceptor {
	struct rig *rig;
	struct abi_sub *subs[CONFIG_CORES_MAX];
	uint64_t event_tail[CONFIG_CORES_MAX];
	uint32_t accepted;
};

/* Hands the workers something to write to, which they take at their next loop. 0 or -ENOMEM. */
int acceptor_offer(struct acceptor *acceptor, struct rig *rig) __attribute__((warn_unused_result));
/* The same to workers that run, until they have it. 0 or -ENOMEM. */
int acceptor_attach(struct acceptor *acceptor, struct rig *rig) __attribute__((warn_unused_result));
/* Until the workers have let go of it; from then on they are their own consumers. */
void acceptor_detach(struct acceptor *acceptor);
/* The workers do not run any more. */
void acceptor_fini(struct acceptor *acceptor);

void acceptor_poll(struct acceptor *acceptor, bool consume);

/* Messages in all logs since they began, dropped ones included. */
uint64_t acceptor_messages(const struct rig *rig);
/* Payload bytes of those that are not dropped, in logs that are not given back. */
uint64_t acceptor_bytes(const struct rig *rig);

#endif
