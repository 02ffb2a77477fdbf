#include "world.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include "edge.h"

#define BURST 32

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

static struct tcp_stack *create_stack(struct world *world, uint32_t index)
{
	static const uint16_t mtus[] = {1500, 1500, 1500, 576, 1280};
	struct rng *rng = &world->rng;
	uint32_t pool = rng_chance(rng, 150) ? WORLD_TINY : index;
	struct tcp_config config = {
		.name = index == 0 ? "sim-0" : "sim-1",
		.numa_node = -1,
		.connections = 16,
		.syn_received = 16,
		.time_wait = 16,
		.side_records = rng_chance(rng, 200) ? rng_range(rng, 0, 2) : 16,
		.segment_truesize = WORLD_TRUESIZE,
		.receive_budget = WORLD_TRUESIZE * rng_range(rng, 4, 300),
		.send_budget = rng_range(rng, 20000, 200000),
		.ooo_segments = rng_range(rng, 0, 128),
		.mtu = mtus[rng_range(rng, 0, 4)],
		.keepalive_s = world->calm ? 0 : 20,
		.time_wait_ms = 60000,
		.fin_wait_ms = 60000,
		.user_timeout_ms = 120000,
		.header_pool = world->pools->header[pool],
		.indirect_pool = world->pools->indirect[pool],
		.ops = &app_ops,
		.app = &world->side[index],
	};
	uint64_t secret = rng_next(rng);

	memcpy(config.secret, &secret, sizeof(secret));
	world->receive_budget[index] = config.receive_budget;
	world->side[index] = (struct world_side){world, index};
	return tcp_stack_create(&config);
}

static int create_stacks(struct world *world)
{
	bool v6 = rng_chance(&world->rng, 300);

	for (uint32_t i = 0; i < 2; i++) {
		const char *v6_text = i == 0 ? "2001:db8::1" : "2001:db8::2";
		const char *v4_text = i == 0 ? "::ffff:192.0.2.1" : "::ffff:192.0.2.2";

		world->stack[i] = create_stack(world, i);
		(void)inet_pton(AF_INET6, v6 ? v6_text : v4_text, &world->addr[i]);
		if (world->stack[i] == NULL ||
		    tcp_add_address(world->stack[i], &world->addr[i]) < 0 ||
		    tcp_listen(world->stack[i], WORLD_PORT) < 0) {
			world_fail(world, "cannot create stack %u", i);
			return -1;
		}
	}
	return 0;
}

static void drain_output(struct world *world, uint32_t index)
{
	struct rte_mbuf *packets[BURST];
	uint16_t count;

	do {
		count = tcp_output(world->stack[index], packets, BURST, world->now_us);
		for (uint16_t i = 0; i < count; i++) {
			edge_check(world, index, packets[i]);
			network_send(&world->net, packets[i], 1 - index, world->now_us);
		}
	} while (count > 0);
}

static void deliver_input(struct world *world, uint32_t index)
{
	struct rte_mbuf *packets[BURST];
	uint16_t count;

	do {
		count = network_receive(&world->net, index, world->now_us, world->pools->rx,
					packets, BURST);
		tcp_input(world->stack[index], packets, count, world->now_us);
	} while (count > 0);
}

static void run_apps(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		for (uint32_t side = 0; side < 2; side++) {
			struct endpoint *end = &world->flow[i].end[side];

			if (end->act_at_us <= world->now_us) {
				app_act(end);
			}
		}
	}
}

static void check_budgets(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		for (uint32_t side = 0; side < 2; side++) {
			struct endpoint *end = &world->flow[i].end[side];
			struct tcp_info info;

			if (end->conn == NULL) {
				continue;
			}
			tcp_conn_info(end->conn, &info);
			if (info.pinned > world->receive_budget[side]) {
				world_fail(world, "flow %u pins %u of %u", i, info.pinned,
					   world->receive_budget[side]);
			}
		}
	}
}

static uint64_t next_event_us(const struct world *world)
{
	uint64_t next = network_next_us(&world->net);

	for (uint32_t i = 0; i < 2; i++) {
		uint64_t at = tcp_next_timer_us(world->stack[i]);

		next = at < next ? at : next;
	}
	for (uint32_t i = 0; i < world->flow_count; i++) {
		uint64_t at = app_next_us(&world->flow[i]);

		next = at < next ? at : next;
	}
	return next;
}

static void step(struct world *world)
{
	for (uint32_t i = 0; i < 2; i++) {
		deliver_input(world, i);
		(void)tcp_timers(world->stack[i], world->now_us, 1000);
	}
	run_apps(world);
	drain_output(world, 0);
	drain_output(world, 1);
	check_budgets(world);
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
		step(world);
	}
}

static void check_pool(struct world *world, const struct rte_mempool *pool)
{
	unsigned int left = rte_mempool_in_use_count(pool);

	if (left != 0) {
		world_fail(world, "pool %s: %u mbufs leaked", pool->name, left);
	}
}

static void check_end(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		const char *verdict = app_verdict(&world->flow[i]);

		if (verdict != NULL) {
			world_fail(world, "flow %u: %s (%u of %u, %u of %u)", i, verdict,
				   world->flow[i].end[1].received, world->flow[i].end[0].to_send,
				   world->flow[i].end[0].received, world->flow[i].end[1].to_send);
		}
		world->bytes += world->flow[i].end[0].received + world->flow[i].end[1].received;
	}
	for (uint32_t i = 0; i < 2; i++) {
		if (tcp_connection_count(world->stack[i]) != 0) {
			world_fail(world, "stack %u: connections are left", i);
		}
		world->retransmits += tcp_counters(world->stack[i])[TCP_COUNTER_retransmits];
	}
	check_pool(world, world->pools->rx);
	check_pool(world, world->pools->payload);
	for (uint32_t i = 0; i <= WORLD_TINY; i++) {
		check_pool(world, world->pools->header[i]);
		check_pool(world, world->pools->indirect[i]);
	}
}

int world_run(struct world *world, struct world_pools *pools, uint64_t seed, uint32_t loss_pm,
	      bool trace)
{
	memset(world, 0, sizeof(*world));
	world->rng.state = seed;
	world->trace = trace;
	world->pools = pools;
	world->payload_pool = pools->payload;
	world->start_us = rng_next(&world->rng) % (1ULL << 40);
	world->now_us = world->start_us;
	world->calm = rng_chance(&world->rng, 500);
	network_init(&world->net, rng_next(&world->rng), loss_pm);
	if (create_stacks(world) == 0) {
		world->flow_count = rng_range(&world->rng, 1, FLOWS_MAX / 2);
		for (uint32_t i = 0; i < world->flow_count; i++) {
			app_init(&world->flow[i], world, i);
		}
		run(world);
		if (!world->failed) {
			check_end(world);
		}
	}
	network_fini(&world->net);
	tcp_stack_destroy(world->stack[0]);
	tcp_stack_destroy(world->stack[1]);
	return world->failed ? -1 : 0;
}
