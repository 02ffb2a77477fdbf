/*
 * What the streams and origins of one relay thread share. Only that thread writes to it, except
 * where a comment says otherwise.
 */
#ifndef RELAY_CONTEXT_H
#define RELAY_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "abi/sub.h"
#include "log_reader.h"
#include "relay.h"
#include "resolver.h"

struct relay_context {
	struct relay_source source;
	struct log_view view;
	struct relay_settings settings;
	struct resolver *resolver;
	struct mailbox mailbox;
	int epoll_fd;
	int record_fd; /* epoll within it: the clients of recordings */
	uint64_t random;
	bool pressure; /* packet memory or log blocks run short: nothing is kept without need */
	bool shutdown;
	bool let_go; /* pub, sub and packets may be gone */

	/*
	 * Guards, against the main thread, the lists of streams and the states and error texts of
	 * origins. The relay thread takes it to write; to read its own it needs no lock.
	 */
	pthread_mutex_t lock;
	_Atomic uint32_t recorders; /* both threads count: those on their way, too */
	_Atomic uint64_t counters[RELAY_COUNTER_COUNT]; /* read by the main thread */
};

/* One writer: no read-modify-write is needed. */
static inline void relay_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void relay_count(struct relay_context *context, enum relay_counter counter,
			       uint64_t n)
{
	relay_add(&context->counters[counter], n);
}

/* xorshift64*: spreads reconnects, fills handshakes; no secret depends on it. */
static inline uint64_t relay_random(struct relay_context *context)
{
	context->random ^= context->random >> 12;
	context->random ^= context->random << 25;
	context->random ^= context->random >> 27;
	return context->random * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
