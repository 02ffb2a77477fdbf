/*
 * A flow: two endpoints that have a connection, once or several times in a row with the same ports,
 * and what must have come of it.
 */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "app.h"
#include "edge.h"

struct world;

#define FLOWS_MAX        256
#define FLOW_PORT_CLIENT 20000 /* of flow 0, then upwards */

enum flow_kind {
	FLOW_PLAIN,
	FLOW_SIMULTANEOUS, /* both ends call tcp_connect() */
	FLOW_REFUSED,      /* accepted() says no */
	FLOW_CLOSED_PORT,
	FLOW_NOWHERE, /* nobody has the address */
};

struct flow {
	struct world *world;
	uint32_t id;
	enum flow_kind kind;
	uint32_t client; /* host of the end that connects */
	uint16_t port[2];
	uint32_t rounds; /* connections that are still to come after this one */
	uint64_t next_round_us;
	bool disturbed; /* somebody aborted or refused: it need not complete */
	struct endpoint end[2];
	struct edge edge[2]; /* what each end sent */
};

void flow_init(struct flow *flow, struct world *world, uint32_t id, uint64_t start_us);
uint64_t flow_next_us(const struct flow *flow);
/* Lets its endpoints act, begins the next connection when the last one is over. */
void flow_run(struct flow *flow);
/* After the end of all. */
void flow_finish(struct flow *flow);
void flow_fini(struct flow *flow);

#endif
