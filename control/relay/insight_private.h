/*
 * What the files of the understanding share: insight.c (its memory, its tracks, what is shown) and
 * insight_scan.c (messages).
 */
#ifndef INSIGHT_PRIVATE_H
#define INSIGHT_PRIVATE_H

#include "context.h"
#include "insight.h"
#include "insight_track.h"

/* What the main thread reads: as many tracks as there were. */
struct insight_copy {
	struct insight_totals totals;
	uint32_t tracks_count;
	uint32_t tracks_room;
	struct insight_track tracks[];
};

struct insight {
	struct insight_totals totals;
	int64_t skew;           /* << SKEW_SHIFT */
	uint64_t next_parse_us; /* of metadata */
	uint64_t catch_up_us;   /* configurations went unread: when to read them; 0: none did */
	uint64_t shown_us;
	bool changed;
	struct insight_copy *copy; /* NULL: nothing was shown; guarded */
	uint32_t tracks_count;
	uint32_t tracks_room;
	struct insight_track *tracks; /* by medium, video first, and id */
};

/* NULL without memory. */
struct insight *insight_create(struct insight **insight, struct relay_context *context);

/* NULL, and counted, when there are too many. */
struct insight_track *insight_find_track(struct insight *insight, bool video, uint8_t id);

#endif
