/*
 * Messages under way: what the pieces of the chunk reader add up to, by reference.
 *
 * Each connection has one struct message_set, with room for one message per slot of the chunk
 * reader's table; a message comes from the pool with its first piece. A message is a list of
 *references (abi/ref.h), each holding one reference count of the mbuf its bytes lie in, in blocks
 *of a pool of the worker that is allocated at start-up.
 *
 * Gap closing. At small chunks the pieces of a message lie in one mbuf with only a chunk header
 * between them. message_add() moves such a piece left over that header, so that one reference
 * covers both, when all of this holds:
 *	- it is in the same mbuf as the piece before it of the same message;
 *	- that piece is the last one which was read on the connection, so that nothing but a chunk
 *	  header (at most RTMP_CHUNK_HEADER_MAX bytes) lies between them;
 *	- the mbuf was nobody else's when it came (its other holders are references of ours).
 * The bytes written are those of a message that is not published yet: published bytes never move.
 *
 * Collapse. A segment that carries less than an eighth of what it pins is not kept: its pieces are
 * copied, one after the other, into an mbuf of the connection, so that a peer that sends single
 * bytes pins no more than others do. The same holds for pieces that have no mbuf.
 *
 * Accounting: message_pool.pinned is exact: mbufs that messages under way, logs and collapsing
 *hold, each counted once. It counts up when the session lets go of a segment that somebody still
 *holds (message_segment_done()), and down when the last reference goes.
 */
#ifndef DP_MESSAGE_H
#define DP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "rtmp/chunk_reader.h"

#define MESSAGE_BLOCK_REFS 30u
#define MESSAGE_JOIN_MAX   512u /* bytes: a longer piece stays where it is, as a slice of its own */

struct dp_counters;
struct dp_packets_table;
struct rte_mbuf;
struct rte_mempool;

struct message_block {
	struct message_block *next;
	uint64_t count;
	uint64_t refs[MESSAGE_BLOCK_REFS];
};

struct message {
	struct message_block *first;
	struct message_block *last;
	struct rte_mbuf *mbuf; /* that the last slice lies in */
	uint8_t *end;          /* one past the last byte of the last slice; NULL: it cannot grow */
	uint32_t bytes;
	uint32_t slices;
	uint32_t held; /* truesize of the segments, one after the other */
	bool refused;  /* its bytes are not kept */
	uint8_t start_len;
	uint8_t start[RTMP_CLASSIFY_BYTES]; /* first bytes, for rtmp_classify() */
	struct message *next_free;
};

struct message_pool {
	struct message *messages; /* [count]: a message that has bytes has a block, too */
	struct message *free_message;
	struct message refused; /* in the place of each message that is not kept; never changes */
	struct message_block *blocks;
	struct message_block *free;
	uint32_t count;
	uint32_t free_count;
	uint32_t truesize;
	uint32_t collapse_max; /* bytes: a segment that carries less is collapsed */
	uint64_t pinned;       /* mbufs that messages under way and logs hold */
	uint64_t held;         /* truesize of messages under way, of all sets */
	bool pressure;         /* packets run short: no message is begun or goes on */
	const struct dp_packets_table *packets;
	struct rte_mempool *copies; /* of the table: for pieces that have no mbuf */
	struct dp_counters *counters;
};

struct message_set {
	struct message_pool *pool;
	struct rte_mbuf *collapse; /* where small segments are copied to; NULL: none yet */
	uint8_t *edge;             /* one past the last piece read on the connection */
	uint32_t bytes;            /* of all messages under way */
	uint32_t bytes_max;
	uint32_t held; /* truesize of all messages under way */
	uint32_t held_max;
	struct message *messages[RTMP_CHUNK_STREAMS]; /* NULL: none under way */
};

/* 0 or -ENOMEM. */
int message_pool_init(struct message_pool *pool, uint32_t blocks, int numa_node,
		      const struct dp_packets_table *packets, uint32_t worker,
		      struct dp_counters *counters) __attribute__((warn_unused_result));
void message_pool_fini(struct message_pool *pool);

/*
 * All messages under way of the connection may be `bytes_max` long, and pin `held_max` bytes of
 * packet memory: small segments pin much more than they carry.
 */
void message_set_init(struct message_set *set, struct message_pool *pool, uint32_t bytes_max,
		      uint32_t held_max);

/* Gives back all messages under way. */
void message_set_clear(struct message_set *set);

/* The session is done with a segment: drops the reference it came with. */
void message_segment_done(struct message_pool *pool, struct rte_mbuf *mbuf);

/* Something else than a media piece was read: what comes next does not touch the piece before. */
static inline void message_set_break(struct message_set *set)
{
	set->edge = NULL;
}

/*
 * Adds a piece that lies in `mbuf`, taking a reference count of its own; `exclusive` says that
 * nobody but references of ours held the mbuf when it came. A message that cannot be kept (no
 * block, over a limit) is marked refused, gives back what it had, and takes no more pieces.
 */
void message_add(struct message_set *set, const struct rtmp_piece *piece, struct rte_mbuf *mbuf,
		 bool exclusive);

/*
 * After message_add(): whether that piece was kept where it lies in `mbuf`, so that what continues
 * its message may join it there (message_extend()).
 */
bool message_is_open(const struct message_set *set, uint32_t slot, const struct rte_mbuf *mbuf,
		     bool exclusive);

/* Closes the gaps of a run that follows on the piece before, of an open message. */
void message_extend(struct message_set *set, uint32_t slot, const struct rtmp_run *run);

/* Gives back one message, its references and blocks. */
void message_drop(struct message_set *set, uint32_t slot);

/* Gives it back but for its references: they live on in a log. */
void message_take(struct message_set *set, uint32_t slot);

/* Copies the payload, at most `max` bytes; returns how many. */
uint32_t message_copy(const struct message_pool *pool, const struct message *message, uint8_t *to,
		      uint32_t max);

/* Drops the reference counts of `refs`, the mbufs freed in bulk. */
void message_put_refs(struct message_pool *pool, const uint64_t *refs, uint32_t count);

#endif
