/*
 * Both ends of playing in one worker: players on its connections, and feeds from its logs.
 */
#ifndef DP_PLAY_H
#define DP_PLAY_H

#include "dataplane/play_source.h"
#include "dataplane/player.h"

#define PLAY_BLOCKED_US UINT64_C(5000) /* how often what waits wants to be looked at */

struct play {
	struct play_source source;
	struct player_table players;
};

/* 0 or -ENOMEM. */
int play_init(struct play *play, struct play_mesh *mesh, struct abi_pub *pub,
	      struct publish_table *publish, struct dp_counters *counters)
	__attribute__((warn_unused_result));
void play_fini(struct play *play);

/* Obeys a command of control that names a player (ABI_COMMAND_PLAY_...). */
struct abi_command;
void play_obey(struct play *play, const struct abi_command *command);

/* True: there is more to do now. */
bool play_poll(struct play *play, uint64_t now_us);

/* Whether a worker that is about to sleep has something to look at, and when it has, else. */
bool play_pending(const struct play *play);
static inline uint64_t play_next_us(const struct play *play, uint64_t now_us)
{
	return play->source.blocked > 0 || play->players.waiting > 0 ? now_us + PLAY_BLOCKED_US
								     : UINT64_MAX;
}

/* Bytes of truesize in use, of all workers. */
uint64_t play_bytes(const struct play *play);

#endif
