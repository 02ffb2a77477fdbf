/*
 * Ring of pointers from one worker to another (or to itself): one producer, one consumer, no lock.
 *
 * play_ring_put() stores `head` with release, play_ring_get() loads it with acquire: what the
 * producer wrote to an entry is seen. `tail` goes the other way the same: the place is free again.
 */
#ifndef DP_PLAY_RING_H
#define DP_PLAY_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAY_RING 256u /* a power of two, not less than ABI_PLAYERS_MAX */

struct play_ring {
	alignas(128) _Atomic uint32_t head;
	alignas(128) _Atomic uint32_t tail;
	alignas(128) void *entries[PLAY_RING];
};

static inline uint32_t play_ring_count(const struct play_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire) -
	       atomic_load_explicit(&ring->tail, memory_order_acquire);
}

/* False: it is full. */
static inline bool play_ring_put(struct play_ring *ring, void *entry)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == PLAY_RING) {
		return false;
	}
	ring->entries[head % PLAY_RING] = entry;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

/* NULL: it is empty. */
static inline void *play_ring_get(struct play_ring *ring)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (atomic_load_explicit(&ring->head, memory_order_acquire) == tail) {
		return NULL;
	}
	void *entry = ring->entries[tail % PLAY_RING];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return entry;
}

#endif
