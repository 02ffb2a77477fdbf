#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "audit.h"
#include "isn.h"
#include "stack.h"

#define AUDIT_STEPS 4
#define HARD_PM     60 /* from this much loss on five half-open attempts in a row may fail */

void world_fail(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->failed) {
		return;
	}
	world->failed = true;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start() stands above */
	(void)vsnprintf(world->failure, sizeof(world->failure), format, args);
	va_end(args);
}

struct flow *world_find_flow(struct world *world, uint32_t side, uint16_t local, uint16_t remote)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		struct flow *flow = &world->flow[i];

		if (flow->port[side] == local && flow->port[1 - side] == remote) {
			return flow;
		}
	}
	return NULL;
}

/* Every packet on its way costs time: most worlds are easy, some are not. */
static uint32_t choose_severity(struct world *world, uint32_t loss_pm)
{
	uint32_t dice = rng_range(&world->rng, 0, 99);
	uint32_t severity = dice < 10 ? 0 : dice < 50 ? 20 : dice < 80 ? 50 : loss_pm;

	return severity < loss_pm ? severity : loss_pm;
}

static void choose_kind(struct world *world, uint32_t severity_pm)
{
	struct rng *rng = &world->rng;
	uint32_t dice = rng_range(rng, 0, 99);

	world->calm = rng_chance(rng, 500);
	world->scarce = rng_chance(rng, 30);
	world->hard = world->scarce || severity_pm >= HARD_PM;
	world->flow_count = dice < 96 ? rng_range(rng, 1, 4) : rng_range(rng, 5, 60);
	world->shed_pm = rng_chance(rng, 30) ? rng_range(rng, 1, 50) : 0;
	world->pressure_pm = rng_chance(rng, 100) ? rng_range(rng, 1, 50) : 0;
}

static void choose_shutdown(struct world *world)
{
	struct rng *rng = &world->rng;

	world->shutdown_us = UINT64_MAX;
	if (!world->calm && rng_chance(rng, 30)) {
		world->shutdown_us = world->now_us + rng_range(rng, 1000, 5000000);
		world->shutdown_host = rng_range(rng, 0, 1);
	}
}

/*
 * Begins when the sequence numbers, or the timestamps, of a client on host 0 are about to wrap
 * around: flow 0, as often as not.
 */
static void begin_near_wrap(struct world *world)
{
	const struct tcp_stack *stack = world->host[0].stack;
	const struct tcp_key key = {.remote = world->host[1].addr,
				    .remote_port = WORLD_PORT,
				    .local_port = FLOW_PORT_CLIENT};
	uint32_t before = rng_range(&world->rng, 1, 40000);
	uint32_t now;

	if (rng_chance(&world->rng, 500)) {
		now = tcp_isn(&stack->secret, &key, world->now_us);
		world->now_us += (uint64_t)(0U - before - now) * 4;
	} else {
		now = (uint32_t)(world->now_us / 1000) + tcp_timestamp_offset(&stack->secret, &key);
		world->now_us += (uint64_t)(0U - before - now) * 1000;
	}
	world->start_us = world->now_us;
}

static void start_flows(struct world *world)
{
	uint64_t start_us = world->now_us;

	for (uint32_t i = 0; i < world->flow_count; i++) {
		flow_init(&world->flow[i], world, i, start_us);
		start_us += rng_range(&world->rng, 0, 6000);
	}
}

static void run_flows(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		flow_run(&world->flow[i]);
	}
}

static void shut_down(struct world *world)
{
	world->shutdown_us = UINT64_MAX;
	for (uint32_t i = 0; i < world->flow_count; i++) {
		world->flow[i].disturbed = true;
	}
	tcp_abort_all(world->host[world->shutdown_host].stack);
}

