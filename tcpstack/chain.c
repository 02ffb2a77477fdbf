#include "chain.h"

#include <stddef.h>

#include <rte_mbuf.h>

struct tcp_chain chain_of(struct rte_mbuf *packet)
{
	struct tcp_chain chain = {.head = packet, .tail = packet, .segments = packet->nb_segs};

	if (packet->nb_segs > 1) {
		chain.tail = rte_pktmbuf_lastseg(packet);
	}
	return chain;
}

void chain_append(struct tcp_chain *chain, struct tcp_chain *more)
{
	if (more->head == NULL) {
		return;
	}
	if (chain->head == NULL) {
		*chain = *more;
	} else {
		chain->tail->next = more->head;
		chain->tail = more->tail;
		chain->segments += more->segments;
	}
	*more = (struct tcp_chain){0};
}

static void free_head(struct tcp_chain *chain)
{
	struct rte_mbuf *next = chain->head->next;

	rte_pktmbuf_free_seg(chain->head);
	chain->head = next;
	chain->segments--;
	if (next == NULL) {
		chain->tail = NULL;
	}
}

void chain_trim_head(struct tcp_chain *chain, uint32_t len)
{
	while (chain->head != NULL && len >= chain->head->data_len) {
		len -= chain->head->data_len;
		free_head(chain);
	}
	if (len > 0 && chain->head != NULL) {
		chain->head->data_off = (uint16_t)(chain->head->data_off + len);
		chain->head->data_len = (uint16_t)(chain->head->data_len - len);
	}
}

void chain_keep(struct tcp_chain *chain, uint32_t len)
{
	struct rte_mbuf *last = chain->head;
	struct tcp_chain rest;

	if (len == 0) {
		chain_free(chain);
		return;
	}
	rest.segments = chain->segments - 1;
	while (len > last->data_len) {
		len -= last->data_len;
		last = last->next;
		rest.segments--;
	}
	last->data_len = (uint16_t)len;
	rest.head = last->next;
	rest.tail = chain->tail;
	last->next = NULL;
	chain->tail = last;
	chain->segments -= rest.segments;
	chain_free(&rest);
}

uint32_t chain_bytes(const struct tcp_chain *chain, uint32_t segments)
{
	const struct rte_mbuf *mbuf = chain->head;
	uint32_t len = 0;

	for (; segments > 0; segments--, mbuf = mbuf->next) {
		len += mbuf->data_len;
	}
	return len;
}

void chain_free(struct tcp_chain *chain)
{
	while (chain->head != NULL) {
		free_head(chain);
	}
	chain->segments = 0;
}

struct rte_mbuf *chain_seal(struct tcp_chain *chain, uint32_t len)
{
	struct rte_mbuf *head = chain->head;

	head->pkt_len = len;
	head->nb_segs = (uint16_t)chain->segments;
	*chain = (struct tcp_chain){0};
	return head;
}
