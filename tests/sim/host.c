#include "host.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "audit.h"
#include "stack.h"
#include "world.h"

#define RETRY_US 100

static void choose_pace(struct host *host, struct rng *rng)
{
	static const uint32_t bursts[] = {1, 2, 8, 32, 64};

	host->rx_burst = bursts[rng_range(rng, 0, 4)];
	host->tx_burst = bursts[rng_range(rng, 0, 4)];
	host->timer_budget = rng_chance(rng, 200) ? rng_range(rng, 1, 4) : 1000;
	host->stall_pm = rng_chance(rng, 50) ? rng_range(rng, 1, 20) : 0;
}

static struct tcp_config make_config(struct host *host)
{
	static const uint16_t mtus[] = {1500, 1500, 1500, 576, 1280, 9000};
	struct world *world = host->world;
	struct rng *rng = &world->rng;
	uint32_t pool = rng_chance(rng, 100) ? WORLD_TINY : host->index;
	struct tcp_config config;

	host->mtu = mtus[rng_range(rng, 0, pool == WORLD_TINY ? 4 : 5)];
	host->receive_budget = WORLD_TRUESIZE * rng_range(rng, 4, 300);
	host->side_records = rng_chance(rng, 200) ? rng_range(rng, 0, 2) : world->flow_count + 8;
	config = (struct tcp_config){
		.name = host->index == 0 ? "sim-0" : "sim-1",
		.numa_node = -1,
		.side_records = host->side_records,
		.segment_truesize = WORLD_TRUESIZE,
		.receive_budget = host->receive_budget,
		.mtu = (uint16_t)host->mtu,
		.offload_tx = host->nic.offload_tx,
		.keepalive_s = world->calm && !world->hard ? 0 : 20,
		.time_wait_ms = 60000,
		.fin_wait_ms = 120000,
		.user_timeout_ms = 180000,
		.header_pool = world->pools->header[pool],
		.indirect_pool = world->pools->indirect[pool],
		.ops = &app_ops,
		.app = host,
	};
	/* What is random is chosen in an order that no compiler may change. */
	config.connections =
		world->scarce ? rng_range(rng, 1, world->flow_count) : world->flow_count + 8;
	config.syn_received = world->scarce ? rng_range(rng, 1, 4) : world->flow_count + 8;
	config.time_wait = rng_chance(rng, 100) ? 1 : world->flow_count + 8;
	config.send_budget = rng_range(rng, 20000, 200000);
	config.ooo_segments = rng_chance(rng, 300) ? rng_range(rng, 0, 16) : 256;
	config.receive_initial = rng_chance(rng, 500) ? WORLD_TRUESIZE * rng_range(rng, 4, 40) : 0;
	config.receive_slack = rng_chance(rng, 300) ? WORLD_TRUESIZE * rng_range(rng, 1, 40) : 0;
	config.receive_total = rng_chance(rng, 200) ? WORLD_TRUESIZE * rng_range(rng, 0, 400) : 0;
	config.ecn = (enum tcp_ecn)rng_range(rng, TCP_ECN_OFF, TCP_ECN_ASK);
	return config;
}

void host_init(struct host *host, struct world *world, uint32_t index, bool v6)
{
	static const char *const texts[2][2] = {{"::ffff:192.0.2.1", "::ffff:192.0.2.2"},
						{"2001:db8::1", "2001:db8::2"}};
	struct tcp_config config;
	uint64_t secret = rng_next(&world->rng);

	*host = (struct host){.world = world, .index = index};
	nic_init(&host->nic, rng_next(&world->rng), world->pools->rx);
	choose_pace(host, &world->rng);
	config = make_config(host);
	memcpy(config.secret, &secret, sizeof(secret));
	(void)inet_pton(AF_INET6, texts[v6][index], &host->addr);
	host->stack = tcp_stack_create(&config);
	if (host->stack == NULL || tcp_add_address(host->stack, &host->addr) < 0 ||
	    tcp_listen(host->stack, WORLD_PORT) < 0) {
		world_fail(world, "cannot create stack %u", index);
		return;
	}
	host->whole = whole_of(host->stack);
}

void host_fini(struct host *host)
{
	tcp_stack_destroy(host->stack);
}

