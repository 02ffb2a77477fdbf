/*
 * The applications on both ends of each connection: they send a known pattern in random pieces,
 * check every byte they receive, hold on to data, close half, abort or refuse, as the seed says.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpstack/tcp.h"

struct world;

#define FLOWS_MAX 8

struct endpoint {
	struct flow *flow;
	uint32_t stack;
	uint32_t salt; /* of the pattern that it sends */
	struct tcp_conn *conn;
	uint32_t to_send;
	uint32_t sent;
	uint32_t received;
	uint32_t held;        /* truesize not released yet */
	uint32_t release_pm;  /* how probable a release is at each action */
	uint32_t abort_after; /* bytes received; 0: never */
	uint32_t pause_ms;    /* longest time between two actions */
	uint64_t act_at_us;
	bool blocked; /* tcp_send() refused: waits for writable() */
	bool started;
	bool we_closed;
	bool peer_closed;
	bool closed;
	enum tcp_close_reason reason;
};

struct flow {
	struct world *world;
	uint32_t id;
	uint16_t port[2];
	bool simultaneous; /* both ends call tcp_connect() */
	bool refuse;
	bool disturbed; /* somebody aborted or refused: it need not complete */
	struct endpoint end[2];
	uint32_t right_edge[2]; /* of the window that each end advertised last */
	uint8_t wscale[2];
	bool edge_valid[2];
};

extern const struct tcp_ops app_ops;

void app_init(struct flow *flow, struct world *world, uint32_t id);
void app_act(struct endpoint *end);
uint64_t app_next_us(const struct flow *flow);
/* NULL, or what is wrong with a flow after the end. */
const char *app_verdict(const struct flow *flow);

#endif
