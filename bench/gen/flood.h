/*
 * Flood: segments that belong to no connection, at a rate, beside the publishers.
 *
 * syn, ack and garbage come from ports below 32768, which our TCP never takes: what is answered to
 * them is dropped unseen (flood_is_answer()), so that SYNs stay half-open at the server. rst aims
 * blindly at the connections of our publishers.
 */
#ifndef GEN_FLOOD_H
#define GEN_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"

struct rte_mbuf;
struct rte_mempool;

enum flood_kind { FLOOD_NONE = 0, FLOOD_SYN, FLOOD_ACK, FLOOD_RST, FLOOD_GARBAGE };

struct flood {
	enum flood_kind kind;
	bool running; /* from the beginning of the time measured on */
	uint32_t rate_pps;
	struct rte_mempool *pool;
	struct in6_addr from;
	struct endpoint to;
	uint64_t random;
	uint64_t begin_us; /* 0: not yet */
	uint64_t sent;
};

/* 0, or -1 when there is no such kind. */
int flood_kind_parse(const char *text, enum flood_kind *kind) __attribute__((warn_unused_result));

/* IP packets that are due, at most `max`. */
uint32_t flood_make(struct flood *flood, struct rte_mbuf **packets, uint32_t max, uint64_t now_us);

/* Whether a received TCP packet answers one of them. */
bool flood_is_answer(const struct flood *flood, const struct rte_mbuf *packet);

#endif
