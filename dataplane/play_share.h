/*
 * What each player may take of the players' pool: a reserve of its own, whoever else plays, and a
 * part of what is left, at least half of the pool, which is divided by dynamic thresholds
 * (Choudhury, Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998):
 * nobody gets more of the common part than is free of it. So many that read a trickle do not starve
 * one that reads well.
 *
 * A source keeps the account of the feeds that it serves; `common_used` is of all workers. Between
 * looking and taking another worker may take, too: by so much a bound may be passed, and the pool
 * says no in the end.
 *
 * What TCP still has of a player that ended, or plays something else now, is in nobody's account:
 * its connection lingers for two seconds at most, or goes on and has no more of it than of any
 * player. So nobody is given more of the common part than the pool has.
 */
#ifndef DP_PLAY_SHARE_H
#define DP_PLAY_SHARE_H

#include <stdatomic.h>
#include <stdint.h>

/* Where half of the pool has it: a keyframe, or a second of sound. */
#define PLAY_RESERVE_KIB 64u

struct play_feed;
struct play_mesh;

/* When the mesh has its pool: what is whose. */
void play_share_init(struct play_mesh *mesh);

/* mbufs that the feed's player holds: they wait, or TCP waits for their acknowledgement. */
uint32_t play_share_held(const struct play_feed *feed);

/* Brings the account up to what is held; returns what may be held now. */
uint32_t play_share_update(struct play_mesh *mesh, struct play_feed *feed);

/* The feed is over. */
void play_share_release(struct play_mesh *mesh, struct play_feed *feed);

#endif
