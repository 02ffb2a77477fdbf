/*
 * mbufs of a player that TCP has and that are not acknowledged yet: how many come free as the
 * connection gets on.
 *
 * TCP says only how many bytes it holds. What is given to it is noted here as [begin, end) of the
 * player's bytes, with its mbufs, which come free in proportion. Pure; when the notes are full the
 * last one grows, and its mbufs come free a little early or late.
 */
#ifndef DP_PLAYER_UNACKED_H
#define DP_PLAYER_UNACKED_H

#include <stdbool.h>
#include <stdint.h>

#define PLAYER_UNACKED_NOTES 32u /* a power of two */

struct player_unacked {
	struct player_unacked_note {
		uint64_t begin;
		uint64_t end;
		uint32_t mbufs;
	} notes[PLAYER_UNACKED_NOTES];
	uint32_t head; /* of notes written, modulo 2^32 */
	uint32_t tail;
};

static inline void player_unacked_init(struct player_unacked *u)
{
	u->head = 0;
	u->tail = 0;
}

static inline bool player_unacked_any(const struct player_unacked *u)
{
	return u->head != u->tail;
}

/* Bytes from `begin` on, behind all before, are given to TCP. */
void player_unacked_add(struct player_unacked *u, uint64_t begin, uint32_t bytes, uint32_t mbufs);

/* All bytes below `position` are acknowledged: how many mbufs came free by that. */
uint32_t player_unacked_take(struct player_unacked *u, uint64_t position);

#endif
