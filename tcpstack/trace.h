/*
 * Writing the trace rings (tcpstack/trace_ring.h). tcp_trace() is straight-line code: a dozen
 * instructions and one line of a ring that is written from end to end.
 */
#ifndef TCPSTACK_TRACE_H
#define TCPSTACK_TRACE_H

#include "stack.h"
#include "tcpstack/trace_ring.h"

#define TRACE_RECORDS_MIN 64U

/* `memory`: tcp_trace_size(records). */
void trace_init(struct tcp_stack *stack, struct tcp_trace *memory, uint32_t records);

static inline void trace_put(struct tcp_stack *stack, uint32_t ring, uint32_t connection,
			     uint32_t event, uint32_t a, uint32_t b)
{
	struct tcp_trace *trace = stack->trace;
	uint64_t mask = stack->trace_mask;
	uint64_t head = atomic_load_explicit(&trace->ring[ring].head, memory_order_relaxed);
	struct tcp_trace_record *record = &trace->records[ring * (mask + 1) + (head & mask)];

	/*
	 * Pairs with the acquire fence of readers: whoever saw a word of this record then finds a
	 * head that says that the one before, in the same place, is gone.
	 */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&record->stamp, stack->trace_stamp++, memory_order_relaxed);
	atomic_store_explicit(&record->connection, connection, memory_order_relaxed);
	atomic_store_explicit(&record->event, event, memory_order_relaxed);
	atomic_store_explicit(&record->a, a, memory_order_relaxed);
	atomic_store_explicit(&record->b, b, memory_order_relaxed);
	atomic_store_explicit(&trace->ring[ring].head, head + 1, memory_order_release);
}

#define tcp_trace_of(stack, connection, name, a, b)                                             \
	trace_put(stack, TCP_TRACE_RING_OF_##name, connection, TCP_TRACE_##name, (uint32_t)(a), \
		  (uint32_t)(b))

/* An event of a connection, and one of none. */
#define tcp_trace(conn, name, a, b)        tcp_trace_of((conn)->stack, (conn)->id, name, a, b)
#define tcp_trace_stack(stack, name, a, b) tcp_trace_of(stack, 0, name, a, b)

/* Counts a drop and traces it: `name` is a counter, `seq` of the segment. */
#define tcp_drop(conn, name, seq)                                  \
	do {                                                       \
		tcp_count((conn)->stack, name);                    \
		tcp_trace(conn, dropped, TCP_COUNTER_##name, seq); \
	} while (0)

/* The same where there is no connection. */
#define tcp_refuse(stack, name, key)                                                     \
	do {                                                                             \
		tcp_count(stack, name);                                                  \
		tcp_trace_stack(stack, refused, TCP_COUNTER_##name, trace_address(key)); \
	} while (0)

/* Of an IPv4 peer all, of an IPv6 peer the end; as the bytes stand. */
static inline uint32_t trace_address(const struct tcp_key *key)
{
	return key->remote.s6_addr32[3];
}

#endif
