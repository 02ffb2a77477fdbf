/*
 * A tap on what a stack sends: the right edge of its window never moves left (RFC 9293 3.8.6), and
 * no packet is longer than the MTU allows.
 */
#ifndef SIM_EDGE_H
#define SIM_EDGE_H

#include <stdint.h>

struct rte_mbuf;
struct world;

void edge_check(struct world *world, uint32_t side, struct rte_mbuf *packet);

#endif
