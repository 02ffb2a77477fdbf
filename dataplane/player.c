#include "dataplane/player.h"

#include <assert.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#include "dataplane/counters.h"
#include "dataplane/player_send.h"
#include "dataplane/player_slot.h"
#include "dataplane/publish.h"
#include "dataplane/session_play.h"

int player_table_init(struct player_table *table, struct play_mesh *mesh, struct abi_pub *pub,
		      struct publish_table *publish, struct dp_counters *counters)
{
	*table = (struct player_table){
		.mesh = mesh,
		.self = pub->worker,
		.slots = (void *)((uint8_t *)pub + pub->players_offset),
		.count = pub->players,
		.publish = publish,
		.counters = counters,
	};
	assert(pub->players == mesh->players);
	LIST_INIT(&table->used);
	LIST_INIT(&table->free);
	table->players = calloc(table->count, sizeof(table->players[0]));
	if (table->players == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = table->count; i-- > 0;) {
		table->players[i].slot = i;
		table->players[i].feed = play_feed_at(mesh, table->self, i);
		LIST_INSERT_HEAD(&table->free, &table->players[i], entry);
	}
	return 0;
}

static void set(_Atomic uint64_t *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

/* The feed is nobody else's now. */
static void clear_feed(struct play_feed *feed)
{
	_Atomic uint64_t *const counts[] = {&feed->put_mbufs, &feed->returned_mbufs,
					    &feed->messages,  &feed->skips,
					    &feed->lag_us,    &feed->skipped_messages};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		set(counts[i], 0);
	}
	atomic_store_explicit(&feed->flags, 0, memory_order_relaxed);
	atomic_store_explicit(&feed->stop, false, memory_order_relaxed);
	atomic_store_explicit(&feed->done, PLAY_DONE_NO, memory_order_relaxed);
}

static bool tell(struct player_table *table, const struct player *player, enum abi_event_type type,
		 uint64_t now_us)
{
	const struct abi_event event = {
		.type = type,
		.slot = player->slot,
		.generation = player->generation,
		.time_us = now_us,
	};

	return publish_notify_event(&table->publish->notify, table->publish->sub, &event);
}

static void give_back(struct player_table *table, struct player *player)
{
	LIST_REMOVE(player, entry);
	LIST_INSERT_HEAD(&table->free, player, entry);
}

struct player *player_open(struct player_table *table, const struct player_request *request)
{
	struct player *player = LIST_FIRST(&table->free);

	if (player == NULL) {
		return NULL;
	}
	LIST_REMOVE(player, entry);
	LIST_INSERT_HEAD(&table->used, player, entry);
	player->session = request->session;
	player->stream_id = request->stream_id;
	player->sent_bytes = 0;
	player->room = 0;
	player->looked_us = 0;
	player_unacked_init(&player->unacked);
	player->cut = false;
	player->offered = false;
	clear_feed(player->feed);
	player_slot_ask(table, player, request);
	if (!tell(table, player, ABI_EVENT_PLAY, request->now_us)) {
		player_slot_free(table, player);
		give_back(table, player);
		return NULL;
	}
	return player;
}

struct player *player_find(struct player_table *table, uint32_t slot, uint64_t generation)
{
	if (slot >= table->count || generation % 2 == 0) {
		return NULL;
	}
	struct player *player = &table->players[slot];
	return player->generation == generation ? player : NULL;
}

bool player_start(struct player_table *table, struct player *player,
		  const struct player_stream *stream, uint64_t now_us)
{
	struct play_feed *feed = player->feed;

	if (stream->worker >= table->mesh->workers) {
		return false;
	}
	player_slot_play(table, player, stream);
	feed->worker = table->self;
	feed->stream_id = player->stream_id;
	feed->slot = stream->slot;
	feed->generation = stream->generation;
	player->source = stream->worker;
	player->progress_us = now_us;
	player->offered = true;
	/* As many places as there are feeds. */
	(void)play_ring_put(play_mailbox(table->mesh, table->self, stream->worker), feed);
	play_mesh_wake(table->mesh, table->self, stream->worker);
	return true;
}

void player_set(struct player *player, uint32_t flags)
{
	atomic_store_explicit(&player->feed->flags, flags, memory_order_relaxed);
}

void player_close(struct player_table *table, struct player *player, uint64_t now_us)
{
	(void)tell(table, player, ABI_EVENT_PLAY_ENDED, now_us);
	player->session = NULL;
	player_drop(player);
	player_slot_free(table, player);
	if (!player->offered) {
		give_back(table, player);
		return;
	}
	atomic_store_explicit(&player->feed->stop, true, memory_order_relaxed);
	play_mesh_wake(table->mesh, table->self, player->source);
}

bool player_defer(struct player *player, struct rte_mbuf *replies)
{
	if (player->replies == NULL) {
		player->replies = replies;
		return true;
	}
	return player->replies->nb_segs + replies->nb_segs <= (int)PLAYER_REPLIES_MAX &&
	       rte_pktmbuf_chain(player->replies, replies) == 0;
}

static uint32_t load_done(const struct player *player)
{
	/* Pairs with the release of the source: the ring holds all that it will. */
	return atomic_load_explicit(&player->feed->done, memory_order_acquire);
}

static void poll_one(struct player_table *table, struct player *player, uint64_t now_us)
{
	uint64_t before = player->sent_bytes;
	uint32_t done = load_done(player);
	bool all = player_send(player, now_us);

	if (all || player->sent_bytes != before) {
		player->progress_us = now_us;
	}
	dp_count(table->counters, DP_COUNTER_play_bytes, player->sent_bytes - before);
	player_slot_show(table, player);
	table->waiting += !all;
	if (player->session->doomed) {
		session_settle(player->session);
	} else if (done == PLAY_DONE_SLOW || (all && done != PLAY_DONE_NO)) {
		player->offered = false;
		session_play_done(player->session, done);
	}
}

void player_poll(struct player_table *table, uint64_t now_us)
{
	struct player *player;
	struct player *next;

	table->waiting = 0;
	for (player = LIST_FIRST(&table->used); player != NULL; player = next) {
		next = LIST_NEXT(player, entry);
		if (player->session == NULL) {
			uint32_t done = load_done(player);

			player_drop(player);
			if (done != PLAY_DONE_NO) {
				player->offered = false;
				give_back(table, player);
			}
		} else if (player->state == ABI_PLAYER_PLAYING) {
			poll_one(table, player, now_us);
		}
	}
}

/* Of one whose connection is full there is nothing to do before its peer acknowledges. */
static bool is_pending(const struct player *player)
{
	return player->offered && player->chain == NULL && player->replies == NULL &&
	       (play_ring_count(&player->feed->ring) != 0 || load_done(player) != PLAY_DONE_NO);
}

bool player_pending(const struct player_table *table)
{
	const struct player *player;

	LIST_FOREACH (player, &table->used, entry) {
		if (is_pending(player)) {
			return true;
		}
	}
	return false;
}

void player_table_fini(struct player_table *table)
{
	struct player *player;

	for (uint32_t i = 0; table->players != NULL && i < table->count; i++) {
		player = &table->players[i];
		player_drop(player);
	}
	free(table->players);
	table->players = NULL;
}
