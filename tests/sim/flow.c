#include "flow.h"

#include <string.h>

#include "world.h"

#define PORT_OTHER 30000 /* of the second end of a simultaneous open */

static enum flow_kind choose_kind(struct world *world)
{
	struct rng *rng = &world->rng;

	if (rng_chance(rng, 80)) {
		return FLOW_SIMULTANEOUS;
	}
	if (world->calm || !rng_chance(rng, 60)) {
		return FLOW_PLAIN;
	}
	return (enum flow_kind)rng_range(rng, FLOW_REFUSED, FLOW_NOWHERE);
}

static void begin_round(struct flow *flow, uint64_t start_us)
{
	struct rng *rng = &flow->world->rng;

	flow->disturbed = false;
	flow->next_round_us = UINT64_MAX;
	for (uint32_t side = 0; side < 2; side++) {
		struct endpoint *end = &flow->end[side];

		app_init(end, flow, side);
		flow->edge[side] = (struct edge){0};
		if (side == flow->client || flow->kind == FLOW_SIMULTANEOUS) {
			end->connects = true;
			end->act_at_us = start_us;
		}
	}
	/* Somebody must close first. */
	if (rng_chance(rng, 300)) {
		flow->end[rng_range(rng, 0, 1)].habits.waits = true;
	}
}

void flow_init(struct flow *flow, struct world *world, uint32_t id, uint64_t start_us)
{
	static const uint16_t other_port[] = {
		[FLOW_PLAIN] = WORLD_PORT,
		[FLOW_REFUSED] = WORLD_PORT,
		[FLOW_CLOSED_PORT] = WORLD_PORT + 1,
		[FLOW_NOWHERE] = WORLD_PORT,
	};
	struct rng *rng = &world->rng;

	memset(flow, 0, sizeof(*flow));
	flow->world = world;
	flow->id = id;
	flow->kind = choose_kind(world);
	flow->client = rng_range(rng, 0, 1);
	flow->port[flow->client] = (uint16_t)(FLOW_PORT_CLIENT + id);
	flow->port[1 - flow->client] = flow->kind == FLOW_SIMULTANEOUS ? (uint16_t)(PORT_OTHER + id)
								       : other_port[flow->kind];
	if (flow->kind != FLOW_SIMULTANEOUS && rng_chance(rng, 100)) {
		flow->rounds = rng_range(rng, 1, 3);
	}
	begin_round(flow, start_us);
}

static const struct endpoint *passive_end(const struct flow *flow)
{
	return &flow->end[1 - flow->client];
}

/* Nothing of this connection is left on either side. */
static bool over(const struct flow *flow)
{
	bool ended = false;

	for (uint32_t side = 0; side < 2; side++) {
		const struct endpoint *end = &flow->end[side];

		if (end->connects || (end->started && !end->closed)) {
			return false;
		}
		ended |= end->closed;
	}
	return ended;
}

/* With no room for its connection, the second end of a simultaneous open comes too late. */
static bool gave_up(const struct endpoint *end)
{
	return end->reason == TCP_CLOSE_TIMEOUT || end->reason == TCP_CLOSE_KEEPALIVE ||
	       (end->flow->kind == FLOW_SIMULTANEOUS && end->flow->world->scarce &&
		end->reason == TCP_CLOSE_REFUSED);
}

static const char *verdict_no_peer(const struct flow *flow)
{
	const struct endpoint *client = &flow->end[flow->client];
	enum tcp_close_reason wanted =
		flow->kind == FLOW_NOWHERE ? TCP_CLOSE_TIMEOUT : TCP_CLOSE_REFUSED;

	if (client->reason == wanted || (flow->world->hard && gave_up(client))) {
		return NULL;
	}
	return tcp_close_reason_text(client->reason);
}

/*
 * Its last ACK was lost, and with it the TIME-WAIT record that would have sent another: recycled,
 * or 2 MSL were shorter than the losses lasted.
 */
