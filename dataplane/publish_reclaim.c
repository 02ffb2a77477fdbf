/*
 * Giving back what logs hold: what control released, what nobody reads, what ended.
 */
#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/publish_private.h"

#define SWEEP_LEAST   4u    /* publications looked at in one call */
#define SWEEP_MORE    64u   /* when packets run short, or loops are rare */
#define SWEEP_RARE_US 100u  /* between two calls: the worker sleeps */
#define SWEEP_UNITS   4096u /* given back in one call */

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
	struct abi_stream *s = &table->streams[p->slot];
	uint64_t before = p->log.given;
	uint32_t units = reclaim(table, p, to, budget);
	uint64_t messages = p->log.given - before;

	dp_count(table->counters, DP_COUNTER_log_dropped_unread, units);
	dp_count(table->counters, DP_COUNTER_messages_dropped_unread, messages);
	if (!p->closing && messages > 0) {
		uint64_t dropped =
			atomic_load_explicit(&s->dropped_unread_messages, memory_order_relaxed);
		atomic_store_explicit(&s->dropped_unread_messages, dropped + messages,
				      memory_order_relaxed);
	}
	return units;
}

/* Too late for the control that is attached. */
static void check_release(struct publish_table *table, const struct publication *p, uint64_t now_us)
{
	uint64_t since_us = p->ended_us > table->attached_us ? p->ended_us : table->attached_us;

	if (!table->hung && now_us - since_us >= PUBLISH_LINGER_US) {
		table->hung = true;
		dp_count(table->counters, DP_COUNTER_control_hung, 1);
	}
}

/* An ended publication goes when all of it was released, or nobody came to read it. */
static bool is_over(struct publish_table *table, const struct publication *p, uint64_t now_us)
{
	if (p->state != ABI_STREAM_ENDED) {
		return false;
	}
	if (!p->lived) {
		return !p->owed;
	}
	if (!table->sub) {
		return log_drained(&p->log) || now_us - p->ended_us >= PUBLISH_LINGER_US;
	}
	if (log_drained(&p->log) && is_claimed(table, p) && !p->owed) {
		return true;
	}
	check_release(table, p, now_us);
	return false;
}

/* Returns the units given back, at most `budget`. */
static uint32_t sweep_one(struct publish_table *table, struct publication *p, uint32_t budget,
			  uint64_t now_us)
{
	uint32_t units = 0;

	if (!p->closing && table->sub) {
		publish_tell_owed(table, p, now_us);
		units = reclaim(table, p, released(table, p), budget);
	} else if (!p->closing && p->state != ABI_STREAM_PENDING) {
		units = reclaim_unread(table, p, publish_unread_limit(p), budget);
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

/*
 * As many as got something in this loop, twice: what is taken comes back as fast, and a loop with
 * little to do does not look at thousands of publications for it. A worker that sleeps a
 * millisecond in each loop would take seconds for as many.
 */
static uint32_t turns(struct publish_table *table, uint64_t now_us)
{
	bool rare = now_us - table->swept_us >= SWEEP_RARE_US;
	uint32_t most = SWEEP_LEAST + 2 * table->dirty_count;

	table->swept_us = now_us;
	if ((rare || table->pressure != PUBLISH_PRESSURE_NONE) && most < SWEEP_MORE) {
		most = SWEEP_MORE;
	}
	return most < table->active_count ? most : table->active_count;
}

static void prefetch_next(const struct publish_table *table)
{
	uint32_t next = table->sweep_next + 1;

	if (next < table->active_count) {
		const struct publication *p = publish_active(table, next);

		__builtin_prefetch(p);
		__builtin_prefetch(&p->generation);
		if (table->sub) {
			__builtin_prefetch(&table->sub->tail[p->slot]);
		}
	}
}

bool publish_sweep(struct publish_table *table, uint64_t now_us)
{
	uint32_t budget = SWEEP_UNITS;

	if (table->sub && table->attached_us == 0) {
		table->attached_us = now_us;
	}
	for (uint32_t left = turns(table, now_us); left > 0 && budget > 0; left--) {
		if (table->sweep_next >= table->active_count) {
			table->sweep_next = 0;
		}
		prefetch_next(table);
		struct publication *p = publish_active(table, table->sweep_next);
		budget -= sweep_one(table, p, budget, now_us);
		/* publish_free() put another one here, or nothing. */
		table->sweep_next += p->place == table->sweep_next;
	}
	return budget == 0;
}
