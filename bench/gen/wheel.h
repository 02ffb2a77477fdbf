/*
 * Timer wheel: what is due next among a hundred thousand, without looking at the others.
 *
 * Slots of 256 us, as many as make one second; what is due later stays in its slot for further
 * rounds. Entries are part of what they time; nothing is allocated.
 */
#ifndef GEN_WHEEL_H
#define GEN_WHEEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define WHEEL_SLOTS   4096u
#define WHEEL_TICK_US 256u

struct wheel_entry {
	LIST_ENTRY(wheel_entry) link;
	uint64_t due_us;
	bool armed;
};

LIST_HEAD(wheel_list, wheel_entry);

struct wheel {
	uint64_t tick; /* all slots before it have nothing that is due */
	struct wheel_list slots[WHEEL_SLOTS];
	struct wheel_list due; /* taken out of their slots, not handled yet */
};

void wheel_init(struct wheel *wheel, uint64_t now_us);

/* Moves the entry, if it is armed. What is due already comes with the next wheel_next(). */
void wheel_arm(struct wheel *wheel, struct wheel_entry *entry, uint64_t due_us);
void wheel_disarm(struct wheel_entry *entry);

/* Collects what is due at `now_us`; what is armed while it is handled waits for the next call. */
void wheel_advance(struct wheel *wheel, uint64_t now_us);
/* The next entry that was collected, disarmed; NULL when there is none left. */
struct wheel_entry *wheel_next(struct wheel *wheel);

/* How long nothing is due, at most `max_us`: rounded to ticks. */
uint64_t wheel_idle_us(const struct wheel *wheel, uint64_t now_us, uint64_t max_us);

#endif
