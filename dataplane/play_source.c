#include "dataplane/play_source.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "dataplane/counters.h"
#include "dataplane/play_share.h"
#include "dataplane/play_write.h"
#include "dataplane/publish.h"

#define MESSAGES_PER_POLL 64u /* of one feed */
#define RETRY_US          5000u
#define CAUGHT_UP_SHARE   4u /* of the time in which it has to: not late for so long, it has */

void play_source_init(struct play_source *source, struct play_mesh *mesh, uint32_t self,
		      struct publish_table *publish, struct dp_counters *counters)
{
	*source = (struct play_source){
		.mesh = mesh, .self = self, .publish = publish, .counters = counters};
	LIST_INIT(&source->feeds);
}

/* One writer: no need for a locked addition. */
static void add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, value + n, memory_order_relaxed);
}

/* The last that the source does to a feed. */
static void finish(struct play_source *source, struct play_feed *feed, enum play_done why)
{
	uint32_t worker = feed->worker;

	LIST_REMOVE(feed, entry);
	play_share_release(source->mesh, feed);
	/* Pairs with the acquire of the player: the ring holds all that it will. */
	atomic_store_explicit(&feed->done, why, memory_order_release);
	play_mesh_wake(source->mesh, source->self, worker);
}

static bool has_keyframe(const struct publication *p, uint64_t from)
{
	return p->keyframe != UINT64_MAX && p->keyframe >= p->log.reclaimed && p->keyframe >= from;
}

/* To the last keyframe, or, when it is gone, to what comes next. */
static void go_to_keyframe(struct play_feed *feed, const struct publication *p)
{
	bool keyframe = has_keyframe(p, feed->placed ? feed->cursor.position : 0);

	log_cursor_seek(&feed->cursor, &p->log, keyframe ? p->keyframe : p->log.head);
	feed->want_key = !keyframe;
	feed->repeat = true;
	feed->placed = true;
}

/* The time without memory, which is now over, is as if it had not been. */
static void note_fed(struct play_feed *feed, uint64_t now_us)
{
	if (feed->starved_us != 0) {
		uint64_t starved_us = now_us - feed->starved_us;
		uint64_t seen_us = feed->seen_late_us + starved_us;

		feed->late_us += feed->late_us != 0 ? starved_us : 0;
		feed->seen_late_us = seen_us < now_us ? seen_us : now_us;
		feed->starved_us = 0;
	}
}

/* The pool is empty, which the player cannot help, unless it has something to take. */
static void note_starved(struct play_feed *feed, uint64_t now_us)
{
	if (play_ring_count(&feed->ring) > 0) {
		note_fed(feed, now_us);
	} else if (feed->starved_us == 0) {
		feed->starved_us = now_us;
	}
}

/* It cannot take the stream at its rate, now and perhaps since long. */
static void note_late(const struct play_source *source, struct play_feed *feed, uint64_t now_us)
{
	if (feed->starved_us != 0) {
		return;
	}
	feed->late_us = feed->late_us == 0 ? now_us : feed->late_us;
	feed->seen_late_us = now_us;
	feed->slow = now_us - feed->late_us > source->mesh->behind_max_us;
}

static void skip(struct play_source *source, struct play_feed *feed, const struct publication *p,
		 uint64_t now_us)
{
	go_to_keyframe(feed, p);
	note_late(source, feed, now_us);
	add(&feed->skips, 1);
	dp_count(source->counters, DP_COUNTER_play_skips, 1);
}

static const struct abi_log_entry *next_entry(const struct play_feed *feed,
					      const struct publication *p)
{
	return &log_cursor_peek(&feed->cursor, &p->log)->entry;
}

static bool is_late(const struct play_source *source, const struct play_feed *feed,
		    const struct publication *p, uint64_t now_us)
{
	return !log_cursor_at_end(&feed->cursor, &p->log) &&
	       has_keyframe(p, feed->cursor.position + 1) &&
	       now_us - next_entry(feed, p)->arrived_us > source->mesh->lag_max_us;
}

/* Whether the message is for this player now. Who misses video still has not caught up. */
static bool wants(struct play_feed *feed, const struct abi_log_entry *entry, uint32_t flags,
		  uint64_t now_us)
{
	const uint8_t header = ABI_LOG_SEQUENCE_HEADER | ABI_LOG_METADATA;

	if (entry->type == RTMP_TYPE_AUDIO) {
		return !(flags & RTMP_PLAY_NO_AUDIO) || entry->flags & header;
	}
	if (entry->type != RTMP_TYPE_VIDEO || entry->flags & header) {
		return true;
	}
	if (flags & RTMP_PLAY_NO_VIDEO) {
		feed->want_key = true;
		return false;
	}
	feed->want_key &= !(entry->flags & ABI_LOG_KEYFRAME);
	feed->seen_late_us = feed->want_key ? now_us : feed->seen_late_us;
	return !feed->want_key;
}

