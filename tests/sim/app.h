/*
 * The applications on both ends of a connection: they send a known pattern in random pieces, check
 * every byte that they receive, hold on to buffers as ingest does, close half, abort or refuse, as
 * the seed says.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "tcpstack/tcp.h"

struct flow;
struct rte_mbuf;

/* What an application does, chosen before it begins. */
struct habits {
	uint32_t to_send;
	uint32_t piece_max;     /* bytes at a time */
	uint32_t lead;          /* bytes that it may send ahead of what it received; 0: any */
	uint32_t pause_us;      /* longest time between two actions */
	uint32_t release_pm;    /* how probable a release of held buffers is at an action */
	uint32_t release_max;   /* buffers at a time */
	uint32_t abort_after;   /* bytes received; 0: never */
	uint64_t abort_us;      /* after the beginning; 0: never */
	bool holds;             /* buffers, until it releases them */
	bool shares;            /* some of them with others */
	bool waits;             /* closes only after its peer */
	bool aborts_after_peer; /* instead of closing */
	bool eager;             /* acts inside upcalls, too */
};

struct endpoint {
	struct flow *flow;
	uint32_t host;
	uint32_t salt; /* of the pattern that it sends */
	struct habits habits;
	struct tcp_conn *conn;
	uint32_t sent;
	uint32_t received;
	struct rte_mbuf *held; /* linked by `next` */
	struct rte_mbuf **held_end;
	uint64_t act_at_us;
	uint64_t abort_at_us;
	bool blocked;   /* tcp_send() refused: waits for writable() */
	bool connects;  /* calls tcp_connect() when it acts next */
	bool started;   /* there is or was a connection */
	bool open;      /* it is established */
	bool we_closed; /* tcp_close() was called */
	bool peer_closed;
	bool closed;
	enum tcp_close_reason reason;
};

extern const struct tcp_ops app_ops;

/* Byte `offset` of what an endpoint sends. */
static inline uint8_t app_pattern(uint32_t salt, uint32_t offset)
{
	return (uint8_t)((offset * 2654435761U + salt) >> 13);
}

void app_init(struct endpoint *end, struct flow *flow, uint32_t host);
/* It becomes the passive end of a connection. */
void app_begin(struct endpoint *end, struct tcp_conn *conn);
void app_act(struct endpoint *end);
uint64_t app_next_us(const struct endpoint *end);
/* Acts soon, if there is something to do. */
void app_wake(struct endpoint *end);
void app_abort(struct endpoint *end);
/* Frees the buffers that it holds, released or not. */
void app_drop_held(struct endpoint *end);

#endif
