/*
 * Playing across workers: what the worker that owns a publication and the worker that owns a
 * player's connection share. They may be the same; nothing differs then.
 *
 * A feed is one player's supply. Its player takes it (play_table, dataplane/player.h), fills in the
 * fixed part and puts it into the mailbox of the publication's worker. That one (play_source,
 * dataplane/play_source.h) reads its log for it and puts chains of whole messages, copied into
 * mbufs of the players' own pool, into the ring. So no reference into packet memory ever leaves the
 * worker that counts it, a log is never held back, and what players pin has a pool's end. Whoever
 * of the two ends it says so (`stop`, `done`); after `done` the source does not touch it, and when
 * the ring is empty it is the player's to use again.
 *
 * All of it is made at start-up, and there is none where the configuration lets nobody play.
 */
#ifndef DP_PLAY_MESH_H
#define DP_PLAY_MESH_H

#include <sys/queue.h>

#include "config/config.h"
#include "dataplane/forward.h"
#include "dataplane/log_cursor.h"
#include "dataplane/play_ring.h"
#include "rtmp/server.h"

struct publication;

enum play_done {
	PLAY_DONE_NO = 0,
	PLAY_DONE_STOPPED,   /* as its player asked */
	PLAY_DONE_NOT_FOUND, /* the publication is not there any more */
	PLAY_DONE_ENDED,     /* it ended, and all of it is in the ring */
	PLAY_DONE_SLOW,      /* the player did not catch up: what is in the ring is not wanted */
};

struct play_feed {
	/* (fixed) while it is a source's */
	uint32_t worker; /* the player's */
	uint32_t stream_id;
	uint32_t slot; /* of the publication */
	uint64_t generation;

	/* the source's alone */
	LIST_ENTRY(play_feed) entry;
	struct log_cursor cursor;
	struct rtmp_chunk_writer writer;
	uint64_t number;       /* of the message that comes next in the publication */
	uint64_t covered;      /* headers that stand below this position were sent, or are void */
	uint64_t retry_us;     /* not before, for want of memory */
	uint64_t late_us;      /* since when it has not caught up; 0: it is not late */
	uint64_t seen_late_us; /* when it was last */
	uint64_t starved_us;   /* since when the pool has nothing for it; 0: it has */
	uint32_t common;       /* mbufs that it has of the common part (dataplane/play_share.h) */
	bool placed;           /* `cursor` is set */
	bool started;          /* `number` is set */
	bool want_key;         /* video begins with the next keyframe */
	bool repeat;           /* headers come before the next message */
	bool blocked;
	bool slow; /* it did not catch up in time */

	/* written by the source */
	alignas(128) _Atomic uint64_t put_mbufs;
	_Atomic uint64_t messages;
	_Atomic uint64_t skips;
	_Atomic uint64_t skipped_messages;
	_Atomic uint64_t lag_us;
	_Atomic uint32_t done; /* enum play_done */

	/* written by the player */
	alignas(128) _Atomic uint64_t
		returned_mbufs; /* TCP has had them acknowledged, or refused them */
	_Atomic uint32_t flags; /* enum rtmp_play_flags */
	_Atomic bool stop;

	struct play_ring ring; /* of chains */
};

struct play_mesh {
	uint32_t workers;
	uint32_t players; /* of each worker */
	uint32_t chunk_size;
	uint32_t player_mbufs;  /* of one player at most, beyond a first message */
	uint32_t reserve_mbufs; /* that each has for itself */
	uint32_t common_mbufs;  /* the rest of the pool */
	uint64_t lag_max_us;
	uint64_t behind_max_us; /* UINT64_MAX: who does not catch up stays */
	struct rte_mempool *pool;
	uint32_t truesize;
	struct play_feed *feeds;                       /* [workers][players] */
	struct play_ring *mailboxes;                   /* [from][to] */
	const struct dp_wake *wakes[CONFIG_CORES_MAX]; /* NULL: never sleeps */

	alignas(128) _Atomic uint32_t common_used; /* mbufs; written by all sources */
};

/* 0 or -errno. */
int play_mesh_create(struct play_mesh *mesh, const struct config_play *config, uint32_t chunk_size,
		     uint32_t workers) __attribute__((warn_unused_result));
/* After the ingest of every worker. */
void play_mesh_destroy(struct play_mesh *mesh);

static inline struct play_ring *play_mailbox(const struct play_mesh *mesh, uint32_t from,
					     uint32_t to)
{
	return &mesh->mailboxes[from * mesh->workers + to];
}

static inline struct play_feed *play_feed_at(const struct play_mesh *mesh, uint32_t worker,
					     uint32_t player)
{
	return &mesh->feeds[worker * mesh->players + player];
}

/* From worker `self`: there is something to look at for `worker`. */
void play_mesh_wake(const struct play_mesh *mesh, uint32_t self, uint32_t worker);

#endif
