/*
 * Timers without a clock: the caller gives the time.
 *
 * tcp_wheel: two levels of 256 slots (1 ms and 256 ms). A connection has one timer, armed lazily:
 * a later deadline does not move it, it fires early and its owner arms it again; only an earlier
 * one does. Deadlines beyond 65 s fire early likewise.
 *
 * tcp_fifo: for timeouts that are all equally long, a queue is sorted by construction.
 */
#ifndef TCPSTACK_TIMERS_H
#define TCPSTACK_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WHEEL_BITS    8
#define WHEEL_SLOTS   (1U << WHEEL_BITS)
#define WHEEL_TICK_US 1000U

struct tcp_timer {
	struct tcp_timer *next;
	struct tcp_timer **link; /* what points at us; NULL: not armed */
	uint64_t tick;
};

struct tcp_wheel {
	uint64_t now; /* tick; everything before it has fired */
	uint32_t count;
	uint64_t used[2][WHEEL_SLOTS / 64];
	struct tcp_timer *slot[2][WHEEL_SLOTS];
};

void tcp_wheel_init(struct tcp_wheel *wheel, uint64_t now_us);
/* Makes sure that it fires at or before `at_us`, rounded up to a tick. */
void tcp_wheel_arm(struct tcp_wheel *wheel, struct tcp_timer *timer, uint64_t at_us);
void tcp_wheel_cancel(struct tcp_wheel *wheel, struct tcp_timer *timer);
/* The next timer that is due, disarmed; NULL when there is none. */
struct tcp_timer *tcp_wheel_pop(struct tcp_wheel *wheel, uint64_t now_us);
/* When tcp_wheel_pop() has something to do; UINT64_MAX: never. */
uint64_t tcp_wheel_next_us(const struct tcp_wheel *wheel);

struct tcp_fifo_timer {
	struct tcp_fifo_timer *next;
	struct tcp_fifo_timer *prev;
	uint64_t at_us;
};

struct tcp_fifo {
	struct tcp_fifo_timer *head;
	struct tcp_fifo_timer *tail;
};

/* `at_us` must not be before that of the last timer added. */
void tcp_fifo_add(struct tcp_fifo *fifo, struct tcp_fifo_timer *timer, uint64_t at_us);
void tcp_fifo_remove(struct tcp_fifo *fifo, struct tcp_fifo_timer *timer);

static inline uint64_t tcp_fifo_next_us(const struct tcp_fifo *fifo)
{
	return fifo->head == NULL ? UINT64_MAX : fifo->head->at_us;
}

#endif
