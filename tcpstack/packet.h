/*
 * Building a packet to send: an mbuf of the header pool with the IP and TCP headers, payload
 * behind. Begin reserves the headers, the caller adds payload, end fills them in.
 */
#ifndef TCPSTACK_PACKET_H
#define TCPSTACK_PACKET_H

#include <stdint.h>

#include "key.h"
#include "options.h"
#include "segment.h"

struct rte_mbuf;
struct tcp_stack;

#define TCP_COPY_MAX 256 /* payload up to this is copied behind the headers */

struct tcp_header {
	const struct tcp_key *key;
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags;
	uint8_t ecn;      /* enum ecn_codepoint, of the IP header */
	uint16_t segment; /* payload of each segment that the port is to make of it; 0: it is one */
	struct tcp_options opt;
};

static inline uint32_t packet_ip_len(const struct tcp_key *key)
{
	return tcp_key_is_v4(key) ? 20 : 40;
}

/* Bytes of IP and TCP header with their options. */
uint32_t packet_header_len(const struct tcp_header *header);
/* NULL (counted) when the pool is empty. */
struct rte_mbuf *packet_begin(struct tcp_stack *stack, const struct tcp_header *header);
void packet_end(struct tcp_stack *stack, struct rte_mbuf *packet, const struct tcp_header *header);

#endif
