/*
 * Where players are fed from: the worker that owns the publications (dataplane/play_mesh.h).
 *
 * A feed has a place of its own in the log and holds nothing back. It begins at the last keyframe,
 * with metadata and sequence headers before it. One that was overtaken by what control released, or
 * whose next message is older than the bound while there is a newer keyframe, goes on at that (a
 * skip, counted). One that does not catch up for a configured time is ended: its connection is not
 * for this stream.
 *
 * Nobody plays: one comparison in each loop, nothing for each message.
 */
#ifndef DP_PLAY_SOURCE_H
#define DP_PLAY_SOURCE_H

#include "dataplane/play_mesh.h"

struct dp_counters;
struct publish_table;

struct play_source {
	struct play_mesh *mesh;
	uint32_t self;
	struct publish_table *publish;
	struct dp_counters *counters;
	LIST_HEAD(, play_feed) feeds;
	uint32_t blocked; /* feeds that wait for memory or for their players */
};

void play_source_init(struct play_source *source, struct play_mesh *mesh, uint32_t self,
		      struct publish_table *publish, struct dp_counters *counters);
/* Ends every feed. */
void play_source_fini(struct play_source *source);

/* New players, and what is new for those that are there. True: there is more to do now. */
bool play_source_poll(struct play_source *source, uint64_t now_us);

/* Whether a worker that is about to sleep has something to look at. */
bool play_source_pending(const struct play_source *source);

#endif