/* mbufs, about: what headers add is little. */
static uint32_t needs(const struct abi_log_entry *entry)
{
	return entry->length / PLAY_MBUF_BYTES + 1;
}

/* Room in what the player may hold: a message of any length gets in when it holds nothing. */
static bool has_room(struct play_source *source, struct play_feed *feed, uint32_t chain_mbufs,
		     uint32_t needed)
{
	uint32_t most = play_share_update(source->mesh, feed);
	uint32_t held = play_share_held(feed) + chain_mbufs;

	/* What headers add before it is far less than what is left of nb_segs. */
	return held == 0 || (held + needed <= most && chain_mbufs + needed <= UINT16_MAX / 2);
}

/* A message that the pool could not hold if it were empty is never sent. */
static bool is_too_long(const struct play_source *source, const struct abi_log_entry *entry)
{
	return needs(entry) + 1 > source->mesh->pool->size;
}

static void count_message(struct play_source *source, struct play_feed *feed,
			  const struct abi_log_entry *entry)
{
	if (entry->number > feed->number && feed->started) {
		add(&feed->skipped_messages, entry->number - feed->number);
		dp_count(source->counters, DP_COUNTER_play_skipped_messages,
			 entry->number - feed->number);
	}
	feed->number = entry->number + 1;
	feed->started = true;
}

/* The pool is empty: to be tried again in a while. */
static void wait_for_memory(struct play_source *source, struct play_feed *feed, uint64_t now_us)
{
	dp_count(source->counters, DP_COUNTER_play_no_memory, 1);
	note_starved(feed, now_us);
	feed->retry_us = now_us + RETRY_US;
}

/* Whether the message is to be written; one that never can be is left out. */
static bool takes(struct play_source *source, struct play_feed *feed,
		  const struct abi_log_entry *entry, uint64_t now_us)
{
	uint32_t flags = atomic_load_explicit(&feed->flags, memory_order_relaxed);

	if (!wants(feed, entry, flags, now_us)) {
		return false;
	}
	if (is_too_long(source, entry)) {
		dp_count(source->counters, DP_COUNTER_play_no_memory, 1);
		feed->want_key |= entry->type == RTMP_TYPE_VIDEO;
		return false;
	}
	return true;
}

/* Headers where they are due, and the message, or what comes behind it. False: no memory. */
static bool put(const struct play_source *source, struct play_feed *feed,
		const struct publication *p, struct play_chain *chain, struct log_cursor *cursor,
		bool wanted)
{
	const struct abi_log_entry *entry = next_entry(feed, p);
	const struct rtmp_chunk_writer writer = feed->writer;
	const struct play_mark mark = play_chain_mark(chain);

	/* So that nothing is copied in vain; another worker may be faster all the same. */
	if (wanted && rte_mempool_avail_count(chain->pool) < needs(entry)) {
		return false;
	}
	if (feed->repeat) {
		play_write_headers(source->publish, p, feed, entry->timestamp, chain);
	}
	if (wanted) {
		play_write_message(source->publish, p, feed, cursor, chain);
	} else {
		play_pass_over(p, cursor);
	}
	if (chain->lacking) {
		play_chain_cut(chain, &mark);
		feed->writer = writer;
		return false;
	}
	return true;
}

/* Writes the next message, behind headers where they are due. False: it has to wait. */
static bool write_next(struct play_source *source, struct play_feed *feed,
		       const struct publication *p, struct play_chain *chain, uint64_t now_us)
{
	const struct abi_log_entry *entry = next_entry(feed, p);
	struct log_cursor cursor = feed->cursor;

	if (!has_room(source, feed, chain->mbufs, needs(entry))) {
		note_fed(feed, now_us); /* it waits for its player */
		return false;
	}
	bool wanted = takes(source, feed, entry, now_us);
	if (!put(source, feed, p, chain, &cursor, wanted)) {
		wait_for_memory(source, feed, now_us);
		return false;
	}
	if (wanted) {
		note_fed(feed, now_us);
	}
	feed->repeat = false;
	count_message(source, feed, entry);
	add(&feed->messages, wanted);
	dp_count(source->counters, DP_COUNTER_play_messages, wanted);
	feed->cursor = cursor;
	feed->covered = cursor.position;
	return true;
}

static void send_chain(struct play_source *source, struct play_feed *feed,
		       const struct play_chain *chain)
{
	if (chain->head != NULL) {
		add(&feed->put_mbufs, chain->mbufs);
		(void)play_ring_put(&feed->ring, chain->head); /* there was room */
		play_mesh_wake(source->mesh, source->self, feed->worker);
	}
}

