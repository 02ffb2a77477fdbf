/*
 * Producer of the media log (control/abi/log.h): writes the messages of one publication into
 * blocks of a pool, and gives back what the consumer released.
 *
 * One thread, the worker's. It knows nothing of packets: a reference is a word, and what is given
 * back goes to log_pool.put in batches. Nothing is allocated after log_pool_init().
 *
 * Invariants: reclaimed <= head; unless head is 0 the block of unit `head` is in the chain, so that
 * a reader at the end of a block finds the next one at once; the block before `reclaimed` stays in
 * the chain until the unit at `reclaimed` itself is given back, so that a reader which waits at a
 * block boundary can still follow block_next.
 */
#ifndef DP_LOG_WRITER_H
#define DP_LOG_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/pub.h"

struct log_pool {
	struct abi_log_block *blocks;
	_Atomic uint32_t *next; /* abi_pub.block_next */
	uint32_t *free;         /* [count], last in first out */
	uint32_t free_count;
	uint32_t count;
	uint32_t truesize; /* bytes that one segment pins */
	uint64_t pinned;   /* bytes that all logs of the pool hold */

	/* Takes back references that no reader of the log looks at any more. */
	void (*put)(void *app, const uint64_t *refs, uint32_t count);
	void *app;
};

struct log_writer {
	struct log_pool *pool;
	struct abi_stream *stream;
	uint64_t head;   /* published */
	uint64_t number; /* of the next message */
	uint64_t pinned; /* bytes of segments that the log holds */

	uint64_t cursor; /* where the message under way is written */
	uint32_t cursor_block;
	uint32_t filled;      /* slices in the unit at `cursor` */
	uint64_t written;     /* bytes of segments ever pinned */
	uint64_t given;       /* messages given back */
	uint64_t last_put;    /* segment of the last reference written */
	uint64_t last_given;  /* segment of the last reference given back */
	uint64_t reclaimed;   /* everything below was given back */
	uint32_t first_block; /* of unit `reclaimed`, or the one before it at a block boundary */
	uint32_t slices_left; /* of the message that `reclaimed` stands in */
};

/* 0 or -ENOMEM. The caller sets truesize, put and app. */
int log_pool_init(struct log_pool *pool, struct abi_log_block *blocks, _Atomic uint32_t *next,
		  uint32_t count) __attribute__((warn_unused_result));
void log_pool_fini(struct log_pool *pool);

/* A block of the pool, which must have one, for whatever is to be kept beside a log. */
uint32_t log_block_get(struct log_pool *pool);
void log_block_put(struct log_pool *pool, uint32_t block);

/* Starts a log. It takes its first block with its first message. */
void log_open(struct log_writer *w, struct log_pool *pool, struct abi_stream *stream);

/* Gives back the blocks of a log whose units are all reclaimed. */
void log_close(struct log_writer *w);

/*
 * One message: log_begin() with the number of its slices, log_put() until all of them are there,
 * log_commit(). A message that does not fit as a whole is refused by log_begin() with -ENOSPC and
 * leaves no trace. `entry->number` and ABI_LOG_ENTRY are filled in.
 */
int log_begin(struct log_writer *w, const struct abi_log_entry *entry)
	__attribute__((warn_unused_result));
void log_put(struct log_writer *w, const uint64_t *refs, uint32_t count);
void log_commit(struct log_writer *w);

/*
 * Gives back what lies below position `to` (reclaimed <= to <= head), at most `budget` units of
 * it. Returns how many units it was.
 */
uint32_t log_reclaim(struct log_writer *w, uint64_t to, uint32_t budget);

/* Gives back the rest of a message that was released in part: what is left begins with an entry. */
void log_align(struct log_writer *w);

/* Calls `see` for every reference that the log holds. For checks. */
void log_walk(const struct log_writer *w, void (*see)(void *app, uint64_t ref), void *app);

static inline bool log_drained(const struct log_writer *w)
{
	return w->reclaimed == w->head;
}

#endif
