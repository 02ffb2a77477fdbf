/*
 * A tap on what a stack sends, which knows both ends: no byte other than the application's, nothing
 * beyond the peer's window, no window edge that moves left (RFC 9293 3.8.6), acknowledgements and
 * SACK blocks (RFC 2018, RFC 2883) only of what was sent, no packet longer than the MTU.
 */
#ifndef SIM_EDGE_H
#define SIM_EDGE_H

#include <stdbool.h>
#include <stdint.h>

struct host;
struct rte_mbuf;

/* What one end of a connection has sent. */
struct edge {
	bool valid;  /* its SYN was seen */
	bool acked;  /* so was an acknowledgement: ack and right count */
	bool scaled; /* it offered window scaling */
	bool fin;
	bool stray; /* it answered a SYN that is not this connection's, with stray_iss */
	uint8_t wscale;
	uint32_t iss;
	uint32_t stray_iss;
	uint32_t snd_max; /* after the highest number sent */
	uint32_t fin_seq;
	uint32_t ack;
	uint32_t right; /* of its window */
};

void edge_check(struct host *host, const struct rte_mbuf *packet);

#endif
