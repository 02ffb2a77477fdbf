/*
 * One shard of the stack: all tables and pools, one memory zone, one thread.
 */
#ifndef TCPSTACK_STACK_H
#define TCPSTACK_STACK_H

#include <stddef.h>

#include "conn.h"
#include "flow_table.h"
#include "isn.h"
#include "limiter.h"
#include "sender.h"
#include "siphash.h"
#include "source.h"
#include "syn.h"
#include "time_wait.h"
#include "timers.h"

struct rte_memzone;
struct tcp_trace;

#define TCP_BURST          64
#define TCP_ADDRESSES_MAX  64
#define TCP_LISTENERS_MAX  16
#define TCP_REPLIES_MAX    4096 /* packets without a connection that await tcp_output() */
/* A second, on average (limiter.h). */
#define TCP_CHALLENGES     10000 /* challenge ACKs of all connections */
#define TCP_CHALLENGES_OFF 1000  /* ... of half-open ones and of those in TIME_WAIT */
#define TCP_RESETS         10000 /* RSTs to what belongs to no connection */

struct tcp_reply_queue {
	struct rte_mbuf *head; /* linked by `next`: each is one mbuf */
	struct rte_mbuf *tail;
	uint32_t count;
};

struct tcp_stack {
	struct tcp_config config;
	uint64_t now_us;
	uint64_t trace_stamp; /* of the next record (tcpstack/trace_ring.h) */
	uint64_t trace_mask;
	struct tcp_trace *trace;
	uint32_t conn_serial; /* id of the last connection */
	uint32_t depth;       /* of calls in which upcalls happen */
	uint32_t window_max;
	uint16_t mss[2]; /* what we advertise, IPv4 and IPv6 */
	uint8_t wscale;
	bool tso; /* the port cuts large packets into segments */
	uint16_t address_count;
	uint16_t listener_count;
	struct siphash_key secret;
	struct tcp_flow_table flows;
	struct tcp_wheel wheel;
	struct tcp_conn *touched[TCP_BURST];
	uint32_t touched_count;
	struct tcp_conn *dirty_head;
	struct tcp_conn *dirty_tail;
	struct tcp_reply_queue replies;
	uint64_t counters[TCP_COUNTER_COUNT];

	struct tcp_conn *conns;
	struct tcp_conn *conn_free; /* linked by dirty_next */
	struct tcp_conn *conn_dead;
	uint32_t conn_count;
	struct ooo_pool ooo;
	enum tcp_pressure pressure;
	uint32_t sweep_next;
	uint64_t sweep_us;
	uint64_t window_granted; /* truesize, of all connections, beyond what each begins with */
	struct tcp_side *side_free;
	struct sender_pool senders;
	bool pressed;          /* tcp_press() */
	uint32_t cookies_left; /* that this tcp_input() may send, and SYN-ACKs once more */
	struct source_table sources;
	struct tcp_syn_pool syn;
	struct tcp_time_wait_pool time_wait;

	struct tcp_limiter challenges;
	struct tcp_limiter challenges_off;
	struct tcp_limiter resets;
	uint32_t connect_count;
	uint16_t listeners[TCP_LISTENERS_MAX];
	struct in6_addr addresses[TCP_ADDRESSES_MAX];
	const struct rte_memzone *zone;
};

#define tcp_count(stack, name)        ((stack)->counters[TCP_COUNTER_##name]++)
#define tcp_count_add(stack, name, n) ((stack)->counters[TCP_COUNTER_##name] += (n))

/* Upcalls may end connections: they are freed when the outermost call leaves. */
static inline void stack_enter(struct tcp_stack *stack)
{
	stack->depth++;
}

static inline void stack_leave(struct tcp_stack *stack)
{
	if (--stack->depth == 0 && stack->conn_dead != NULL) {
		conn_reap(stack);
	}
}

bool stack_listens(const struct tcp_stack *stack, uint16_t port);
/* Index of one of our addresses, -1 for none. */
int stack_find_address(const struct tcp_stack *stack, const struct in6_addr *addr);

static inline uint32_t stack_hash(const struct tcp_stack *stack, const struct tcp_key *key)
{
	return tcp_flow_hash(&stack->secret, key);
}

/* tcp_send() takes a chain of any length. */
static inline bool conn_is_writable(const struct tcp_conn *conn)
{
	return conn->send.bytes <= conn->stack->config.send_budget / 2;
}

/* The only writer of `now_us`. */
static inline void stack_set_now(struct tcp_stack *stack, uint64_t now_us)
{
	uint64_t stamp = now_us << 16;

	stack->now_us = now_us;
	stack->trace_stamp = stamp > stack->trace_stamp ? stamp : stack->trace_stamp;
}

/* The clock of the timestamps option: milliseconds (RFC 7323 5.4). */
static inline uint32_t stack_timestamp(const struct tcp_stack *stack, uint32_t offset)
{
	return (uint32_t)(stack->now_us / 1000) + offset;
}

/* Wraps after 49 days. */
static inline uint32_t stack_milliseconds(const struct tcp_stack *stack)
{
	return (uint32_t)(stack->now_us / 1000);
}

static inline uint32_t stack_seconds(const struct tcp_stack *stack)
{
	return (uint32_t)(stack->now_us / 1000000);
}

#endif
