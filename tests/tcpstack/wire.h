/*
 * What a stack under test stands in: EAL, pools, a configuration, and packets made and read by
 * hand. Used by peer.c and by the fuzz target, hence without CUnit; a test that cannot go on ends
 * the process.
 *
 * The stack is 192.0.2.1 and listens on WIRE_LISTEN; the other end is 192.0.2.2.
 */
#ifndef TESTS_TCPSTACK_WIRE_H
#define TESTS_TCPSTACK_WIRE_H

#include <stdint.h>

#include "tcpstack/tcp.h"

#define WIRE_LISTEN   1935
#define WIRE_TRUESIZE 2368u

struct rte_mbuf;
struct rte_mempool;

/* Once per process. */
void wire_start(void);

struct rte_mempool *wire_rx_pool(void);
struct rte_mempool *wire_payload_pool(void);
/* mbufs of all pools that nobody gave back. */
unsigned int wire_in_use(void);

/* A small stack with these upcalls: the caller may change it before it creates one. */
struct tcp_config wire_config(const struct tcp_ops *ops, void *app);
/* It has its address and listens. NULL with errno. */
struct tcp_stack *wire_create_stack(const struct tcp_config *config);

/* Header fields in host byte order. */
struct wire_segment {
	uint32_t seq;
	uint32_t ack;
	uint16_t port; /* of the other end */
	uint16_t wnd;
	uint8_t flags;
	const uint8_t *options;
	uint32_t options_len; /* a multiple of 4, at most 40 */
};

/* To the stack, with checksums that are right. NULL: the pool is empty. */
struct rte_mbuf *wire_build(const struct wire_segment *segment, const uint8_t *payload,
			    uint32_t len);

/* A packet of the stack. options and the return value (its payload, *len bytes) point into it. */
const uint8_t *wire_read(const struct rte_mbuf *packet, struct wire_segment *segment, uint32_t *len,
			 uint8_t copy[4096]);

#endif
