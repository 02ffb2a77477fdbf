#include "dataplane/player.h"

#include <assert.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/counters.h"
#include "dataplane/publish.h"
#include "dataplane/session_play.h"
#include "tcpstack/tcp.h"

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

static struct abi_player *slot_of(const struct player_table *table, const struct player *player)
{
	return &table->slots[player->slot];
}

static void set_state(const struct player_table *table, struct player *player,
		      enum abi_player_state state)
{
	player->state = state;
	/* Pairs with the acquire of control: what belongs to the state is written. */
	atomic_store_explicit(&slot_of(table, player)->state, state, memory_order_release);
}

static void set_generation(const struct player_table *table, struct player *player)
{
	player->generation++;
	atomic_store_explicit(&slot_of(table, player)->generation, player->generation,
			      memory_order_release);
	/* A reader that sees what is written to the slot from here on sees this one too. */
	atomic_thread_fence(memory_order_release);
}

static void copy_text(char *to, const char *from, size_t size)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	memset(to + n, 0, size - n);
}

static void set(_Atomic uint64_t *field, uint64_t value)
{
	atomic_store_explicit(field, value, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *field)
{
	return atomic_load_explicit(field, memory_order_relaxed);
}

static uint64_t pinned_bytes(const struct player_table *table, const struct player *player)
{
	uint64_t mbufs = get(&player->feed->put_mbufs) - get(&player->feed->taken_mbufs);

	return mbufs * table->mesh->truesize;
}

static void show(const struct player_table *table, const struct player *player)
{
	struct abi_player *slot = slot_of(table, player);
	const struct play_feed *feed = player->feed;

	set(&slot->sent_bytes, player->sent_bytes);
	set(&slot->messages, get(&feed->messages));
	set(&slot->skips, get(&feed->skips));
	set(&slot->skipped_messages, get(&feed->skipped_messages));
	set(&slot->lag_us, get(&feed->lag_us));
	set(&slot->pinned_bytes, pinned_bytes(table, player));
}

/* The feed is nobody else's now. */
static void clear_feed(struct play_feed *feed)
{
	_Atomic uint64_t *const counts[] = {&feed->put_mbufs, &feed->taken_mbufs,
					    &feed->messages,  &feed->skips,
					    &feed->lag_us,    &feed->skipped_messages};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		set(counts[i], 0);
	}
	atomic_store_explicit(&feed->flags, 0, memory_order_relaxed);
	atomic_store_explicit(&feed->stop, false, memory_order_relaxed);
	atomic_store_explicit(&feed->done, PLAY_DONE_NO, memory_order_relaxed);
}

