/*
 * One direction of the path: loss, single and in bursts (Gilbert-Elliott, in time), duplication,
 * corruption, delay with jitter, reordering, a bottleneck with a queue that marks (RFC 3168), an
 * MTU. Conditions change while packets are on the way. All of it follows from the generator that
 * the link is given.
 */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

#define LINK_LIFETIME_US 3000000ULL /* no packet is longer on the way: the simulation's MSL */

/* Probabilities are per mille. */
struct link_conditions {
	uint32_t loss_pm;
	uint32_t burst_loss_pm; /* in a burst; 0: there are none */
	uint32_t burst_us_max;
	uint32_t pause_us_max; /* between bursts */
	uint32_t duplicate_pm;
	uint32_t reorder_pm;
	uint32_t reorder_us_max;
	uint32_t corrupt_pm;
	uint32_t delay_us;
	uint32_t jitter_us;
	bool keep_order;    /* jitter overtakes nothing */
	uint32_t rate_kbps; /* 0: no bottleneck */
	uint32_t queue_us;  /* that the bottleneck's queue takes to drain when it is full */
	uint32_t mark_us;   /* ... when it begins to mark packets that may be marked; 0: never */
	uint32_t mtu;       /* 0: as large as they come */
	bool silent;        /* what is too big vanishes without a word (RFC 2923 2.1) */
	bool vague;         /* or nobody says what would not be (RFC 1191 section 5) */
};

struct link_counters {
	uint64_t taken;
	uint64_t lost;
	uint64_t overflowed;
	uint64_t too_big;
	uint64_t duplicated;
	uint64_t corrupted;
};

struct link {
	struct rng rng;
	uint32_t severity_pm; /* what loss and its like may be */
	struct link_conditions now;
	bool changes;
	uint32_t mtu_min; /* 0: there is no MTU */
	bool in_burst;
	uint64_t burst_at_us;  /* when bursts begin or end */
	uint64_t change_at_us; /* of conditions */
	uint64_t idle_at_us;   /* when the bottleneck has sent what it was given */
	uint64_t last_us;      /* arrival of the packet before */
	struct link_counters counters;
};

/* The fate of a packet. */
struct link_fate {
	uint32_t copies; /* 0: lost */
	uint64_t at_us[2];
	bool corrupt; /* the first copy */
	bool mark;    /* congestion, when the packet says that it may be marked */
	bool too_big; /* its sender is told, unless the link is silent */
};

void link_init(struct link *link, uint64_t seed, uint32_t severity_pm, uint64_t now_us);
/* It has an MTU, which changes, but is at least `min`. */
void link_add_mtu(struct link *link, uint32_t min);
/* From now on bursts of seconds, in which everything is lost. */
void link_add_outages(struct link *link);
struct link_fate link_carry(struct link *link, uint32_t len, uint64_t now_us);

#endif
