/* What the stacks tell the applications (tcpstack/tcp.h), and whether they may. */
#include <rte_mbuf.h>

#include "world.h"

static struct world *world_of(const struct endpoint *end)
{
	return end->flow->world;
}

static void fail(struct endpoint *end, const char *what)
{
	world_fail(world_of(end), "flow %u: %s", end->flow->id, what);
}

static bool refuse(struct endpoint *end)
{
	end->flow->disturbed = true;
	end->started = true;
	end->closed = true;
	return false;
}

/*
 * A late copy of the ACK of a cookie begins anew: nothing remembers that it was used. So does an
 * attacker's SYN after the end, when he guesses the acknowledgement of its answer: the clock chose
 * that not far from the numbers he knows (RFC 6528 section 3).
 */
static bool may_begin_anew(const struct endpoint *end, const struct host *host)
{
	const struct edge *edge = &end->flow->edge[host->index];
	bool guessed = end->closed && edge->stray && host->world->attacker.sent[host->index] > 0;

	return guessed || tcp_counters(host->stack)[TCP_COUNTER_syn_cookies_accepted] > 0;
}

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct host *host = app;
	struct endpoint *end;
	struct tcp_info info;
	struct flow *flow;

	tcp_conn_info(conn, &info);
	flow = world_find_flow(host->world, host->index, info.local.port, info.remote.port);
	if (flow == NULL || flow->kind == FLOW_SIMULTANEOUS || flow->kind == FLOW_CLOSED_PORT) {
		world_fail(host->world, "accepted a connection that nobody opened");
		return false;
	}
	end = &flow->end[host->index];
	if (end->started && may_begin_anew(end, host)) {
		return false;
	}
	if (end->started) {
		fail(end, "accepted twice");
		return false;
	}
	if (flow->kind == FLOW_REFUSED) {
		return refuse(end);
	}
	app_begin(end, conn);
	return true;
}

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	if (end->open || end->closed) {
		fail(end, "connected twice");
	}
	end->open = true;
	if (end->habits.eager) {
		app_act(end);
	} else {
		app_wake(end);
	}
}

/* Compares all of the chain with what the peer sent. */
static void check_payload(struct endpoint *end, const struct rte_mbuf *chain)
{
	const struct endpoint *peer = &end->flow->end[1 - end->host];
	uint32_t len = 0;
	uint32_t segments = 0;

	for (const struct rte_mbuf *seg = chain; seg != NULL; seg = seg->next, segments++) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		for (uint32_t i = 0; i < seg->data_len; i++, len++) {
			if (data[i] != app_pattern(peer->salt, end->received + len)) {
				fail(end, "a wrong byte");
				return;
			}
		}
		if (seg->data_len == 0) {
			fail(end, "an empty segment in a chain");
		}
	}
	end->received += len;
	world_of(end)->host[end->host].delivered += len;
	if (segments == 0 || len != chain->pkt_len || segments != chain->nb_segs) {
		fail(end, "a chain's length is wrong");
	}
	if (end->received > peer->sent) {
		fail(end, "more arrived than was sent");
	}
}

/* As ingest does: each buffer for itself, some with a second reference. */
static void hold(struct endpoint *end, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	uint32_t count = 0;

	while (chain != NULL) {
		struct rte_mbuf *m = chain;

		chain = m->next;
		m->next = NULL;
		m->nb_segs = 1;
		m->pkt_len = m->data_len;
		if (end->habits.shares && rng_chance(&world_of(end)->rng, 300)) {
			rte_mbuf_refcnt_update(m, 1);
		}
		*end->held_end = m;
		end->held_end = &m->next;
		count++;
	}
	tcp_hold(conn, count * WORLD_TRUESIZE);
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct endpoint *end = user;

	if (end->peer_closed || end->closed || !end->open) {
		fail(end, "data after the end, or before the beginning");
	}
	check_payload(end, chain);
	if (end->habits.holds) {
		hold(end, conn, chain);
	} else {
		rte_pktmbuf_free(chain);
	}
	if (end->habits.abort_after != 0 && end->received >= end->habits.abort_after) {
		app_abort(end);
	} else if (end->habits.eager) {
		app_act(end);
	} else {
		app_wake(end);
	}
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	if (end->peer_closed || end->closed) {
		fail(end, "the peer closed twice");
	}
	end->peer_closed = true;
	app_wake(end);
}

static void on_writable(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	if (!end->blocked) {
		fail(end, "writable, but nobody waited");
	}
	end->blocked = false;
	app_wake(end);
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct endpoint *end = user;

	if (end->closed || conn != end->conn) {
		fail(end, "closed twice");
	}
	end->closed = true;
	end->reason = reason;
	end->conn = NULL;
	end->act_at_us = UINT64_MAX;
	end->abort_at_us = UINT64_MAX;
}

const struct tcp_ops app_ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.writable = on_writable,
	.closed = on_closed,
};
