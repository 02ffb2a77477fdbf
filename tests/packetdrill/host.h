/*
 * A host in virtual time: one stack, its clock, and the wire it is on. Packets are bare IP. Nothing
 * happens but by these calls, so that a script which lasts an hour runs in a blink and always the
 * same way. sockets.h has the programs of this host.
 *
 * Used by the shared object for packetdrill (adapter.c) and by the scripts of tests/scripts.
 */
#ifndef TESTS_PACKETDRILL_HOST_H
#define TESTS_PACKETDRILL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcpstack/tcp.h"

#define HOST_TRUESIZE   2368u
#define HOST_PACKET_MAX 65535u

struct rte_mbuf;
struct rte_mempool;

/* A packet of the stack that nobody has looked at yet. */
struct host_packet {
	struct host_packet *next;
	uint64_t at_us;
	uint32_t len;
	uint8_t bytes[];
};

struct host {
	struct tcp_config config;
	struct tcp_stack *stack;
	uint64_t now_us;
	/* Sees every packet when it comes ('<') and when it leaves ('>'). May be NULL. */
	void (*tap)(void *arg, char direction, const void *bytes, size_t len, uint64_t at_us);
	void *tap_arg;
	struct host_packet *first; /* that left the stack, oldest first */
	struct host_packet **last;
	struct rte_mempool *rx;
	struct rte_mempool *payload;
	struct rte_mempool *header;
	struct rte_mempool *indirect;
};

/* EAL, once per process. 0, or -1 after a message on stderr. */
int host_start(void) __attribute__((warn_unused_result));
/*
 * Pools, and defaults in host->config that the caller may change before host_boot(). The upcalls
 * are those of sockets.c, `app` is the caller's.
 */
int host_init(struct host *host, const struct tcp_ops *ops, void *app)
	__attribute__((warn_unused_result));
/* Creates the stack. */
int host_boot(struct host *host) __attribute__((warn_unused_result));
/* Destroys stack and pools; returns how many mbufs nobody had given back. */
unsigned int host_fini(struct host *host);

/* `len` bytes of IP from the wire: TCP, or an ICMP error. Packets longer than a buffer come as a
 * chain, like from LRO. */
int host_input(struct host *host, const void *bytes, size_t len)
	__attribute__((warn_unused_result));
/* Takes what the stack has to send, now. Call after any call that may have made it talk. */
void host_flush(struct host *host);
/* Time passes; timers run when they are due, and what they send carries that time. */
void host_advance(struct host *host, uint64_t until_us);
/* Goes on to the next timer, at most to `until_us`; false: there is none before. */
bool host_step(struct host *host, uint64_t until_us);
/* The next packet, which the caller frees; NULL: none has left. */
struct host_packet *host_take(struct host *host);

#endif
