/*
 * Aggregate messages (RTMP 1.0 section 7.1.6): taken apart while they come, without touching the
 * payload. A filter over the pieces of the chunk reader: pieces of an aggregate in, pieces of the
 * messages within it out, with the header that they would have had outside.
 *
 * Each message within stands behind an FLV tag header of 11 bytes and is followed by a back pointer
 * of 4. Timestamps within are shifted so that the first one is that of the aggregate; the message
 * stream is the aggregate's, whatever the headers within say. Other messages than audio, video and
 * data are stepped over, aggregates within aggregates among them. Back pointers are compared and
 * not used; the last one may be missing. What does not fit the aggregate is an error.
 *
 * The state is small and needed only while an aggregate is under way: it comes from a pool of the
 * caller's and goes back. One thread.
 */
#ifndef RTMP_AGGREGATE_H
#define RTMP_AGGREGATE_H

#include "rtmp/chunk_reader.h"

#define RTMP_AGGREGATE_HEADER 11u

enum rtmp_aggregate_step {
	RTMP_AGGREGATE_MORE = 0, /* the piece that was fed is used up */
	RTMP_AGGREGATE_PIECE,    /* a piece of a message within */
	RTMP_AGGREGATE_SKIPPED,  /* a message within is stepped over */
	RTMP_AGGREGATE_MISMATCH, /* a back pointer is not what it should be */
};

struct rtmp_aggregate {
	struct rtmp_aggregate *next;           /* of the same owner: the pool, or a connection */
	struct rtmp_message msg;               /* the message within that is under way */
	struct rtmp_piece rest;                /* what is left of the piece that was fed */
	uint32_t left;                         /* bytes of the aggregate not read yet */
	uint32_t body_left;                    /* of them, bytes of the message within */
	uint32_t time;                         /* ms, of the aggregate */
	uint32_t shift;                        /* ms, added to the timestamps within */
	uint32_t slot;                         /* of the chunk reader */
	uint8_t header[RTMP_AGGREGATE_HEADER]; /* tag header or back pointer, so far */
	uint8_t have;
	uint8_t state;
	bool shifted; /* `shift` is known */
	bool skips;   /* the message within is stepped over */
};

struct rtmp_aggregate_pool {
	struct rtmp_aggregate *free;
};

/* All `count` of them are free. */
void rtmp_aggregate_pool_init(struct rtmp_aggregate_pool *pool, struct rtmp_aggregate *all,
			      uint32_t count);

/* With the first piece of an aggregate, which is fed afterwards. */
void rtmp_aggregate_begin(struct rtmp_aggregate *a, const struct rtmp_piece *piece);

/* The next piece; the one before must be used up. */
void rtmp_aggregate_feed(struct rtmp_aggregate *a, const struct rtmp_piece *piece);

/*
 * Goes on in the piece that was fed: an enum rtmp_aggregate_step, or RTMP_ERR(AGGREGATE). `out` is
 * set for RTMP_AGGREGATE_PIECE; its `msg` is valid until the next call.
 */
int rtmp_aggregate_next(struct rtmp_aggregate *a, struct rtmp_piece *out)
	__attribute__((warn_unused_result));

#endif
