/*
 * The network between the two hosts: packets on their way, as bytes, so that no buffer is shared.
 * They arrive by time, those of the same time in the order in which they were sent. Routers tell
 * the sender of a packet that is too big (RFC 1191, RFC 8201).
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "link.h"
#include "rng.h"

struct network_packet {
	uint64_t at_us;
	uint64_t order;
	uint32_t len;
	uint32_t corrupt_at; /* offset of the first wrong byte */
	bool corrupt;
	bool too_big;    /* not a packet but an ICMP error about one: data is what it quotes */
	uint32_t mtu;    /* ... and what would have passed; 0: it does not say */
	uint32_t merged; /* payload of its first segment, when a port has merged several (LRO) */
	uint8_t data[];
};

/* A heap of packets, the next one first. */
struct network_inbox {
	struct network_packet **heap;
	uint32_t count;
	uint32_t room;
};

struct network {
	struct rng rng;
	uint32_t grain_us;   /* arrivals are rounded up to it: packets come in bursts */
	struct link link[2]; /* towards each host */
	struct network_inbox inbox[2];
	uint64_t order;
};

void network_init(struct network *net, uint64_t seed, uint32_t severity_pm, uint64_t now_us);
void network_fini(struct network *net);
/* An IP packet for host `to`. */
void network_send(struct network *net, uint32_t to, const uint8_t *bytes, uint32_t len,
		  uint64_t now_us);
/* The next packet that has arrived at host `to`, which stays there. NULL: none. */
struct network_packet *network_peek(const struct network *net, uint32_t to, uint64_t now_us);
/* The next packet that has arrived at host `to`: the caller frees it. NULL: none. */
struct network_packet *network_receive(struct network *net, uint32_t to, uint64_t now_us);
/* When the next one arrives; UINT64_MAX: none is on the way. */
uint64_t network_next_us(const struct network *net, uint32_t to);

#endif
