/*
 * A run of payload in mbufs that are linked by `next`, without gaps. Only data_off and data_len
 * are meaningful; pkt_len and nb_segs are set when a chain leaves the stack (chain_seal()).
 */
#ifndef TCPSTACK_CHAIN_H
#define TCPSTACK_CHAIN_H

#include <stdint.h>

struct rte_mbuf;

struct tcp_chain {
	struct rte_mbuf *head;
	struct rte_mbuf *tail;
	uint32_t segments; /* mbufs */
};

struct tcp_chain chain_of(struct rte_mbuf *packet);
/* Moves all of `more` to the end of `chain`. */
void chain_append(struct tcp_chain *chain, struct tcp_chain *more);
/* Both free mbufs that become empty; `len` must not exceed what the chain holds. */
void chain_trim_head(struct tcp_chain *chain, uint32_t len);
void chain_keep(struct tcp_chain *chain, uint32_t len);
/* Bytes that the first `segments` mbufs carry; there are as many. */
uint32_t chain_bytes(const struct tcp_chain *chain, uint32_t segments);
void chain_free(struct tcp_chain *chain);
/* Makes it a valid packet of `len` bytes and gives it away. */
struct rte_mbuf *chain_seal(struct tcp_chain *chain, uint32_t len);

#endif
