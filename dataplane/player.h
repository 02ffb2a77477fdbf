/*
 * Players of one worker: who asked to play on its connections, as `pub` shows them (abi/play.h),
 * and what they are fed (dataplane/play_mesh.h), given to TCP as fast as that takes it.
 *
 * player_open() ASKED -> player_start() PLAYING -> player_close(). The slot is used again when the
 * source has let go of its feed. One thread, the worker's.
 */
#ifndef DP_PLAYER_H
#define DP_PLAYER_H

#include <netinet/in.h>

#include "abi/play.h"
#include "dataplane/play_mesh.h"
#include "dataplane/player_unacked.h"

#define PLAYER_REPLIES_MAX 64u /* mbufs that wait while a chain is under way */

struct dp_counters;
struct publish_table;
struct rte_mbuf;
struct session;

struct player {
	LIST_ENTRY(player) entry; /* those in use, or those that are free */
	struct session *session;  /* NULL: closed, the feed is still the source's */
	struct play_feed *feed;
	uint64_t generation;
	uint64_t sent_bytes;
	uint64_t progress_us;   /* when TCP took something last, or nothing waited */
	uint64_t looked_us;     /* when we last asked how the connection gets on: then `room` ... */
	uint32_t room;          /* ... bytes were left that TCP may get, now less what it got */
	struct rte_mbuf *chain; /* what is left of the one under way to TCP */
	struct rte_mbuf *replies; /* to go behind it */
	uint32_t slot;
	uint32_t stream_id;
	uint32_t source; /* worker of the publication */
	enum abi_player_state state;
	bool cut;     /* a part of `chain` was given: nothing may come between */
	bool offered; /* the feed is a source's */
	struct player_unacked unacked;
};

LIST_HEAD(player_list, player);

struct player_table {
	struct play_mesh *mesh;
	uint32_t self;
	struct abi_player *slots; /* in `pub` */
	struct player *players;
	uint32_t count;
	uint32_t waiting; /* of the last poll: their connections are full */
	struct player_list used;
	struct player_list free;
	struct publish_table *publish; /* whose events and control are ours */
	struct dp_counters *counters;
};

/* 0 or -ENOMEM. */
int player_table_init(struct player_table *table, struct play_mesh *mesh, struct abi_pub *pub,
		      struct publish_table *publish, struct dp_counters *counters)
	__attribute__((warn_unused_result));
/* Without sessions; the source of each feed has ended it. */
void player_table_fini(struct player_table *table);

struct player_request {
	struct session *session;
	uint32_t connection;
	uint32_t stream_id; /* message stream */
	struct in6_addr address;
	const char *peer;
	const char *app;
	const char *name;
	uint64_t now_us;
};

/* A slot turns ASKED and control is asked. NULL: no slot, or no room for events. */
struct player *player_open(struct player_table *table, const struct player_request *request);

/* The one that a command names, or NULL when it is gone. */
struct player *player_find(struct player_table *table, uint32_t slot, uint64_t generation);

struct player_stream {
	uint32_t worker;
	uint32_t slot;
	uint64_t generation;
	const char *name; /* public */
};

/* Accepted. False: there is no such worker. */
bool player_start(struct player_table *table, struct player *player,
		  const struct player_stream *stream, uint64_t now_us)
	__attribute__((warn_unused_result));

/* enum rtmp_play_flags */
void player_set(struct player *player, uint32_t flags);

/* Its session is done with it. */
void player_close(struct player_table *table, struct player *player, uint64_t now_us);

/* Whether replies of the session must wait: not come between two parts of a chain, nor pass others.
 */
static inline bool player_defers(const struct player *player)
{
	return player->cut || player->replies;
}
/* Takes such replies. False: too many wait. */
bool player_defer(struct player *player, struct rte_mbuf *replies)
	__attribute__((warn_unused_result));

/* Gives TCP what it takes. Sessions whose play ended are told (session_play_done()). */
void player_poll(struct player_table *table, uint64_t now_us);

bool player_pending(const struct player_table *table);

#endif
