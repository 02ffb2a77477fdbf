/*
 * Who may play: decisions on the players that workers show (abi/play.h).
 *
 * As with streams an event only says which slot to look at. Whoever is not allowed by `apps[].play`
 * is refused before it is told whether there is such a stream.
 */
#ifndef PLAYERS_H
#define PLAYERS_H

#include "control.h"

/* Brings what we know of a slot in line with what it says now. Any number of a slot will do. */
void players_update(struct control *control, uint32_t worker, uint32_t slot);

/* Looks at every slot of the worker. */
void players_sync(struct control *control, uint32_t worker);

/* The app of a player for eyes: one that there is not may be a key with a path before it. */
void players_print_app(const struct control *control, const struct abi_player *slot,
		       char app[ABI_APP_MAX]);

/* Ends the player on this connection of the worker: 0, -ENOENT, or -EAGAIN: the ring is full. */
int players_kick(struct control *control, uint32_t worker, uint32_t connection)
	__attribute__((warn_unused_result));

/* Another drain, or none: who was asked may be asked again. */
void players_forget_drain(struct control *control);

/*
 * Drains: asks players to connect anew, as those are told that can, or ends them when `over`; at
 * most `budget` of them. Returns how many it was.
 */
uint32_t players_drain(struct control *control, bool over, uint32_t budget);

/* Those that play, and of them those that are asked: as their worker knows which of them can. */
struct players_left {
	uint32_t players;
	uint32_t asked;
};
struct players_left players_left(const struct control *control);

#endif
