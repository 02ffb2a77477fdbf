#include "app.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "world.h"

static struct world *world_of(const struct endpoint *end)
{
	return end->flow->world;
}

static struct rng *rng_of(const struct endpoint *end)
{
	return &world_of(end)->rng;
}

static struct endpoint *peer_of(const struct endpoint *end)
{
	return &end->flow->end[1 - end->host];
}

static uint32_t random_amount(struct world *world)
{
	struct rng *rng = &world->rng;

	if (world->flow_count > 8) {
		return rng_range(rng, 0, 4000);
	}
	switch (rng_range(rng, 0, 9)) {
	case 0:
		return 0;
	case 1:
	case 2:
		return rng_range(rng, 1, 3000);
	case 3:
		return rng_range(rng, 1, 300000);
	default:
		return rng_range(rng, 1, 30000);
	}
}

static void choose_pace(struct habits *habits, struct rng *rng)
{
	static const uint32_t pieces[] = {20, 300, 5000, 20000, 20000};

	habits->piece_max = pieces[rng_range(rng, 0, 4)];
	habits->pause_us =
		rng_chance(rng, 300) ? rng_range(rng, 1000, 300000) : rng_range(rng, 0, 10000);
	if (habits->piece_max < 300 && habits->to_send > 3000) {
		habits->to_send = 3000;
	}
	if (rng_chance(rng, 150)) {
		habits->lead = rng_range(rng, 1, 5000);
		habits->to_send = habits->to_send < 20000 ? habits->to_send : 20000;
	}
}

static void choose_holding(struct habits *habits, struct rng *rng)
{
	habits->holds = rng_chance(rng, 400);
	habits->shares = rng_chance(rng, 300);
	habits->release_pm = rng_chance(rng, 500) ? rng_range(rng, 50, 400) : 1000;
	habits->release_max = rng_chance(rng, 500) ? rng_range(rng, 1, 8) : UINT32_MAX;
}

static void choose_trouble(struct habits *habits, struct rng *rng)
{
	if (rng_chance(rng, 60)) {
		habits->abort_after = rng_range(rng, 1, 40000);
	}
	if (rng_chance(rng, 40)) {
		habits->abort_us = rng_range(rng, 1, rng_chance(rng, 500) ? 300000 : 20000000);
	}
	habits->aborts_after_peer = rng_chance(rng, 20);
}

void app_init(struct endpoint *end, struct flow *flow, uint32_t host)
{
	struct world *world = flow->world;

	*end = (struct endpoint){
		.flow = flow, .host = host, .act_at_us = UINT64_MAX, .abort_at_us = UINT64_MAX};
	end->held_end = &end->held;
	end->salt = (uint32_t)rng_next(&world->rng);
	end->habits.to_send = random_amount(world);
	end->habits.eager = rng_chance(&world->rng, 200);
	choose_pace(&end->habits, &world->rng);
	choose_holding(&end->habits, &world->rng);
	if (!world->calm) {
		choose_trouble(&end->habits, &world->rng);
	}
}

/* A third of the connections' buffers are somebody else's, too, as slices of messages are. */
static void free_held(struct endpoint *end, uint32_t count)
{
	for (uint32_t i = 0; i < count && end->held != NULL; i++) {
		struct rte_mbuf *m = end->held;

		end->held = m->next;
		m->next = NULL;
		if (rte_mbuf_refcnt_read(m) > 1 && end->habits.shares) {
			rte_mbuf_refcnt_update(m, -1);
		}
		rte_pktmbuf_free(m);
	}
	if (end->held == NULL) {
		end->held_end = &end->held;
	}
}

void app_drop_held(struct endpoint *end)
{
	free_held(end, UINT32_MAX);
}

static uint32_t count_held(const struct endpoint *end, uint32_t max)
{
	uint32_t count = 0;

	for (const struct rte_mbuf *m = end->held; m != NULL && count < max; m = m->next) {
		count++;
	}
	return count;
}

static void release_some(struct endpoint *end)
{
	uint32_t count;

	if (end->held == NULL || !rng_chance(rng_of(end), end->habits.release_pm)) {
		return;
	}
	count = count_held(end, end->habits.release_max);
	free_held(end, count);
	tcp_release(end->conn, count * WORLD_TRUESIZE);
}

/* One buffer of payload, sometimes a clone of somebody else's. */
static struct rte_mbuf *make_piece(struct endpoint *end, uint32_t offset, uint32_t len)
{
	struct rte_mempool *pool = world_of(end)->pools->payload;
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *data;

	if (m == NULL) {
		return NULL;
	}
	data = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	for (uint32_t i = 0; i < len; i++) {
		data[i] = app_pattern(end->salt, offset + i);
	}
	if (rng_chance(rng_of(end), 50)) {
		struct rte_mbuf *clone = rte_pktmbuf_clone(m, pool);

		rte_pktmbuf_free(m);
		m = clone;
	}
	return m;
}

static struct rte_mbuf *make_payload(struct endpoint *end, uint32_t len)
{
	struct rng *rng = rng_of(end);
	struct rte_mbuf *head = NULL;
	uint32_t piece_max = rng_chance(rng, 200) ? 150 : 1800;

