#include "app.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "world.h"

static uint8_t pattern(uint32_t salt, uint32_t offset)
{
	return (uint8_t)((offset * 2654435761U + salt) >> 13);
}

static struct rng *rng_of(struct endpoint *end)
{
	return &end->flow->world->rng;
}

static uint32_t random_amount(struct rng *rng)
{
	switch (rng_range(rng, 0, 4)) {
	case 0:
		return 0;
	case 1:
		return rng_range(rng, 1, 3000);
	case 2:
		return rng_range(rng, 1, 200000);
	default:
		return rng_range(rng, 1, 60000);
	}
}

static void init_end(struct flow *flow, uint32_t side)
{
	struct endpoint *end = &flow->end[side];
	struct rng *rng = &flow->world->rng;

	*end = (struct endpoint){.flow = flow, .stack = side};
	end->salt = (uint32_t)rng_next(rng);
	end->to_send = random_amount(rng);
	end->release_pm = rng_chance(rng, 300) ? rng_range(rng, 20, 300) : 1000;
	end->pause_ms = rng_chance(rng, 300) ? rng_range(rng, 1, 300) : rng_range(rng, 1, 10);
	end->act_at_us = UINT64_MAX;
	if (!flow->world->calm && rng_chance(rng, 60)) {
		end->abort_after = rng_range(rng, 1, 40000);
	}
}

void app_init(struct flow *flow, struct world *world, uint32_t id)
{
	struct rng *rng = &world->rng;
	uint32_t client = rng_range(rng, 0, 1);

	memset(flow, 0, sizeof(*flow));
	flow->world = world;
	flow->id = id;
	flow->port[client] = (uint16_t)(40000 + id);
	flow->port[1 - client] = WORLD_PORT;
	flow->simultaneous = rng_chance(rng, 100);
	flow->refuse = !world->calm && rng_chance(rng, 20);
	if (flow->simultaneous) {
		flow->port[1 - client] = (uint16_t)(50000 + id);
	}
	init_end(flow, 0);
	init_end(flow, 1);
	for (uint32_t side = 0; side < 2; side++) {
		if (side == client || flow->simultaneous) {
			flow->end[side].act_at_us = world->now_us + id * 3000ULL;
		}
	}
}

static void connect_end(struct endpoint *end)
{
	struct flow *flow = end->flow;
	struct world *world = flow->world;
	uint32_t side = end->stack;
	struct tcp_endpoint local = {world->addr[side], flow->port[side]};
	struct tcp_endpoint remote = {world->addr[1 - side], flow->port[1 - side]};

	end->started = true;
	end->conn = tcp_connect(world->stack[side], &local, &remote, end, world->now_us);
	end->act_at_us = UINT64_MAX; /* connected() sets it */
	if (end->conn == NULL) {
		world_fail(world, "tcp_connect: errno %d", errno);
	}
}

static void schedule(struct endpoint *end)
{
	end->act_at_us =
		end->flow->world->now_us + rng_range(rng_of(end), 0, end->pause_ms) * 1000ULL;
}

static struct rte_mbuf *make_payload(struct endpoint *end, uint32_t len)
{
	struct world *world = end->flow->world;
	struct rte_mbuf *head = NULL;
	uint32_t piece_max = rng_chance(&world->rng, 200) ? 150 : 1800;

	for (uint32_t done = 0; done < len;) {
		uint32_t piece = rng_range(&world->rng, 1, piece_max);
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(world->payload_pool);
		uint8_t *data;

		if (mbuf == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		piece = piece < len - done ? piece : len - done;
		data = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)piece);
		for (uint32_t i = 0; i < piece; i++) {
			data[i] = pattern(end->salt, end->sent + done + i);
		}
		done += piece;
		if (head == NULL) {
			head = mbuf;
		} else {
			(void)rte_pktmbuf_chain(head, mbuf);
		}
	}
	return head;
}

static void send_some(struct endpoint *end)
{
	uint32_t len = rng_range(rng_of(end), 1, rng_chance(rng_of(end), 500) ? 300 : 20000);
	struct rte_mbuf *chain;
	int rc;

	len = len < end->to_send - end->sent ? len : end->to_send - end->sent;
	chain = make_payload(end, len);
	if (chain == NULL) {
		return;
	}
	rc = tcp_send(end->conn, chain);
	if (rc == 0) {
		end->sent += len;
		return;
	}
	rte_pktmbuf_free(chain);
	if (rc == -EAGAIN) {
		end->blocked = true;
	} else if (!end->flow->disturbed) {
		world_fail(end->flow->world, "tcp_send: %d", rc);
	}
}

static void release_some(struct endpoint *end)
{
	if (end->held > 0 && rng_chance(rng_of(end), end->release_pm)) {
		tcp_release(end->conn, end->held);
		end->held = 0;
	}
}

