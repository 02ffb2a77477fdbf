/*
 * The network between the two stacks: each direction loses, duplicates, delays, reorders and
 * corrupts packets as its seed says. Packets are copied onto the wire, so that no buffer is shared.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <stdint.h>

#include "rng.h"

struct rte_mbuf;
struct rte_mempool;

struct network_packet {
	struct network_packet *next;
	uint64_t at_us;
	uint32_t to; /* stack */
	uint32_t len;
	uint8_t data[];
};

struct network {
	struct rng rng;
	uint32_t loss_pm; /* per mille, as all of these */
	uint32_t duplicate_pm;
	uint32_t reorder_pm;
	uint32_t corrupt_pm;
	uint32_t split_pm; /* delivered as a chain of two mbufs */
	uint32_t delay_ms;
	uint32_t jitter_ms;
	struct network_packet *queue; /* by time, then by order of arrival */
	uint64_t carried;
};

void network_init(struct network *net, uint64_t seed, uint32_t loss_pm);
void network_fini(struct network *net);
/* Takes the packet, which goes to stack `to`. */
void network_send(struct network *net, struct rte_mbuf *packet, uint32_t to, uint64_t now_us);
/* Packets that arrive at `to` now, in mbufs of `pool`; returns how many. */
uint16_t network_receive(struct network *net, uint32_t to, uint64_t now_us,
			 struct rte_mempool *pool, struct rte_mbuf **packets, uint16_t max);
uint64_t network_next_us(const struct network *net);

#endif