/* The stack may think that it forged: then it sends what is too big until it finds out itself. */
static void take_error(struct host *host, struct network_packet *packet)
{
	const struct tcp_icmp error = {.kind = TCP_ICMP_TOO_BIG,
				       .mtu = packet->mtu,
				       .quoted = packet->data,
				       .quoted_len = packet->len};

	(void)tcp_icmp_error(host->stack, &error, host->world->now_us);
	free(packet);
}

/* As much of what has arrived behind it as the port merges (LRO). */
static struct network_packet *merge(struct host *host, struct network_packet *packet)
{
	struct network *net = &host->world->net;
	uint64_t now_us = host->world->now_us;
	struct network_packet *next;

	while ((next = network_peek(net, host->index, now_us)) != NULL &&
	       lro_may_merge(&host->nic.lro, packet, next)) {
		packet = lro_merge(&host->nic.lro, packet, next);
		free(network_receive(net, host->index, now_us));
		host->nic.merged++;
	}
	return packet;
}

/* They stand anywhere among the packets of a burst. */
static uint16_t forged(struct host *host, struct rte_mbuf **packets, uint16_t count)
{
	uint16_t more = attacker_strike(host, packets + count, (uint16_t)(HOST_BURST - count));

	for (uint16_t i = 0; i < more && count > 0; i++) {
		uint32_t at = rng_range(&host->world->attacker.rng, 0, count);
		struct rte_mbuf *moved = packets[count + i];

		for (uint32_t to = count + i; to > at; to--) {
			packets[to] = packets[to - 1];
		}
		packets[at] = moved;
	}
	return more;
}

static uint16_t receive(struct host *host, struct rte_mbuf **packets)
{
	struct world *world = host->world;
	uint16_t count = 0;

	while (count < host->rx_burst) {
		struct network_packet *packet =
			network_receive(&world->net, host->index, world->now_us);

		if (packet == NULL) {
			break;
		}
		if (packet->too_big) {
			take_error(host, packet);
			continue;
		}
		packet = merge(host, packet);
		packets[count] = nic_receive(&host->nic, packet);
		count = (uint16_t)(count + (packets[count] != NULL));
	}
	return (uint16_t)(count + forged(host, packets, count));
}

static bool stalled(struct host *host)
{
	struct world *world = host->world;

	if (host->stalled_until_us > world->now_us) {
		return true;
	}
	if (rng_chance(&world->rng, host->stall_pm)) {
		host->stalled_until_us = world->now_us + rng_range(&world->rng, 1000, 300000);
		return true;
	}
	return false;
}

void host_poll(struct host *host)
{
	struct rte_mbuf *packets[HOST_BURST];
	struct world *world = host->world;
	uint16_t count;

	if (stalled(host)) {
		return;
	}
	while ((count = receive(host, packets)) > 0) {
		struct audit_fate fate = audit_before(host, packets, count);

		tcp_input(host->stack, packets, count, world->now_us);
		audit_after(host, &fate);
	}
	(void)tcp_timers(host->stack, world->now_us, host->timer_budget);
	host->polled++;
}

void host_transmit(struct host *host)
{
	struct rte_mbuf *packets[HOST_BURST];
	struct world *world = host->world;
	uint16_t count;

	if (host->stalled_until_us > world->now_us) {
		return;
	}
	do {
		count = tcp_output(host->stack, packets, (uint16_t)host->tx_burst, world->now_us);
		for (uint16_t i = 0; i < count; i++) {
			const char *wrong;

			edge_check(host, packets[i]);
			wrong = nic_send(&host->nic, &world->net, 1 - host->index, packets[i],
					 world->now_us);
			if (wrong != NULL) {
				world_fail(world, "host %u sent %s", host->index, wrong);
			}
			rte_pktmbuf_free(packets[i]);
		}
	} while (count > 0);
}

/* The stack has something to say, but found no buffer for it: it must be asked again. */
static bool output_waits(const struct host *host)
{
	return host->stack->dirty_head != NULL || host->stack->replies.head != NULL;
}

uint64_t host_next_us(const struct host *host)
{
	uint64_t packet = network_next_us(&host->world->net, host->index);
	uint64_t timer = tcp_next_timer_us(host->stack);
	uint64_t attack = host->world->attacker.at_us[host->index];
	uint64_t next = packet < timer ? packet : timer;

	next = attack < next ? attack : next;
	if (output_waits(host) && next > host->world->now_us + RETRY_US) {
		next = host->world->now_us + RETRY_US;
	}
	return next != UINT64_MAX && next < host->stalled_until_us ? host->stalled_until_us : next;
}
