/*
 * What publish.c (life of a slot), publish_append.c (messages) and publish_reclaim.c (giving back)
 * share.
 */
#ifndef DP_PUBLISH_PRIVATE_H
#define DP_PUBLISH_PRIVATE_H

#include "dataplane/publish.h"

/* Tells control, or remembers that it has to be told. Events of one publication keep their order.
 */
void publish_tell(struct publish_table *table, struct publication *p, enum abi_event_type type,
		  uint64_t now_us);

/* Tries again to tell what the full ring refused. */
void publish_tell_owed(struct publish_table *table, struct publication *p, uint64_t now_us);

/* The slot's publication does not exist any more: from here on its log is given back. */
void publish_retire(struct publish_table *table, struct publication *p);

/* Without a control: position below which the log is dropped. */
uint64_t publish_unread_limit(struct publication *p);

/* The slot of a retired publication whose log is given back goes to the free list. */
void publish_free(struct publish_table *table, struct publication *p);

/* The slot has news in this loop. */
static inline void publish_announce(struct publish_table *table, struct publication *p)
{
	if (!p->announced) {
		p->announced = true;
		table->dirty[table->dirty_count++] = p->slot;
	}
}

#endif
