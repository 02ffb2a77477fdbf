#include "audit.h"

#include <stdio.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "tcpstack/tcp.h"
#include "whole.h"
#include "world.h"

static bool is_drop(enum tcp_counter counter)
{
	const char *name = tcp_counter_name(counter);

	return strncmp(name, "drop_", 5) == 0 || strncmp(name, "shed_", 5) == 0 ||
	       strstr(name, "_rejected") != NULL;
}

/* Everything that may become of a segment with payload. */
static uint64_t sum_fates(const struct host *host)
{
	static bool is_fate[TCP_COUNTER_COUNT];
	static bool known;
	const uint64_t *counters = tcp_counters(host->stack);
	uint64_t sum = 0;

	for (int i = 0; i < TCP_COUNTER_COUNT; i++) {
		if (!known) {
			is_fate[i] = is_drop((enum tcp_counter)i) || i == TCP_COUNTER_rx_bytes ||
				     i == TCP_COUNTER_rx_out_of_order ||
				     i == TCP_COUNTER_refused_by_owner ||
				     i == TCP_COUNTER_challenge_acks ||
				     i == TCP_COUNTER_challenge_acks_limited;
		}
		sum += is_fate[i] ? counters[i] : 0;
	}
	known = true;
	return sum;
}

static bool has_payload(const struct rte_mbuf *packet)
{
	const uint8_t *data = rte_pktmbuf_mtod(packet, const uint8_t *);
	uint32_t ip_len = data[0] >> 4 == 6 ? 40 : 20;
	const struct rte_tcp_hdr *tcp = (const void *)(data + ip_len);

	return packet->pkt_len > ip_len + (uint32_t)(tcp->data_off >> 4) * 4 &&
	       !(tcp->tcp_flags & RTE_TCP_RST_FLAG);
}

struct audit_fate audit_before(const struct host *host, struct rte_mbuf *const *packets,
			       uint32_t count)
{
	struct audit_fate fate = {.payload = count == 1 && has_payload(packets[0])};

	fate.sum = fate.payload ? sum_fates(host) : 0;
	return fate;
}

void audit_after(struct host *host, const struct audit_fate *fate)
{
	if (fate->payload && sum_fates(host) == fate->sum) {
		world_fail(host->world, "host %u: payload vanished, uncounted", host->index);
	}
}

void audit_budgets(struct world *world)
{
	for (uint32_t i = 0; i < world->flow_count; i++) {
		for (uint32_t side = 0; side < 2; side++) {
			const struct endpoint *end = &world->flow[i].end[side];
			struct tcp_info info;

			if (end->conn == NULL) {
				continue;
			}
			tcp_conn_info(end->conn, &info);
			if (info.pinned > world->host[side].receive_budget) {
				world_fail(world, "flow %u pins %u of %u", i, info.pinned,
					   world->host[side].receive_budget);
			}
		}
	}
}

static void check_stack(struct world *world, const struct host *host)
{
	const char *differs = whole_differs(host->stack, &host->whole);

	if (differs != NULL) {
		world_fail(world, "stack %u: %s", host->index, differs);
	}
}

static void check_equal(struct world *world, uint32_t index, const char *what, uint64_t a,
			uint64_t b)
{
	if (a != b) {
		world_fail(world, "stack %u: %s: %llu, %llu", index, what, (unsigned long long)a,
			   (unsigned long long)b);
	}
}

static void check_counters(struct world *world, const struct host *host)
{
	const uint64_t *c = tcp_counters(host->stack);
	const struct nic *nic = &host->nic;

	check_equal(world, host->index, "packets received, counted", nic->received,
		    c[TCP_COUNTER_rx_segments]);
	check_equal(world, host->index, "payload delivered, counted", host->delivered,
		    c[TCP_COUNTER_rx_bytes]);
	check_equal(world, host->index, "packets corrupted, dropped", nic->corrupt,
		    c[TCP_COUNTER_drop_short] + c[TCP_COUNTER_drop_ip_checksum] +
			    c[TCP_COUNTER_drop_tcp_checksum] + c[TCP_COUNTER_drop_fragment] +
			    c[TCP_COUNTER_drop_bad_source]);
	check_equal(world, host->index, "connections opened, ended",
		    c[TCP_COUNTER_active_opens] + c[TCP_COUNTER_passive_opens],
		    c[TCP_COUNTER_closed] + c[TCP_COUNTER_closed_reset] +
			    c[TCP_COUNTER_closed_timeout]);
	if (c[TCP_COUNTER_rx_bytes] >
	    tcp_counters(world->host[1 - host->index].stack)[TCP_COUNTER_tx_bytes]) {
		world_fail(world, "stack %u: received more than was sent", host->index);
	}
}

/* What was sent was lost, or arrived. */
static void check_link(struct world *world, uint32_t to)
{
	const struct link_counters *link = &world->net.link[to].counters;

	check_equal(world, 1 - to, "packets sent, given to the network",
		    world->host[1 - to].nic.sent, link->taken);
	check_equal(world, to, "packets on the link, arrived",
		    link->taken + link->duplicated - link->lost - link->overflowed - link->too_big +
			    world->attacker.sent[to],
		    world->host[to].nic.received + world->host[to].nic.merged +
			    world->host[to].nic.no_mbuf);
}

static void check_pool(struct world *world, const struct rte_mempool *pool)
{
	unsigned int left = rte_mempool_in_use_count(pool);

	if (left != 0) {
		world_fail(world, "pool %s: %u mbufs leaked", pool->name, left);
	}
}

void audit_end(struct world *world)
{
	for (uint32_t i = 0; i < 2; i++) {
		check_stack(world, &world->host[i]);
		check_counters(world, &world->host[i]);
		check_link(world, i);
		world->retransmits += tcp_counters(world->host[i].stack)[TCP_COUNTER_retransmits];
		world->packets += world->host[i].nic.sent;
		world->bytes += world->host[i].delivered;
	}
	check_pool(world, world->pools->rx);
	check_pool(world, world->pools->payload);
	for (uint32_t i = 0; i <= WORLD_TINY; i++) {
		check_pool(world, world->pools->header[i]);
		check_pool(world, world->pools->indirect[i]);
	}
}

static void print(uint32_t index, const char *what, uint64_t value)
{
	if (value != 0) {
		(void)printf("host %u: %s %llu\n", index, what, (unsigned long long)value);
	}
}

void audit_print(const struct world *world)
{
	for (uint32_t i = 0; i < 2; i++) {
		const struct host *host = &world->host[i];
		const struct link_counters *link = &world->net.link[i].counters;
		const uint64_t *counters = tcp_counters(host->stack);

		print(i, "link towards it: taken", link->taken);
		print(i, "link towards it: lost", link->lost);
		print(i, "link towards it: overflowed", link->overflowed);
		print(i, "link towards it: too big", link->too_big);
		print(i, "link towards it: duplicated", link->duplicated);
		print(i, "link towards it: corrupted", link->corrupted);
		print(i, "port: no mbuf", host->nic.no_mbuf);
		print(i, "port: merged", host->nic.merged);
		print(i, "forged packets towards it", world->attacker.sent[i]);
		for (int c = 0; c < TCP_COUNTER_COUNT; c++) {
			print(i, tcp_counter_name((enum tcp_counter)c), counters[c]);
		}
	}
}
