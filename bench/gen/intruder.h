/*
 * Intruders: an attacker's own connections. They shake hands as anybody does and then send what
 * costs the server more than it costs them:
 *
 *	bytes    one byte in each segment
 *	overlap  each segment again with half of the one before
 *	gaps     single bytes all over the window, never the one that is missing
 *	window   a window of one byte, for what the server answers
 *
 * What they send reads as RTMP until the handshake is over: a 3, then zeros. Who is reset comes
 * back from another port.
 */
#ifndef GEN_INTRUDER_H
#define GEN_INTRUDER_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"

struct rte_mbuf;
struct rte_mempool;

#define INTRUDERS 64u

enum intruder_kind { INTRUDER_BYTES, INTRUDER_OVERLAP, INTRUDER_GAPS, INTRUDER_WINDOW };

struct intruder {
	uint64_t retry_us; /* of its SYN */
	uint32_t first;    /* sequence number of its first byte */
	uint32_t next;     /* ... of the next in order */
	uint32_t next_peer;
	uint32_t last_ack; /* that came */
	uint16_t port;
	bool open;
};

struct intruders {
	enum intruder_kind kind;
	struct rte_mempool *pool;
	struct endpoint from; /* its port is not used */
	struct endpoint to;
	uint64_t random;
	uint64_t opened; /* handshakes that were completed */
	uint64_t resets; /* that came */
	uint32_t turn;
	uint16_t next_port;
	struct intruder one[INTRUDERS];
};

/* The next segment of the next intruder: NULL: none of them may speak. */
struct rte_mbuf *intruder_make(struct intruders *all, uint64_t now_us);
/* A TCP packet for one of their ports; `tcp` is its header. */
void intruder_input(struct intruders *all, const struct rte_mbuf *packet, const void *header);

#endif
