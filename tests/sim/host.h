/*
 * A host: a stack, its port, and the loop that polls them, which is slow or stands still at times.
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic.h"
#include "tcpstack/tcp.h"
#include "whole.h"

struct world;

#define HOST_BURST 64

struct host {
	struct world *world;
	uint32_t index;
	struct tcp_stack *stack;
	struct whole whole; /* of the stack, when it was created */
	struct nic nic;
	struct in6_addr addr;
	uint32_t mtu;
	uint32_t receive_budget;
	uint32_t side_records;
	uint32_t rx_burst; /* 1: nothing is ever merged (GRO) */
	uint32_t tx_burst;
	uint32_t timer_budget;
	uint32_t stall_pm; /* how often the loop stands still */
	uint64_t stalled_until_us;
	uint64_t delivered; /* payload given to applications */
	uint64_t polled;
};

/* Makes the stack, as the world's generator says; world_fail() when it cannot. */
void host_init(struct host *host, struct world *world, uint32_t index, bool v6);
void host_fini(struct host *host);
/* What has arrived, and timers. */
void host_poll(struct host *host);
void host_transmit(struct host *host);
uint64_t host_next_us(const struct host *host);

#endif