static uint64_t next_event_us(const struct world *world)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < 2; i++) {
		uint64_t at = host_next_us(&world->host[i]);

		next = at < next ? at : next;
	}
	for (uint32_t i = 0; i < world->flow_count; i++) {
		uint64_t at = flow_next_us(&world->flow[i]);

		next = at < next ? at : next;
	}
	return next;
}

static void change_pressure(struct world *world)
{
	struct tcp_stack *stack = world->host[rng_range(&world->rng, 0, 1)].stack;

	tcp_set_pressure(stack, (enum tcp_pressure)rng_range(&world->rng, 0, 2));
}

static void step(struct world *world, uint32_t number)
{
	host_poll(&world->host[0]);
	host_poll(&world->host[1]);
	run_flows(world);
	if (rng_chance(&world->rng, world->shed_pm)) {
		(void)tcp_shed_ooo(world->host[rng_range(&world->rng, 0, 1)].stack);
	}
	if (rng_chance(&world->rng, world->pressure_pm)) {
		change_pressure(world);
	}
	if (world->now_us >= world->shutdown_us) {
		shut_down(world);
	}
	host_transmit(&world->host[0]);
	host_transmit(&world->host[1]);
	if (number % AUDIT_STEPS == 0) {
		audit_budgets(world);
	}
}

static void run(struct world *world)
{
	for (uint32_t steps = 0; !world->failed; steps++) {
		uint64_t next = next_event_us(world);

		if (next == UINT64_MAX) {
			return;
		}
		if (next > world->now_us) {
			world->now_us = next;
		}
		if (world->now_us - world->start_us > WORLD_LIMIT_US || steps > WORLD_STEPS_MAX) {
			world_fail(world, "stuck: %u steps, %llu s", steps,
				   (unsigned long long)(world->now_us - world->start_us) / 1000000);
			return;
		}
		step(world, steps);
	}
}

static void finish(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		if (!world->failed) {
			flow_finish(&world->flow[i]);
		}
		flow_fini(&world->flow[i]);
	}
	if (!world->failed) {
		audit_end(world);
	}
}

static void begin(struct world *world, uint32_t severity_pm, bool v6)
{
	if (rng_chance(&world->rng, 300)) {
		begin_near_wrap(world);
	}
	choose_shutdown(world);
	start_flows(world);
	network_init(&world->net, rng_next(&world->rng), severity_pm, world->now_us);
	attacker_init(&world->attacker, ~world->net.rng.state, world->now_us);
	if (rng_chance(&world->rng, 200)) {
		link_add_mtu(&world->net.link[rng_range(&world->rng, 0, 1)], v6 ? 1280 : 576);
	}
	if (severity_pm >= HARD_PM && rng_chance(&world->rng, 100)) {
		link_add_outages(&world->net.link[rng_range(&world->rng, 0, 1)]);
	}
}

static void clear(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		memset(&world->flow[i], 0, sizeof(world->flow[i]));
	}
	memset(&world->host, 0, sizeof(world->host));
	world->failed = false;
	world->connections = world->gave_up = world->bytes = world->packets = 0;
	world->retransmits = 0;
}

int world_run(struct world *world, struct world_pools *pools, uint64_t seed, uint32_t loss_pm,
	      bool trace)
{
	uint32_t severity_pm;
	bool v6;

	clear(world);
	world->rng.state = seed;
	world->trace = trace;
	world->pools = pools;
	world->start_us = rng_next(&world->rng) % (1ULL << 40);
	world->now_us = world->start_us;
	severity_pm = choose_severity(world, loss_pm);
	choose_kind(world, severity_pm);
	v6 = rng_chance(&world->rng, 300);
	host_init(&world->host[0], world, 0, v6);
	host_init(&world->host[1], world, 1, v6);
	if (!world->failed) {
		begin(world, severity_pm, v6);
		run(world);
		if (trace) {
			audit_print(world);
		}
		finish(world);
		network_fini(&world->net);
	}
	host_fini(&world->host[0]);
	host_fini(&world->host[1]);
	return world->failed ? -1 : 0;
}
