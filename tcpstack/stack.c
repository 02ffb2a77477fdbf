#include "stack.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_memzone.h>

#include "output.h"
#include "reply.h"
#include "timeout.h"
#include "trace.h"
#include "tune.h"

#define QUANTUM                  8 /* packets of one connection before the next has its turn */
#define TABLE_MAX                (1U << 28)
#define HEADERS_MAX              (40 + 60)
#define OOO_MAX                  32768U
#define RANGES_EACH              8U /* out of order, of a connection with loss: on average */
#define COLLAPSE                 8U /* a segment that carries less than this part of its truesize */
#define BUDGET_MAX               (1U << 30)
#define IP_MTU_MIN               576
#define TSO_PIECES               16
#define CACHE_LINE               64U
/* Records of transmissions, unless configured: a few for each, and a long flight for some. */
#define TRANSMISSIONS_PER_SENDER 16U
#define TRANSMISSIONS_MIN        4096U

struct arena {
	uint8_t *base; /* NULL: only counts */
	size_t used;
};

static void *carve(struct arena *arena, size_t bytes)
{
	void *at = arena->base == NULL ? NULL : arena->base + arena->used;

	arena->used += (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	return at;
}

static bool config_valid(const struct tcp_config *c)
{
	return c->name != NULL && c->ops != NULL && c->header_pool != NULL &&
	       c->indirect_pool != NULL && c->connections > 0 && c->connections < TABLE_MAX &&
	       c->syn_received > 0 && c->syn_received < TABLE_MAX && c->time_wait > 0 &&
	       c->time_wait < TABLE_MAX && c->side_records < TABLE_MAX &&
	       c->transmissions < TABLE_MAX && c->segment_truesize > 0 &&
	       c->receive_budget >= 4 * c->segment_truesize && c->receive_budget <= BUDGET_MAX &&
	       (c->trace_records & (c->trace_records - 1)) == 0 &&
	       (c->trace == NULL || c->trace_records > 0) &&
	       (c->receive_initial == 0 || c->receive_initial >= 4 * c->segment_truesize) &&
	       c->receive_slack <= BUDGET_MAX && c->send_budget > 0 &&
	       c->send_budget <= BUDGET_MAX && c->ooo_segments <= OOO_MAX && c->mtu >= IP_MTU_MIN &&
	       c->mtu <= 9216 && c->user_timeout_ms > 0 &&
	       rte_pktmbuf_data_room_size(c->header_pool) >= RTE_PKTMBUF_HEADROOM + HEADERS_MAX;
}

/* Records of a trace ring in memory of ours. */
static uint32_t own_records(const struct tcp_config *config)
{
	return config->trace_records > 0 ? config->trace_records : TRACE_RECORDS_MIN;
}

static uint32_t flow_entries(const struct tcp_config *config)
{
	return config->connections + config->syn_received + config->time_wait;
}

static uint32_t ooo_ranges(const struct tcp_config *config)
{
	return config->side_records > 0 ? config->side_records * RANGES_EACH + OOO_RANGES_MAX : 0;
}

static uint32_t transmissions(const struct tcp_config *config)
{
	if (config->transmissions > 0 || config->side_records == 0) {
		return config->transmissions;
	}
	return config->side_records * TRANSMISSIONS_PER_SENDER + TRANSMISSIONS_MIN;
}

static uint32_t source_records(const struct tcp_config *config)
{
	const struct tcp_source_limits *limits = &config->per_source;

	return (limits->connections | limits->half_open | limits->rate) == 0
		       ? 0
		       : config->connections + config->syn_received;
}

static void init_pools(struct tcp_stack *stack, void *conns, void *sides)
{
	const struct tcp_config *config = &stack->config;
	struct tcp_side *side = sides;

	stack->conns = conns;
	for (uint32_t i = config->connections; i-- > 0;) {
		stack->conns[i].index = i;
		stack->conns[i].dirty_next = stack->conn_free;
		stack->conn_free = &stack->conns[i];
	}
	for (uint32_t i = config->side_records; i-- > 0;) {
		side[i].next_free = stack->side_free;
		stack->side_free = &side[i];
	}
}

/* Lays all memory out; with a NULL base it only measures. */
static struct tcp_stack *lay_out(struct arena *arena, const struct tcp_config *config)
{
	struct tcp_stack *stack = carve(arena, sizeof(*stack));
	void *conns = carve(arena, sizeof(struct tcp_conn) * config->connections);
	void *syns = carve(arena, sizeof(struct tcp_syn_record) * config->syn_received);
	void *waits = carve(arena, sizeof(struct tcp_time_wait_record) * config->time_wait);
	void *sides = carve(arena, sizeof(struct tcp_side) * config->side_records);
	void *ranges = carve(arena, sizeof(struct ooo_range) * ooo_ranges(config));
	void *senders = carve(arena, sizeof(struct tcp_sender) * config->side_records);
	void *records = carve(arena, sizeof(struct tcp_transmission) * transmissions(config));
	void *buckets = carve(arena, tcp_flow_table_size(flow_entries(config)));
	void *sources = carve(arena, source_table_size(source_records(config)));
	void *trace = config->trace;

	if (trace == NULL) {
		trace = carve(arena, tcp_trace_size(own_records(config)));
	}

	if (arena->base == NULL) {
		return NULL;
	}
	memset(arena->base, 0, arena->used);
	stack->config = *config;
	trace_init(stack, trace, own_records(config));
	init_pools(stack, conns, sides);
	ooo_pool_init(&stack->ooo, ranges, ooo_ranges(config),
		      &stack->counters[TCP_COUNTER_ooo_collapsed]);
	stack->ooo.collapse_max = config->segment_truesize / COLLAPSE;
	sender_pool_init(&stack->senders, senders, config->side_records, records,
			 transmissions(config));
	syn_pool_init(&stack->syn, syns, config->syn_received);
	source_table_init(&stack->sources, sources, source_records(config));
	time_wait_pool_init(&stack->time_wait, waits, config->time_wait);
	tcp_flow_table_init(&stack->flows, buckets, flow_entries(config));
	tcp_flow_table_set_records(&stack->flows, TCP_RECORD_CONNECTION, conns,
				   sizeof(struct tcp_conn));
	tcp_flow_table_set_records(&stack->flows, TCP_RECORD_SYN, syns,
				   sizeof(struct tcp_syn_record));
	tcp_flow_table_set_records(&stack->flows, TCP_RECORD_TIME_WAIT, waits,
				   sizeof(struct tcp_time_wait_record));
	return stack;
}

/*
 * A port that cuts segments must fill in their checksums. Whether it does IPv4's for other packets
 * as well says nothing of that: virtio's devices do so only for what they cut.
 */
static bool can_segment(uint64_t offloads)
{
	const uint64_t needed = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;

	return (offloads & needed) == needed;
}

static void derive(struct tcp_stack *stack)
{
	const struct tcp_config *config = &stack->config;

	stack->tso = can_segment(config->offload_tx);
	if (config->tso_pieces == 0) {
		stack->config.tso_pieces = TSO_PIECES;
	}

	stack->mss[0] = (uint16_t)(config->mtu - 40);
	stack->mss[1] = (uint16_t)(config->mtu - 60);
	if (config->receive_initial == 0 || config->receive_initial > config->receive_budget) {
		stack->config.receive_initial = config->receive_budget;
	}
	if (config->receive_total == 0) {
		stack->config.receive_total = UINT64_MAX;
	}
	stack->window_max = config->receive_budget / config->segment_truesize * stack->mss[0];
	while (stack->wscale < TCP_WSCALE_MAX && stack->window_max >> stack->wscale > 65535) {
		stack->wscale++;
	}
	stack->secret = siphash_key_load(config->secret);
	/* The copy in the configuration has served. */
	memset(stack->config.secret, 0, sizeof(stack->config.secret));
	stack->challenges.mean = TCP_CHALLENGES;
	stack->challenges_off.mean = TCP_CHALLENGES_OFF;
	stack->resets.mean = TCP_RESETS;
	tcp_wheel_init(&stack->wheel, 0);
}

struct tcp_stack *tcp_stack_create(const struct tcp_config *config)
{
	struct arena arena = {0};
	const struct rte_memzone *zone;
	struct tcp_stack *stack;

	if (!config_valid(config)) {
		errno = EINVAL;
		return NULL;
	}
	(void)lay_out(&arena, config);
	zone = rte_memzone_reserve_aligned(config->name, arena.used, config->numa_node, 0,
					   CACHE_LINE);
	if (zone == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	arena = (struct arena){.base = zone->addr};
	stack = lay_out(&arena, config);
	stack->zone = zone;
	derive(stack);
	return stack;
}

static void drop_conn(struct tcp_conn *conn)
{
	chain_free(&conn->rx);
	send_queue_clear(&conn->send);
	if (conn->side != NULL) {
		ooo_clear(&conn->side->ooo);
	}
}

void tcp_stack_destroy(struct tcp_stack *stack)
{
	if (stack == NULL) {
		return;
	}
	for (uint32_t i = 0; i < stack->config.connections; i++) {
		drop_conn(&stack->conns[i]);
	}
	reply_clear(stack);
	(void)rte_memzone_free(stack->zone);
}

bool stack_listens(const struct tcp_stack *stack, uint16_t port)
{
	for (uint16_t i = 0; i < stack->listener_count; i++) {
		if (stack->listeners[i] == port) {
			return true;
		}
	}
	return false;
}

int tcp_listen(struct tcp_stack *stack, uint16_t port)
{
	if (stack_listens(stack, port)) {
		return -EEXIST;
	}
	if (stack->listener_count == TCP_LISTENERS_MAX) {
		return -ENOSPC;
	}
	stack->listeners[stack->listener_count++] = port;
	return 0;
}

void tcp_unlisten(struct tcp_stack *stack, uint16_t port)
{
	for (uint16_t i = 0; i < stack->listener_count; i++) {
		if (stack->listeners[i] == port) {
			stack->listeners[i] = stack->listeners[--stack->listener_count];
			return;
		}
	}
}

int stack_find_address(const struct tcp_stack *stack, const struct in6_addr *addr)
{
	for (uint16_t i = 0; i < stack->address_count; i++) {
		if (memcmp(&stack->addresses[i], addr, sizeof(*addr)) == 0) {
			return i;
		}
	}
	return -1;
}

int tcp_add_address(struct tcp_stack *stack, const struct in6_addr *addr)
{
	if (stack_find_address(stack, addr) >= 0) {
		return -EEXIST;
	}
	if (stack->address_count == TCP_ADDRESSES_MAX) {
		return -ENOSPC;
	}
	stack->addresses[stack->address_count++] = *addr;
	return 0;
}

void tcp_press(struct tcp_stack *stack, bool pressed)
{
	stack->pressed = pressed;
}

uint32_t tcp_timers(struct tcp_stack *stack, uint64_t now_us, uint32_t budget)
{
	uint32_t ran;

	stack_set_now(stack, now_us);
	tune_sweep(stack);
	stack_enter(stack);
	ran = syn_timers(stack, budget);
	ran += time_wait_timers(stack, budget - ran);
	ran += timeout_run(stack, budget - ran);
	stack_leave(stack);
	return ran;
}

uint64_t tcp_next_timer_us(const struct tcp_stack *stack)
{
	uint64_t next = tcp_wheel_next_us(&stack->wheel);
	uint64_t syn = syn_next_us(&stack->syn);
	uint64_t wait = tcp_fifo_next_us(&stack->time_wait.waiting);

	next = syn < next ? syn : next;
	return wait < next ? wait : next;
}

static struct tcp_conn *dirty_pop(struct tcp_stack *stack)
{
	struct tcp_conn *conn = stack->dirty_head;

	stack->dirty_head = conn->dirty_next;
	if (stack->dirty_head != NULL) {
		stack->dirty_head->dirty_prev = NULL;
	} else {
		stack->dirty_tail = NULL;
	}
	conn->flags &= ~(uint32_t)TCP_CONN_DIRTY;
	return conn;
}

uint16_t tcp_output(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t max,
		    uint64_t now_us)
{
	uint16_t count = 0;

	stack_set_now(stack, now_us);
	while (count < max && stack->replies.head != NULL) {
		packets[count++] = reply_take(stack);
	}
	while (count < max && stack->dirty_head != NULL) {
		struct tcp_conn *conn = dirty_pop(stack);
		uint16_t room = (uint16_t)(max - count);
		uint16_t sent;
		enum output_result result =
			output_conn(conn, packets + count, room < QUANTUM ? room : QUANTUM, &sent);

		count = (uint16_t)(count + sent);
		if (result != OUTPUT_DONE) {
			conn_dirty(conn);
		}
		if (result == OUTPUT_NO_MBUF) {
			break; /* the next call tries again */
		}
	}
	return count;
}
