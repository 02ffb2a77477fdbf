#include "bench/gen/wheel.h"

#include <stddef.h>

void wheel_init(struct wheel *wheel, uint64_t now_us)
{
	wheel->tick = now_us / WHEEL_TICK_US;
	LIST_INIT(&wheel->due);
	for (uint32_t i = 0; i < WHEEL_SLOTS; i++) {
		LIST_INIT(&wheel->slots[i]);
	}
}

void wheel_disarm(struct wheel_entry *entry)
{
	if (entry->armed) {
		LIST_REMOVE(entry, link);
		entry->armed = false;
	}
}

void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_us)
{
	uint64_t tick = due_us / WHEEL_TICK_US;

	wheel_disarm(entry);
	tick = tick > wheel->tick ? tick : wheel->tick;
	entry->due_us = due_us;
	entry->armed = true;
	LIST_INSERT_HEAD(&wheel->slots[tick % WHEEL_SLOTS], entry, link);
}

/* Of a slot, what is due; the rest is of later rounds, or of later in this tick. */
static void collect(struct wheel *wheel, struct wheel_list *slot, uint64_t now_us)
{
	struct wheel_entry *entry = LIST_FIRST(slot);

	while (entry != NULL) {
		struct wheel_entry *next = LIST_NEXT(entry, link);

		if (entry->due_us <= now_us) {
			LIST_REMOVE(entry, link);
			LIST_INSERT_HEAD(&wheel->due, entry, link);
		}
		entry = next;
	}
}

void wheel_advance(struct wheel *wheel, uint64_t now_us)
{
	uint64_t now = now_us / WHEEL_TICK_US;
	uint64_t from = wheel->tick;

	if (now >= from + WHEEL_SLOTS) { /* a whole round was slept: each slot once */
		from = now - WHEEL_SLOTS + 1;
	}
	for (uint64_t tick = from; tick <= now; tick++) {
		collect(wheel, &wheel->slots[tick % WHEEL_SLOTS], now_us);
	}
	wheel->tick = now > wheel->tick ? now : wheel->tick;
}

struct wheel_entry *wheel_next(struct wheel *wheel)
{
	struct wheel_entry *entry = LIST_FIRST(&wheel->due);

	if (entry != NULL) {
		wheel_disarm(entry);
	}
	return entry;
}

uint64_t wheel_idle_us(const struct wheel *wheel, uint64_t now_us, uint64_t max_us)
{
	uint64_t ticks = max_us / WHEEL_TICK_US;
	const struct wheel_entry *entry;

	LIST_FOREACH (entry, &wheel->slots[wheel->tick % WHEEL_SLOTS], link) {
		if (entry->due_us <= now_us) {
			return 0;
		}
	}
	for (uint64_t i = 1; i < ticks && i < WHEEL_SLOTS; i++) {
		if (!LIST_EMPTY(&wheel->slots[(wheel->tick + i) % WHEEL_SLOTS])) {
			return i * WHEEL_TICK_US;
		}
	}
	return max_us;
}