void app_act(struct endpoint *end)
{
	if (!end->started && end->conn == NULL) {
		connect_end(end);
		return;
	}
	release_some(end);
	if (end->sent < end->to_send && !end->blocked) {
		send_some(end);
	}
	if (end->sent == end->to_send && !end->we_closed) {
		end->we_closed = true;
		tcp_close(end->conn);
	}
	if (end->we_closed && end->held == 0) {
		end->act_at_us = UINT64_MAX;
	} else {
		schedule(end);
	}
}

uint64_t app_next_us(const struct flow *flow)
{
	uint64_t a = flow->end[0].act_at_us;
	uint64_t b = flow->end[1].act_at_us;

	return a < b ? a : b;
}

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct world_side *side = app;
	struct endpoint *end;
	struct tcp_info info;
	struct flow *flow;

	tcp_conn_info(conn, &info);
	flow = world_find_flow(side->world, side->index, info.local.port, info.remote.port);
	if (flow == NULL || flow->simultaneous) {
		world_fail(side->world, "accepted a connection that nobody opened");
		return false;
	}
	end = &flow->end[side->index];
	if (flow->refuse) {
		flow->disturbed = true;
		end->closed = true;
		return false;
	}
	if (end->started) {
		world_fail(side->world, "flow %u was accepted twice", flow->id);
		return false;
	}
	end->started = true;
	end->conn = conn;
	tcp_set_user(conn, end);
	schedule(end);
	return true;
}

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	schedule(end);
}

static void check_payload(struct endpoint *end, struct rte_mbuf *chain)
{
	struct endpoint *peer = &end->flow->end[1 - end->stack];
	uint32_t len = 0;
	uint32_t segments = 0;

	for (struct rte_mbuf *seg = chain; seg != NULL; seg = seg->next) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		for (uint32_t i = 0; i < seg->data_len; i++, len++) {
			if (data[i] != pattern(peer->salt, end->received + len)) {
				world_fail(end->flow->world, "flow %u: wrong byte at %u",
					   end->flow->id, end->received + len);
				return;
			}
		}
		segments++;
	}
	end->received += len;
	if (len != chain->pkt_len || segments != chain->nb_segs) {
		world_fail(end->flow->world, "flow %u: chain says %u bytes, has %u", end->flow->id,
			   chain->pkt_len, len);
	}
	if (end->received > peer->sent) {
		world_fail(end->flow->world, "flow %u: more than was sent", end->flow->id);
	}
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct endpoint *end = user;
	uint32_t truesize = chain->nb_segs * WORLD_TRUESIZE;

	if (end->peer_closed || end->closed) {
		world_fail(end->flow->world, "flow %u: data after the end", end->flow->id);
	}
	check_payload(end, chain);
	rte_pktmbuf_free(chain);
	if (end->abort_after != 0 && end->received >= end->abort_after) {
		end->flow->disturbed = true;
		tcp_abort(conn);
		return;
	}
	if (end->release_pm < 1000) {
		tcp_hold(conn, truesize);
		end->held += truesize;
		if (end->act_at_us == UINT64_MAX) {
			schedule(end);
		}
	}
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	if (end->peer_closed || end->closed) {
		world_fail(end->flow->world, "flow %u: peer closed twice", end->flow->id);
	}
	end->peer_closed = true;
}

static void on_writable(void *user, struct tcp_conn *conn)
{
	struct endpoint *end = user;

	(void)conn;
	end->blocked = false;
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct endpoint *end = user;

	if (end->closed || conn != end->conn) {
		world_fail(end->flow->world, "flow %u: closed twice", end->flow->id);
	}
	end->closed = true;
	end->reason = reason;
	end->conn = NULL;
	end->act_at_us = UINT64_MAX;
}

const struct tcp_ops app_ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.peer_closed = on_peer_closed,
	.writable = on_writable,
	.closed = on_closed,
};

const char *app_verdict(const struct flow *flow)
{
	for (uint32_t side = 0; side < 2; side++) {
		const struct endpoint *end = &flow->end[side];

		/* The passive end of a connection that was refused or aborted may never exist. */
		if (end->started && !end->closed) {
			return "a connection never ended";
		}
		if (flow->disturbed) {
			continue;
		}
		if (!end->started) {
			return "a connection was never accepted";
		}
		if (end->reason != TCP_CLOSE_NORMAL) {
			return tcp_close_reason_text(end->reason);
		}
		if (end->sent != end->to_send || end->received != flow->end[1 - side].to_send) {
			return "not all data arrived";
		}
		if (!end->peer_closed) {
			return "the peer's FIN was not reported";
		}
	}
	return NULL;
}
