/*
 * Forging a segment: any addresses, any numbers, checksums right.
 */
#ifndef GEN_FORGE_H
#define GEN_FORGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"

struct rte_mbuf;
struct rte_mempool;

/* Below: ports of attackers. From here on TCP takes its own. */
#define FORGE_PORT_FIRST 1024u
#define FORGE_PORT_OWN   32768u
#define FORGE_PORT_COUNT 28232u /* that TCP takes */

struct forgery {
	struct endpoint from;
	struct endpoint to;
	uint32_t seq;
	uint32_t ack;
	uint16_t wnd;
	uint8_t flags; /* with SYN, the option MSS 1460 */
	uint32_t len;  /* of the payload; its bytes are 0 */
};

/* NULL: no mbuf. */
struct rte_mbuf *forge(struct rte_mempool *pool, const struct forgery *f);
/* So many bytes of anything behind an IP header; `tcp` is where they begin. */
struct rte_mbuf *forge_ip(struct rte_mempool *pool, const struct in6_addr *from,
			  const struct in6_addr *to, uint32_t len, void **tcp);
/* Fills the TCP checksum in; the packet is at least as long as a TCP header. */
void forge_checksum(struct rte_mbuf *packet);

#endif
