/*
 * One control after the other: what the one that is gone left, and what the next one finds.
 */
#include "abi/sub.h"
#include "dataplane/publish_private.h"

static bool has_consumer(const struct publication *p)
{
	return p->state != ABI_STREAM_PENDING && !p->closing;
}

/* Where origins go on. */
static void keep_positions(struct publish_table *table, const struct publication *p)
{
	struct abi_resume *from = &abi_sub_resume(table->sub, table->count)[p->slot];

	if (has_consumer(p)) {
		uint32_t refused = publish_resume_take(&table->resume[p->slot], from, p->generation,
						       p->log.head);
		dp_count(table->counters, DP_COUNTER_resume_refused, refused);
	}
}

static void leave(struct publish_table *table)
{
	for (uint32_t i = 0; i < table->active_count; i++) {
		struct publication *p = publish_active(table, i);

		keep_positions(table, p);
	}
	table->sub = NULL;
}

/* Control does not have it yet: from now on nothing is given back but what it releases. */
static void seed(const struct publish_table *table, struct abi_sub *sub,
		 const struct publication *p)
{
	if (!has_consumer(p)) {
		return;
	}
	publish_resume_give(&table->resume[p->slot], &abi_sub_resume(sub, table->count)[p->slot],
			    p->generation, p->log.reclaimed);
	atomic_store_explicit(&sub->tail[p->slot].position, p->log.reclaimed, memory_order_relaxed);
	atomic_store_explicit(&sub->tail[p->slot].generation, p->generation, memory_order_relaxed);
}

void publish_attach(struct publish_table *table, struct abi_sub *sub)
{
	if (table->sub) {
		leave(table);
	}
	table->sub = sub;
	table->attached_us = 0;
	table->hung = false;
	if (sub) {
		atomic_store_explicit(&sub->event_tail, table->notify.event_head,
				      memory_order_relaxed);
	}
	for (uint32_t i = 0; i < table->active_count; i++) {
		struct publication *p = publish_active(table, i);

		if (sub) {
			seed(table, sub, p);
		} else {
			/* The next control reads the stream table, and starts at whole messages. */
			p->owed = 0;
			p->drop_to = 0;
			log_align(&p->log);
		}
	}
}
