/*
 * The dataplane as its own consumer: what is kept while no control is attached.
 *
 * Each publication keeps what admission promised it, and at least its current GOP; beyond that the
 * oldest whole GOPs go. When packets run short the oldest GOPs of the longest go first; when there
 * are none but current ones, the longest of those that are over their promise, and its video then
 * waits for the next keyframe.
 */
#include "dataplane/counters.h"
#include "dataplane/publish_private.h"

uint64_t publish_unread_limit(struct publication *p)
{
	if (p->drop_to > p->log.reclaimed) {
		return p->drop_to;
	}
	uint64_t next = publish_gops_next(&p->gops, p->log.reclaimed);
	if (next != PUBLISH_GOP_NONE && p->log.pinned > p->reservation.bytes) {
		return next;
	}
	return p->log.reclaimed;
}

static bool is_kept(const struct publication *p)
{
	return !p->closing && p->state != ABI_STREAM_PENDING;
}

/* Truesize that the publication could give, 0 for nothing. */
static uint64_t spare(struct publication *p, bool current)
{
	if (!is_kept(p)) {
		return 0;
	}
	if (current) {
		return p->log.pinned > p->reservation.bytes ? p->log.pinned : 0;
	}
	bool older = publish_gops_next(&p->gops, p->log.reclaimed) != PUBLISH_GOP_NONE;
	return older && p->drop_to <= p->log.reclaimed ? p->log.pinned : 0;
}

static uint64_t longest(struct publish_table *table, bool current)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < table->active_count; i++) {
		struct publication *p = publish_active(table, i);

		uint64_t bytes = spare(p, current);
		most = bytes > most ? bytes : most;
	}
	return most;
}

/* From every publication that could give at least half of what the longest could. */
static void shed(struct publish_table *table, uint64_t most, bool current)
{
	for (uint32_t i = 0; i < table->active_count; i++) {
		struct publication *p = publish_active(table, i);

		if (spare(p, current) < (most + 1) / 2) {
			continue;
		}
		p->drop_to = current ? p->log.head : p->gops.positions[0];
		p->want_key |= current;
		dp_count(table->counters, DP_COUNTER_gops_shed_unread, 1);
	}
}

void publish_shed_unread(struct publish_table *table)
{
	uint64_t most = longest(table, false);

	if (most > 0) {
		shed(table, most, false);
	} else if (table->pressure >= PUBLISH_PRESSURE_TIGHT) {
		/* Not only at LOW, which refuses messages: the next control would begin there, and
		 * has to read before it releases anything. */
		most = longest(table, true);
		if (most > 0) {
			shed(table, most, true);
		}
	}
}
