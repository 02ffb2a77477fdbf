/*
 * What is in flight, as records of transmissions: when each range of sequence numbers was last sent
 * and what became of it. The records of a connection stand in the order of their numbers and cover
 * [snd_una, snd_max) without gaps; bytes that were sent at the same instant and shared the same
 * fate share a record, so that a record is a burst, not a segment, until a loss splits it.
 *
 * Records come from a pool of the stack. When it is empty the newest record grows instead: what the
 * scoreboard knows gets coarser, never wrong.
 */
#ifndef TCPSTACK_SCOREBOARD_H
#define TCPSTACK_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DUP_THRESH        3 /* RFC 6675 section 2 */
#define TRANSMISSION_NONE UINT32_MAX

enum transmission_state {
	TRANSMISSION_IN_FLIGHT,
	TRANSMISSION_LOST, /* and not sent again yet */
	TRANSMISSION_SACKED,
};

struct transmission_link {
	uint32_t next;
	uint32_t prev;
};

enum transmission_order {
	ORDER_SEQUENCE, /* of all records of a connection */
	ORDER_STATE,    /* in flight: by time; lost: by sequence number */
};

struct tcp_transmission {
	uint32_t start;
	uint32_t end;     /* first number after it; a FIN counts */
	uint32_t sent_us; /* last time; modulo 2^32, which is 71 minutes */
	uint8_t state;    /* enum transmission_state */
	/* Sent more than once, or grown for want of records: tells no round-trip time (Karn). */
	bool ambiguous;
	uint16_t unused;
	struct transmission_link link[2];
};

_Static_assert(sizeof(struct tcp_transmission) == 32, "two transmissions in a cache line");

struct transmission_pool {
	struct tcp_transmission *record;
	uint32_t free; /* linked by sequence; TRANSMISSION_NONE: empty */
	uint32_t free_count;
};

struct transmission_list {
	uint32_t first;
	uint32_t last;
};

struct tcp_scoreboard {
	struct transmission_pool *pool;
	struct transmission_list all;
	struct transmission_list in_flight;
	struct transmission_list lost;
	uint32_t hint; /* where the last search ended */
	uint32_t records;
	uint32_t in_flight_bytes;
	uint32_t resent_bytes; /* of them: ambiguous */
	uint32_t lost_bytes;
	uint32_t sacked_bytes;
};

/* A record that has just been acknowledged for the first time. */
typedef void scoreboard_delivered(void *context, const struct tcp_transmission *record);

void transmission_pool_init(struct transmission_pool *pool, struct tcp_transmission *records,
			    uint32_t count);

void scoreboard_init(struct tcp_scoreboard *board, struct transmission_pool *pool);
/* Gives all records back. */
void scoreboard_clear(struct tcp_scoreboard *board);

/* New data, which begin where the last record ends. -ENOBUFS: no record, and none that could grow.
 */
int scoreboard_sent(struct tcp_scoreboard *board, uint32_t start, uint32_t end, uint32_t now_us)
	__attribute__((warn_unused_result));
/* [start, end) was sent again; it must be covered, and not SACKED. */
void scoreboard_resent(struct tcp_scoreboard *board, uint32_t start, uint32_t end, uint32_t now_us);
/* The peer reported [start, end), which must be covered; false: for want of records, or because it
 * has split so many, not all of it could be noted. */
bool scoreboard_sack(struct tcp_scoreboard *board, uint32_t start, uint32_t end,
		     scoreboard_delivered *delivered, void *context);
/* Everything below snd_una is acknowledged. */
void scoreboard_ack(struct tcp_scoreboard *board, uint32_t snd_una, scoreboard_delivered *delivered,
		    void *context);
void scoreboard_mark_lost(struct tcp_scoreboard *board, struct tcp_transmission *record);
/* All that is lost is in flight after all. */
void scoreboard_unmark_lost(struct tcp_scoreboard *board);
/* What was reported is lost: the peer reneged (RFC 2018 section 8). */
void scoreboard_renege(struct tcp_scoreboard *board);

static inline struct tcp_transmission *scoreboard_at(const struct tcp_scoreboard *board,
						     uint32_t index)
{
	return index == TRANSMISSION_NONE ? NULL : &board->pool->record[index];
}

/* Lowest and highest in sequence, first in flight by time, first lost; NULL: there is none. */
static inline struct tcp_transmission *scoreboard_first(const struct tcp_scoreboard *board)
{
	return scoreboard_at(board, board->all.first);
}

static inline struct tcp_transmission *scoreboard_last(const struct tcp_scoreboard *board)
{
	return scoreboard_at(board, board->all.last);
}

static inline struct tcp_transmission *scoreboard_oldest(const struct tcp_scoreboard *board)
{
	return scoreboard_at(board, board->in_flight.first);
}

static inline struct tcp_transmission *scoreboard_first_lost(const struct tcp_scoreboard *board)
{
	return scoreboard_at(board, board->lost.first);
}

/* The next one of the same state. */
static inline struct tcp_transmission *scoreboard_later(const struct tcp_scoreboard *board,
							const struct tcp_transmission *record)
{
	return scoreboard_at(board, record->link[ORDER_STATE].next);
}

#endif
