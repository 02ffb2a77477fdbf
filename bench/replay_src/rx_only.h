/*
 * What receiving alone costs: the same port and the same frames, but whoever polls looks at nothing
 * and gives every mbuf back after it has held `hold` others, which decides how cold the memory is
 * that frames come into.
 */
#ifndef REPLAY_RX_ONLY_H
#define REPLAY_RX_ONLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;

struct rx_only {
	uint16_t port;
	uint16_t queue;
	uint32_t hold; /* mbufs; a multiple of the burst */
	struct rte_mbuf **held;
	_Atomic bool stop;
};

/* 0 or -ENOMEM. */
int rx_only_init(struct rx_only *rx, uint16_t port, uint16_t queue, uint32_t hold)
	__attribute__((warn_unused_result));
void rx_only_fini(struct rx_only *rx);

/* Polls until rx->stop; then gives all back. `arg` is a struct rx_only. Returns 0. */
int rx_only_run(void *arg);

#endif