static void fill_slot(struct abi_player *slot, const struct player_request *request)
{
	slot->connection = request->connection;
	slot->started_us = request->now_us;
	memcpy(slot->address, &request->address, sizeof(slot->address));
	copy_text(slot->peer, request->peer, sizeof(slot->peer));
	copy_text(slot->app, request->app, sizeof(slot->app));
	copy_text(slot->asked, request->name, sizeof(slot->asked));
	memset(slot->name, 0, sizeof(slot->name));
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

static void retire(struct player_table *table, struct player *player)
{
	struct abi_player *slot = slot_of(table, player);

	set_generation(table, player);
	set_state(table, player, ABI_PLAYER_FREE);
	memset(slot->asked, 0, sizeof(slot->asked)); /* holds the key */
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
	player->cut = false;
	player->offered = false;
	clear_feed(player->feed);
	show(table, player);
	fill_slot(slot_of(table, player), request);
	set_state(table, player, ABI_PLAYER_ASKED);
	set_generation(table, player);
	if (!tell(table, player, ABI_EVENT_PLAY, request->now_us)) {
		retire(table, player);
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
	struct abi_player *slot = slot_of(table, player);
	struct play_feed *feed = player->feed;

	if (stream->worker >= table->mesh->workers) {
		return false;
	}
	slot->stream_worker = stream->worker;
	slot->stream_slot = stream->slot;
	slot->stream_generation = stream->generation;
	copy_text(slot->name, stream->name, sizeof(slot->name));
	set_state(table, player, ABI_PLAYER_PLAYING);
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

/* `mbufs` of the feed left us. */
static void count_taken(struct player *player, uint32_t mbufs)
{
	_Atomic uint64_t *taken = &player->feed->taken_mbufs;

	set(taken, get(taken) + mbufs);
}

static void drop(struct player *player)
{
	rte_pktmbuf_free(player->chain);
	rte_pktmbuf_free(player->replies);
	player->chain = NULL;
	player->replies = NULL;
	player->cut = false;
}

void player_close(struct player_table *table, struct player *player, uint64_t now_us)
{
	(void)tell(table, player, ABI_EVENT_PLAY_ENDED, now_us);
	player->session = NULL;
	drop(player);
	retire(table, player);
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

/* Cuts off what comes behind the first mbufs of at most `space` bytes; NULL: nothing does. */
static struct rte_mbuf *cut(struct rte_mbuf *chain, uint32_t space)
{
	struct rte_mbuf *last = chain;
	uint32_t bytes = chain->data_len;
	uint16_t mbufs = 1;

	while (last->next != NULL && bytes + last->next->data_len <= space) {
		last = last->next;
		bytes += last->data_len;
		mbufs++;
	}
	struct rte_mbuf *rest = last->next;
	if (rest != NULL) {
		rest->pkt_len = chain->pkt_len - bytes;
		rest->nb_segs = (uint16_t)(chain->nb_segs - mbufs);
		last->next = NULL;
		chain->pkt_len = bytes;
		chain->nb_segs = mbufs;
	}
	return rest;
}

/* False: TCP takes nothing now, or never again (its session is doomed then). */
static bool give(struct player *player, struct rte_mbuf **chain)
{
	struct rte_mbuf *head = *chain;
	uint32_t space = tcp_send_space(player->session->conn);

	if (head->data_len > space) {
		return false;
	}
	struct rte_mbuf *rest = cut(head, space);
	uint32_t bytes = head->pkt_len;
	*chain = rest;
	if (tcp_send(player->session->conn, head) < 0) {
		rte_pktmbuf_free(head);
		player->session->doomed = true;
		return false;
	}
	player->sent_bytes += bytes;
	return true;
}

static bool give_chain(struct player *player)
{
	uint16_t before = player->chain->nb_segs;
	bool given = give(player, &player->chain);

	if (given || player->session->doomed) {
		uint16_t after = player->chain != NULL ? player->chain->nb_segs : 0;

		count_taken(player, (uint32_t)(before - after));
		player->cut = player->chain != NULL;
	}
	return given && player->chain == NULL;
}

/* True: all that there was is given. */
static bool give_all(struct player *player)
{
	for (;;) {
		while (!player->cut && player->replies != NULL) {
			if (!give(player, &player->replies)) {
				return false;
			}
		}
		if (player->chain == NULL) {
			player->chain = play_ring_get(&player->feed->ring);
		}
		if (player->chain == NULL) {
			return true;
		}
		if (!give_chain(player)) {
			return false;
		}
	}
}

static void free_ring(struct player *player)
{
	struct rte_mbuf *chain;

	while ((chain = play_ring_get(&player->feed->ring)) != NULL) {
		rte_pktmbuf_free(chain);
	}
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
	bool all = give_all(player);

	if (all || player->sent_bytes != before) {
		player->progress_us = now_us;
	}
	dp_count(table->counters, DP_COUNTER_play_bytes, player->sent_bytes - before);
	show(table, player);
	if (player->session->doomed) {
		session_settle(player->session);
	} else if (all && done != PLAY_DONE_NO) {
		player->offered = false;
		session_play_done(player->session, done);
	}
}

void player_poll(struct player_table *table, uint64_t now_us)
{
	struct player *player;
	struct player *next;

	for (player = LIST_FIRST(&table->used); player != NULL; player = next) {
		next = LIST_NEXT(player, entry);
		if (player->session == NULL) {
			uint32_t done = load_done(player);

			free_ring(player);
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
		free_ring(player);
		drop(player);
	}
	free(table->players);
	table->players = NULL;
}
