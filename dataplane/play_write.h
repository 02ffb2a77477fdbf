/*
 * Messages of a log as chunks for a player, copied (dataplane/play_source.h).
 */
#ifndef DP_PLAY_WRITE_H
#define DP_PLAY_WRITE_H

#include "dataplane/play_chain.h"
#include "dataplane/play_mesh.h"

#define PLAY_MBUF_BYTES 2000u /* that an mbuf takes, about */

struct publication;
struct publish_table;

/* Metadata and sequence headers that the player cannot get from the log at its place any more. */
void play_write_headers(const struct publish_table *table, const struct publication *p,
			struct play_feed *feed, uint32_t timestamp, struct play_chain *chain);

/* The message at the cursor, which is moved behind it. */
void play_write_message(const struct publish_table *table, const struct publication *p,
			struct play_feed *feed, struct log_cursor *cursor,
			struct play_chain *chain);
void play_pass_over(const struct publication *p, struct log_cursor *cursor);

#endif