	for (uint32_t done = 0; done < len;) {
		uint32_t piece = rng_range(rng, 1, piece_max);
		struct rte_mbuf *m;

		piece = piece < len - done ? piece : len - done;
		m = make_piece(end, end->sent + done, piece);
		if (m == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		done += piece;
		if (head == NULL) {
			head = m;
		} else {
			(void)rte_pktmbuf_chain(head, m);
		}
	}
	return head;
}

/* What may be sent now. */
static uint32_t sendable(const struct endpoint *end)
{
	const struct endpoint *peer = peer_of(end);
	uint32_t left = end->habits.to_send - end->sent;
	uint32_t limit = end->received + end->habits.lead;

	if (end->habits.lead == 0 || end->peer_closed ||
	    (peer->sent == peer->habits.to_send && end->received == peer->sent)) {
		return left;
	}
	if (end->sent >= limit) {
		return 0;
	}
	return left < limit - end->sent ? left : limit - end->sent;
}

static void send_some(struct endpoint *end)
{
	uint32_t len = rng_range(rng_of(end), 1, end->habits.piece_max);
	uint32_t max = sendable(end);
	struct rte_mbuf *chain;
	int rc;

	chain = make_payload(end, len < max ? len : max);
	if (chain == NULL) {
		return; /* later */
	}
	len = chain->pkt_len;
	end->sent += len; /* before: an upcall may look */
	rc = tcp_send(end->conn, chain);
	if (rc == 0) {
		return;
	}
	end->sent -= len;
	rte_pktmbuf_free(chain);
	if (rc == -EAGAIN) {
		end->blocked = true;
	} else if (!end->flow->disturbed) {
		world_fail(world_of(end), "tcp_send: %d", rc);
	}
}

static bool may_close(const struct endpoint *end)
{
	return !end->we_closed && end->sent == end->habits.to_send &&
	       (!end->habits.waits || end->peer_closed);
}

static bool has_work(const struct endpoint *end)
{
	return end->connects || (end->open && !end->closed &&
				 (end->held != NULL || may_close(end) ||
				  (!end->blocked && !end->we_closed && sendable(end) > 0)));
}

void app_wake(struct endpoint *end)
{
	if (end->act_at_us == UINT64_MAX && has_work(end)) {
		end->act_at_us =
			world_of(end)->now_us + rng_range(rng_of(end), 0, end->habits.pause_us);
	}
}

uint64_t app_next_us(const struct endpoint *end)
{
	return end->act_at_us < end->abort_at_us ? end->act_at_us : end->abort_at_us;
}

void app_abort(struct endpoint *end)
{
	end->abort_at_us = UINT64_MAX;
	if (end->conn != NULL) {
		end->flow->disturbed = true;
		tcp_abort(end->conn);
	}
}

static void connect_end(struct endpoint *end)
{
	struct flow *flow = end->flow;
	struct world *world = world_of(end);
	uint32_t side = end->host;
	struct tcp_endpoint local = {world->host[side].addr, flow->port[side]};
	struct tcp_endpoint remote = {world->host[1 - side].addr, flow->port[1 - side]};

	if (flow->kind == FLOW_NOWHERE) {
		remote.addr.s6_addr[15] = 77;
	}
	end->conn = tcp_connect(world->host[side].stack, &local, &remote, end, world->now_us);
	if (end->conn != NULL) {
		end->connects = false;
		end->started = true;
		if (end->habits.abort_us != 0) {
			end->abort_at_us = world->now_us + end->habits.abort_us;
		}
	} else if (errno == EADDRINUSE || errno == ENOBUFS) {
		/* Its own TIME-WAIT, or too many others: later. */
		end->act_at_us = world->now_us + rng_range(&world->rng, 100000, 9000000);
	} else {
		world_fail(world, "tcp_connect: errno %d", errno);
	}
}

void app_begin(struct endpoint *end, struct tcp_conn *conn)
{
	end->started = true;
	end->open = true;
	end->conn = conn;
	tcp_set_user(conn, end);
	if (end->habits.abort_us != 0) {
		end->abort_at_us = world_of(end)->now_us + end->habits.abort_us;
	}
	if (end->habits.eager) {
		app_act(end);
	} else {
		app_wake(end);
	}
}

static void act_open(struct endpoint *end)
{
	release_some(end);
	if (!end->blocked && !end->we_closed && sendable(end) > 0) {
		send_some(end);
	}
	if (may_close(end)) {
		end->we_closed = true;
		if (end->peer_closed && end->habits.aborts_after_peer) {
			app_abort(end);
		} else {
			tcp_close(end->conn);
		}
	}
}

void app_act(struct endpoint *end)
{
	uint64_t now_us = world_of(end)->now_us;

	if (end->abort_at_us <= now_us) {
		app_abort(end);
	}
	if (end->act_at_us > now_us && !end->habits.eager) {
		return;
	}
	end->act_at_us = UINT64_MAX;
	if (end->connects) {
		connect_end(end);
	} else if (end->open && !end->closed) {
		act_open(end);
	}
	app_wake(end);
}
