#include "timers.h"

#include <assert.h>
#include <string.h>

#define WHEEL_MASK (WHEEL_SLOTS - 1)

void tcp_wheel_init(struct tcp_wheel *wheel, uint64_t now_us)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->now = now_us / WHEEL_TICK_US;
}

static void slot_insert(struct tcp_wheel *wheel, unsigned int level, uint64_t index,
			struct tcp_timer *timer)
{
	struct tcp_timer **head = &wheel->slot[level][index & WHEEL_MASK];

	timer->next = *head;
	timer->link = head;
	if (*head != NULL) {
		(*head)->link = &timer->next;
	}
	*head = timer;
	wheel->used[level][(index & WHEEL_MASK) / 64] |= 1ULL << (index % 64);
}

/* Level 0 holds the current window of 256 ticks, level 1 the 255 windows after it. */
static void place(struct tcp_wheel *wheel, struct tcp_timer *timer)
{
	uint64_t tick = timer->tick > wheel->now ? timer->tick : wheel->now;
	uint64_t window = tick >> WHEEL_BITS;
	uint64_t current = wheel->now >> WHEEL_BITS;

	if (window == current) {
		slot_insert(wheel, 0, tick, timer);
		return;
	}
	if (window - current > WHEEL_MASK) {
		window = current + WHEEL_MASK;
	}
	slot_insert(wheel, 1, window, timer);
}

static void unlink_timer(struct tcp_wheel *wheel, struct tcp_timer *timer)
{
	struct tcp_timer **first = &wheel->slot[0][0];

	*timer->link = timer->next;
	if (timer->next != NULL) {
		timer->next->link = timer->link;
	} else if (timer->link >= first && timer->link < first + (size_t)2 * WHEEL_SLOTS) {
		size_t index = (size_t)(timer->link - first);

		wheel->used[index / WHEEL_SLOTS][(index % WHEEL_SLOTS) / 64] &=
			~(1ULL << (index % 64));
	}
	timer->link = NULL;
}

void tcp_wheel_arm(struct tcp_wheel *wheel, struct tcp_timer *timer, uint64_t at_us)
{
	uint64_t tick = (at_us + WHEEL_TICK_US - 1) / WHEEL_TICK_US;

	if (timer->link != NULL) {
		if (timer->tick <= tick) {
			return;
		}
		tcp_wheel_cancel(wheel, timer);
	}
	timer->tick = tick;
	place(wheel, timer);
	wheel->count++;
}

void tcp_wheel_cancel(struct tcp_wheel *wheel, struct tcp_timer *timer)
{
	if (timer->link != NULL) {
		unlink_timer(wheel, timer);
		wheel->count--;
	}
}

/* First used slot from `from` on without wrapping, WHEEL_SLOTS for none. */
static unsigned int next_used(const uint64_t used[WHEEL_SLOTS / 64], unsigned int from)
{
	for (unsigned int word = from / 64; word < WHEEL_SLOTS / 64; word++) {
		uint64_t bits = used[word];

		if (word == from / 64) {
			bits &= ~0ULL << (from % 64);
		}
		if (bits != 0) {
			return word * 64 + (unsigned int)__builtin_ctzll(bits);
		}
	}
	return WHEEL_SLOTS;
}

/* The tick at which a slot fires or a window has to be spread over level 0. */
static uint64_t next_tick(const struct tcp_wheel *wheel)
{
	unsigned int slot = next_used(wheel->used[0], (unsigned int)(wheel->now & WHEEL_MASK));
	uint64_t window = (wheel->now >> WHEEL_BITS) + 1;

	if (slot < WHEEL_SLOTS) {
		return (wheel->now & ~(uint64_t)WHEEL_MASK) | slot;
	}
	slot = next_used(wheel->used[1], (unsigned int)(window & WHEEL_MASK));
	if (slot == WHEEL_SLOTS) {
		slot = next_used(wheel->used[1], 0);
	}
	if (slot == WHEEL_SLOTS) {
		return UINT64_MAX;
	}
	window += (slot - window) & WHEEL_MASK;
	return window << WHEEL_BITS;
}

static void spread_window(struct tcp_wheel *wheel)
{
	struct tcp_timer **head = &wheel->slot[1][(wheel->now >> WHEEL_BITS) & WHEEL_MASK];
	struct tcp_timer *timer = *head;

	/* A clamped timer goes back to level 1, but never to this slot: it is 256 windows off. */
	while (timer != NULL) {
		struct tcp_timer *next = timer->next;

		unlink_timer(wheel, timer);
		place(wheel, timer);
		timer = next;
	}
}

struct tcp_timer *tcp_wheel_pop(struct tcp_wheel *wheel, uint64_t now_us)
{
	uint64_t now = now_us / WHEEL_TICK_US;

	for (;;) {
		uint64_t tick = next_tick(wheel);
		struct tcp_timer *timer;

		if (tick > now) {
			wheel->now = now > wheel->now ? now : wheel->now;
			return NULL;
		}
		if (tick >> WHEEL_BITS != wheel->now >> WHEEL_BITS) {
			wheel->now = tick;
			spread_window(wheel);
			continue;
		}
		wheel->now = tick;
		timer = wheel->slot[0][tick & WHEEL_MASK];
		assert(timer != NULL);
		tcp_wheel_cancel(wheel, timer);
		return timer;
	}
}

uint64_t tcp_wheel_next_us(const struct tcp_wheel *wheel)
{
	uint64_t tick = next_tick(wheel);

	return tick == UINT64_MAX ? UINT64_MAX : tick * WHEEL_TICK_US;
}

void tcp_fifo_add(struct tcp_fifo *fifo, struct tcp_fifo_timer *timer, uint64_t at_us)
{
	assert(fifo->tail == NULL || fifo->tail->at_us <= at_us);
	timer->at_us = at_us;
	timer->next = NULL;
	timer->prev = fifo->tail;
	if (fifo->tail != NULL) {
		fifo->tail->next = timer;
	} else {
		fifo->head = timer;
	}
	fifo->tail = timer;
}

void tcp_fifo_remove(struct tcp_fifo *fifo, struct tcp_fifo_timer *timer)
{
	if (timer->prev != NULL) {
		timer->prev->next = timer->next;
	} else {
		fifo->head = timer->next;
	}
	if (timer->next != NULL) {
		timer->next->prev = timer->prev;
	} else {
		fifo->tail = timer->prev;
	}
	timer->next = NULL;
	timer->prev = NULL;
}