static bool was_forgotten(const struct endpoint *end, const struct endpoint *peer)
{
	const uint64_t *counters = tcp_counters(end->flow->world->host[peer->host].stack);

	return end->reason == TCP_CLOSE_RESET && peer->reason == TCP_CLOSE_NORMAL &&
	       peer->received == end->habits.to_send && end->received == peer->habits.to_send &&
	       (end->flow->world->hard || counters[TCP_COUNTER_time_wait_recycled] > 0);
}

static const char *verdict_end(const struct flow *flow, uint32_t side)
{
	const struct endpoint *end = &flow->end[side];
	const struct endpoint *peer = &flow->end[1 - side];

	if (was_forgotten(end, peer)) {
		return NULL;
	}
	if (end->reason != TCP_CLOSE_NORMAL) {
		return tcp_close_reason_text(end->reason);
	}
	if (end->sent != end->habits.to_send || end->received != peer->habits.to_send) {
		return "not all data arrived";
	}
	return end->peer_closed ? NULL : "the peer's FIN was not reported";
}

/* NULL, or what is wrong with a connection that is over. */
static const char *verdict(struct flow *flow)
{
	bool up = gave_up(&flow->end[0]) || gave_up(&flow->end[1]) || !passive_end(flow)->started;
	const char *wrong;

	if (flow->disturbed) {
		return NULL;
	}
	if (flow->kind == FLOW_NOWHERE || flow->kind == FLOW_CLOSED_PORT) {
		return verdict_no_peer(flow);
	}
	if (up && flow->world->hard) {
		flow->world->gave_up++;
		return NULL;
	}
	if (!passive_end(flow)->started) {
		return "a connection was never accepted";
	}
	wrong = verdict_end(flow, 0);
	return wrong != NULL ? wrong : verdict_end(flow, 1);
}

static void judge(struct flow *flow)
{
	const struct endpoint *end = flow->end;
	const char *wrong = verdict(flow);

	flow->world->connections++;
	if (wrong != NULL) {
		world_fail(flow->world, "flow %u: %s (0: %u of %u, %s; 1: %u of %u, %s)", flow->id,
			   wrong, end[1].received, end[0].habits.to_send,
			   tcp_close_reason_text(end[0].reason), end[0].received,
			   end[1].habits.to_send, tcp_close_reason_text(end[1].reason));
	}
}

/*
 * When the next connection of these ports begins: no packet of the last one is left by then, and
 * after trouble no half-open record either.
 */
static uint64_t pause_us(struct flow *flow)
{
	bool clean = !flow->disturbed && flow->end[0].reason == TCP_CLOSE_NORMAL &&
		     flow->end[1].reason == TCP_CLOSE_NORMAL;
	struct rng *rng = &flow->world->rng;

	return LINK_LIFETIME_US + (clean ? rng_range(rng, 0, 100000) * 1000ULL
					 : rng_range(rng, 90000, 200000) * 1000ULL);
}

uint64_t flow_next_us(const struct flow *flow)
{
	uint64_t a = app_next_us(&flow->end[0]);
	uint64_t b = app_next_us(&flow->end[1]);

	a = a < b ? a : b;
	return a < flow->next_round_us ? a : flow->next_round_us;
}

static void next_round(struct flow *flow)
{
	judge(flow);
	flow_fini(flow);
	flow->rounds--;
	begin_round(flow, flow->world->now_us);
}

void flow_run(struct flow *flow)
{
	uint64_t now_us = flow->world->now_us;

	for (uint32_t side = 0; side < 2; side++) {
		if (app_next_us(&flow->end[side]) <= now_us) {
			app_act(&flow->end[side]);
		}
	}
	if (flow->rounds == 0 || !over(flow)) {
		return;
	}
	if (flow->next_round_us == UINT64_MAX) {
		flow->next_round_us = now_us + pause_us(flow);
	} else if (flow->next_round_us <= now_us) {
		next_round(flow);
	}
}

void flow_finish(struct flow *flow)
{
	for (uint32_t side = 0; side < 2; side++) {
		if (flow->end[side].started && !flow->end[side].closed) {
			world_fail(flow->world, "flow %u: a connection never ended", flow->id);
			return;
		}
	}
	judge(flow);
}

void flow_fini(struct flow *flow)
{
	app_drop_held(&flow->end[0]);
	app_drop_held(&flow->end[1]);
}
