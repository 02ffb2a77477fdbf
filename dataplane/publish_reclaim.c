/*
 * Giving back what logs hold: what control released, what nobody reads, what ended.
 */
#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/publish_private.h"

#define SWEEP_PUBLICATIONS 64u   /* looked at in one call */
#define SWEEP_UNITS        4096u /* given back in one call */

/* Whether control knows of this publication: it claims the tail even of an empty log. */
static bool is_claimed(const struct publish_table *table, const struct publication *p)
{
	/* Pairs with the release of the relay thread, which is done with the units below. */
	return atomic_load_explicit(&table->sub->tail[p->slot].generation, memory_order_acquire) ==
	       p->generation;
}

/* Position that control released, as far as it may be believed. */
static uint64_t released(struct publish_table *table, const struct publication *p)
{
	struct abi_tail *tail = &table->sub->tail[p->slot];

	if (!is_claimed(table, p)) {
		return p->log.reclaimed;
	}
	/* Pairs with the release of the relay thread, as above. */
	uint64_t position = atomic_load_explicit(&tail->position, memory_order_acquire);
	if (position == 0) {
		return p->log.reclaimed; /* nothing released yet */
	}
	if (position < p->log.reclaimed || position > p->log.head) {
		dp_count(table->counters, DP_COUNTER_sub_refused, 1);
		return p->log.reclaimed;
	}
	return position;
}

/* Without a reader: position below which a live log is dropped. */
static uint64_t unread(const struct publish_table *table, const struct publication *p)
{
	if (p->log.head - p->log.reclaimed <= PUBLISH_UNREAD_UNITS &&
	    table->pressure == PUBLISH_PRESSURE_NONE) {
		return p->log.reclaimed;
	}
	if (p->keyframe != UINT64_MAX && p->keyframe > p->log.reclaimed) {
		return p->keyframe;
	}
	return p->log.head;
}

static uint32_t reclaim(struct publish_table *table, struct publication *p, uint64_t to,
			uint32_t budget)
{
	uint32_t units = log_reclaim(&p->log, to, budget);
	dp_count(table->counters, DP_COUNTER_log_reclaimed_units, units);
	return units;
}

static uint32_t reclaim_unread(struct publish_table *table, struct publication *p, uint64_t to,
			       uint32_t budget)
{
	uint32_t units = reclaim(table, p, to, budget);
	dp_count(table->counters, DP_COUNTER_log_dropped_unread, units);
	return units;
}

/*
 * An ended publication goes when all of it was read, or nobody will. What control has claimed waits
 * for control, however long: a relay that was stopped in the middle of a send goes on with it, and
 * would send what other publishers have put there since.
 */
static bool is_over(const struct publish_table *table, const struct publication *p, uint64_t now_us)
{
	if (p->state != ABI_STREAM_ENDED) {
		return false;
	}
	if (!table->sub) {
		return true;
	}
	if (is_claimed(table, p)) {
		return log_drained(&p->log) && !p->owed;
	}
	return now_us - p->ended_us >= PUBLISH_LINGER_US;
}

/* Returns the units given back, at most `budget`. */
static uint32_t sweep_one(struct publish_table *table, struct publication *p, uint32_t budget,
			  uint64_t now_us)
{
	uint32_t units = 0;

	if (!p->closing && table->sub) {
		publish_tell_owed(table, p, now_us);
		units = reclaim(table, p, released(table, p), budget);
	} else if (p->state == ABI_STREAM_LIVE) {
		units = reclaim_unread(table, p, unread(table, p), budget);
	}
	if (!p->closing && is_over(table, p, now_us)) {
		publish_retire(table, p);
	}
	if (p->closing) {
		units += reclaim_unread(table, p, p->log.head, budget - units);
		if (log_drained(&p->log)) {
			publish_free(table, p);
		}
	}
	return units;
}

bool publish_sweep(struct publish_table *table, uint64_t now_us)
{
	uint32_t turns =
		table->active_count < SWEEP_PUBLICATIONS ? table->active_count : SWEEP_PUBLICATIONS;
	uint32_t budget = SWEEP_UNITS;

	for (uint32_t i = 0; i < turns && budget > 0; i++) {
		struct publication *p = TAILQ_FIRST(&table->active);
		/* To the end first: publish_free() may take it out. */
		TAILQ_REMOVE(&table->active, p, entry);
		TAILQ_INSERT_TAIL(&table->active, p, entry);
		budget -= sweep_one(table, p, budget, now_us);
	}
	return budget == 0;
}
