/*
 * A player's chains on their way to TCP: as fast as that gets rid of them.
 *
 * What TCP holds follows the connection: twice the congestion window, so that there is always
 * something to send when an acknowledgement opens it. Replies of the session never come between two
 * parts of a chain, nor pass each other.
 */
#ifndef DP_PLAYER_SEND_H
#define DP_PLAYER_SEND_H

#include <stdbool.h>
#include <stdint.h>

#define PLAYER_SEND_MIN \
	(256u << 10)               /* bytes that TCP may hold of a player, from the first on ... */
#define PLAYER_SEND_MAX (4u << 20) /* ... and at most */
#define PLAYER_LOOK_US  UINT64_C(1000)

struct player;
struct rte_mbuf;

/* Gives TCP what it takes of what there is. True: that was all. */
bool player_send(struct player *player, uint64_t now_us);

/*
 * Gives TCP the rest of what is half sent at once, and the replies behind it: the peer can read
 * what comes next. Room for it there is: TCP takes more than PLAYER_SEND_MAX. The session is doomed
 * when it is refused.
 */
void player_finish(struct player *player);

/* Frees all that was not given; replies, too. */
void player_drop(struct player *player);

#endif
