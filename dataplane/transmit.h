/*
 * Frames to the port: one worker's transmit queue.
 *
 * What the port does not take now is offered again in the next loops; TCP is not asked for more
 * meanwhile, so that a slow port slows TCP instead of losing packets. After 10 ms without progress
 * everything that waits is dropped and counted (tx_full): the link is down.
 */
#ifndef DP_TRANSMIT_H
#define DP_TRANSMIT_H

#include <stdint.h>

struct dp_port;
struct net;

struct dp_transmit {
	const struct dp_port *port;
	uint16_t queue;
	uint64_t progress_us; /* when the port took something last, or nothing waited */
};

/* Offers net->frames to the port; returns how many it took. */
uint32_t dp_transmit_flush(struct dp_transmit *transmit, struct net *net);

#endif
