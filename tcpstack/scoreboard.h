/*
 * What the peer reported by SACK (RFC 2018) of the data we have in flight: sorted, disjoint ranges
 * above snd_una. Loss is inferred as in RFC 6675: a byte is lost when three segments or three
 * ranges above it have arrived.
 */
#ifndef TCPSTACK_SCOREBOARD_H
#define TCPSTACK_SCOREBOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define SCOREBOARD_RANGES_MAX 32
#define DUP_THRESH            3 /* RFC 6675 section 2 */

struct tcp_scoreboard {
	struct tcp_sack_block range[SCOREBOARD_RANGES_MAX];
	uint32_t count;
	uint32_t bytes;    /* sum of all ranges */
	uint32_t high_rxt; /* everything below was retransmitted or is not known to be lost */
};

/* True when the block told something new. A full scoreboard forgets the block: it is a hint. */
bool scoreboard_add(struct tcp_scoreboard *board, uint32_t start, uint32_t end);
/* The cumulative acknowledgement moved. */
void scoreboard_ack(struct tcp_scoreboard *board, uint32_t snd_una);
void scoreboard_clear(struct tcp_scoreboard *board);

/* Is the byte at snd_una lost (RFC 6675 IsLost)? */
bool scoreboard_first_lost(const struct tcp_scoreboard *board, uint32_t mss);

/* Bytes of [snd_una, snd_nxt) that are neither reported, nor lost and not yet sent again. */
uint32_t scoreboard_pipe(const struct tcp_scoreboard *board, uint32_t snd_una, uint32_t snd_nxt,
			 uint32_t mss);

/* The first lost hole at or above high_rxt (RFC 6675 NextSeg rule 1); false: none. */
bool scoreboard_next_hole(const struct tcp_scoreboard *board, uint32_t snd_una, uint32_t mss,
			  struct tcp_sack_block *hole);

/* First byte at or above `seq` that was not reported. */
uint32_t scoreboard_skip(const struct tcp_scoreboard *board, uint32_t seq);
/* Start of the first range above `seq`, or `limit` when that comes first. */
uint32_t scoreboard_limit(const struct tcp_scoreboard *board, uint32_t seq, uint32_t limit);

#endif