static void note_lag(const struct play_source *source, struct play_feed *feed,
		     const struct publication *p, uint64_t now_us)
{
	bool at_end = log_cursor_at_end(&feed->cursor, &p->log);
	uint64_t lag_us = at_end ? 0 : now_us - next_entry(feed, p)->arrived_us;

	atomic_store_explicit(&feed->lag_us, lag_us, memory_order_relaxed);
	if (lag_us > source->mesh->lag_max_us) {
		note_late(source, feed, now_us);
	} else if (feed->starved_us != 0) {
		return;
	} else if (feed->want_key && feed->blocked) {
		/* It skipped, and does not even get to what may be left out before a keyframe. */
		feed->seen_late_us = now_us;
	} else if (now_us - feed->seen_late_us > source->mesh->behind_max_us / CAUGHT_UP_SHARE) {
		feed->late_us = 0;
	}
}

/* True: it was not all. */
static bool fill(struct play_source *source, struct play_feed *feed, const struct publication *p,
		 uint64_t now_us)
{
	struct play_chain chain;
	uint32_t left = MESSAGES_PER_POLL;

	feed->blocked = play_ring_count(&feed->ring) == PLAY_RING || now_us < feed->retry_us;
	play_chain_init(&chain, source->mesh->pool);
	while (!feed->blocked && left > 0 && !log_cursor_at_end(&feed->cursor, &p->log)) {
		feed->blocked = !write_next(source, feed, p, &chain, now_us);
		left--;
	}
	send_chain(source, feed, &chain);
	note_lag(source, feed, p, now_us);
	return left == 0;
}

/* To where it begins, or to where it goes on after it fell behind. */
static void place(struct play_source *source, struct play_feed *feed, const struct publication *p,
		  uint64_t now_us)
{
	if (!feed->placed) {
		go_to_keyframe(feed, p);
	} else if (log_cursor_is_lost(&feed->cursor, &p->log) || is_late(source, feed, p, now_us)) {
		skip(source, feed, p, now_us);
	}
}

static bool serve(struct play_source *source, struct play_feed *feed, uint64_t now_us)
{
	struct publication *p = publish_find(source->publish, feed->slot, feed->generation);
	bool paused = atomic_load_explicit(&feed->flags, memory_order_relaxed) & RTMP_PLAY_PAUSED;
	bool more = false;

	feed->blocked = false;
	if (atomic_load_explicit(&feed->stop, memory_order_relaxed)) {
		finish(source, feed, PLAY_DONE_STOPPED);
		return false;
	}
	if (p == NULL || p->closing || p->state == ABI_STREAM_PENDING) {
		finish(source, feed, feed->placed ? PLAY_DONE_ENDED : PLAY_DONE_NOT_FOUND);
		return false;
	}
	if (paused) {
		feed->late_us = 0;
		feed->starved_us = 0;
	} else {
		place(source, feed, p, now_us);
		more = fill(source, feed, p, now_us);
	}
	source->blocked += feed->blocked;
	if (feed->slow) {
		finish(source, feed, PLAY_DONE_SLOW);
		return false;
	}
	if (p->state == ABI_STREAM_ENDED && (paused || log_cursor_at_end(&feed->cursor, &p->log))) {
		finish(source, feed, PLAY_DONE_ENDED);
	}
	return more;
}

static void take(struct play_source *source, struct play_feed *feed)
{
	rtmp_chunk_writer_init(&feed->writer, source->mesh->chunk_size);
	feed->number = 0;
	feed->covered = 0;
	feed->retry_us = 0;
	feed->late_us = 0;
	feed->seen_late_us = 0;
	feed->starved_us = 0;
	feed->slow = false;
	feed->common = 0;
	feed->placed = false;
	feed->started = false;
	feed->want_key = false;
	feed->repeat = false;
	LIST_INSERT_HEAD(&source->feeds, feed, entry);
}

static void take_all(struct play_source *source)
{
	for (uint32_t from = 0; from < source->mesh->workers; from++) {
		struct play_ring *mailbox = play_mailbox(source->mesh, from, source->self);
		struct play_feed *feed;

		while ((feed = play_ring_get(mailbox)) != NULL) {
			take(source, feed);
		}
	}
}

bool play_source_poll(struct play_source *source, uint64_t now_us)
{
	bool more = false;
	struct play_feed *feed;
	struct play_feed *next;

	take_all(source);
	source->blocked = 0;
	for (feed = LIST_FIRST(&source->feeds); feed != NULL; feed = next) {
		next = LIST_NEXT(feed, entry);
		more |= serve(source, feed, now_us);
	}
	return more;
}

bool play_source_pending(const struct play_source *source)
{
	const struct play_feed *feed;

	for (uint32_t from = 0; from < source->mesh->workers; from++) {
		if (play_ring_count(play_mailbox(source->mesh, from, source->self)) != 0) {
			return true;
		}
	}
	LIST_FOREACH (feed, &source->feeds, entry) {
		if (atomic_load_explicit(&feed->stop, memory_order_relaxed)) {
			return true;
		}
	}
	return false;
}

void play_source_fini(struct play_source *source)
{
	struct play_feed *feed;

	take_all(source);
	while ((feed = LIST_FIRST(&source->feeds)) != NULL) {
		finish(source, feed, PLAY_DONE_ENDED);
	}
}
