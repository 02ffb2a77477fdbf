/*
 * What a worker does when a loop found no work (`power: performance | adaptive`).
 *
 * performance: a pause instruction. adaptive: pauses first; after 1000 empty loops it sleeps until
 * another worker or control writes its eventfd, a packet comes (where the port has a descriptor for
 * that), the next timer is due, or 1 ms has passed, because positions that control released come
 * without a wake-up. Without a packet descriptor it sleeps 200 us at most.
 */
#ifndef DP_IDLE_H
#define DP_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct dp_wake;

struct dp_idle {
	bool adaptive;
	uint32_t empty;      /* loops without work in a row */
	int rx_fd;           /* -1: none */
	uint64_t longest_us; /* of one sleep */
	uint64_t timeouts;   /* sleeps that nobody ended */
	const struct dp_wake *wake;
	/* Whether there is work that its producer would have woken us for. */
	bool (*pending)(const void *app);
	const void *app;
};

/* `pending` and `app` are set by the caller. */
void dp_idle_init(struct dp_idle *idle, bool adaptive, int rx_fd, const struct dp_wake *wake);

/*
 * After an empty loop at `now_us`; `due_us` is when the next timer is due, UINT64_MAX for none.
 * May sleep.
 */
void dp_idle(struct dp_idle *idle, uint64_t now_us, uint64_t due_us);

static inline void dp_idle_busy(struct dp_idle *idle)
{
	idle->empty = 0;
}

#endif
