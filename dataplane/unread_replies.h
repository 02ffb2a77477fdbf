/*
 * Replies that a peer has not read: how many bytes of them TCP still holds.
 *
 * TCP says only how much it holds of all; for a player the most of that is media, which the
 * player's bounds are for. So bytes are numbered as they are given to TCP: replies below `mark` and
 * behind it are counted apart, and when all below it is acknowledged it moves to the end. What is
 * counted is never less than what there is, and includes at most what came while the queue was read
 * once. Pure.
 */
#ifndef DP_UNREAD_REPLIES_H
#define DP_UNREAD_REPLIES_H

#include <stdint.h>

struct unread_replies {
	uint64_t given; /* bytes, of all kinds */
	uint64_t mark;
	uint32_t below; /* bytes of replies */
	uint32_t behind;
};

static inline void unread_replies_init(struct unread_replies *u)
{
	*u = (struct unread_replies){.given = 0};
}

/* Other bytes were given to TCP. */
static inline void unread_replies_pass(struct unread_replies *u, uint32_t bytes)
{
	u->given += bytes;
}

/* A reply was given, and TCP holds `queued` bytes since. Returns how many of them are replies. */
uint32_t unread_replies_add(struct unread_replies *u, uint32_t bytes, uint32_t queued);

#endif
