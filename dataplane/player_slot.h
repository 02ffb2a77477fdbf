/*
 * What `pub` shows of a player (abi/play.h): control reads it on another core.
 */
#ifndef DP_PLAYER_SLOT_H
#define DP_PLAYER_SLOT_H

struct player;
struct player_request;
struct player_stream;
struct player_table;

/* The slot turns ASKED, with a new generation. */
void player_slot_ask(const struct player_table *table, struct player *player,
		     const struct player_request *request);
void player_slot_play(const struct player_table *table, struct player *player,
		      const struct player_stream *stream);
/* What is counted. */
void player_slot_show(const struct player_table *table, const struct player *player);
/* FREE; what was asked for, which holds the key, is gone. */
void player_slot_free(const struct player_table *table, struct player *player);

#endif
