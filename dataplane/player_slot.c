#include "dataplane/player_slot.h"

#include <string.h>

#include "dataplane/play_share.h"
#include "dataplane/player.h"

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

void player_slot_show(const struct player_table *table, const struct player *player)
{
	struct abi_player *slot = slot_of(table, player);
	const struct play_feed *feed = player->feed;

	set(&slot->sent_bytes, player->sent_bytes);
	set(&slot->messages, get(&feed->messages));
	set(&slot->skips, get(&feed->skips));
	set(&slot->skipped_messages, get(&feed->skipped_messages));
	set(&slot->lag_us, get(&feed->lag_us));
	set(&slot->pinned_bytes, (uint64_t)play_share_held(feed) * table->mesh->truesize);
}

static void fill(struct abi_player *slot, const struct player_request *request)
{
	slot->connection = request->connection;
	slot->started_us = request->now_us;
	memcpy(slot->address, &request->address, sizeof(slot->address));
	copy_text(slot->peer, request->peer, sizeof(slot->peer));
	copy_text(slot->app, request->app, sizeof(slot->app));
	copy_text(slot->asked, request->name, sizeof(slot->asked));
	memset(slot->name, 0, sizeof(slot->name));
}

void player_slot_ask(const struct player_table *table, struct player *player,
		     const struct player_request *request)
{
	player_slot_show(table, player);
	fill(slot_of(table, player), request);
	set_state(table, player, ABI_PLAYER_ASKED);
	set_generation(table, player);
}

void player_slot_play(const struct player_table *table, struct player *player,
		      const struct player_stream *stream)
{
	struct abi_player *slot = slot_of(table, player);

	slot->stream_worker = stream->worker;
	slot->stream_slot = stream->slot;
	slot->stream_generation = stream->generation;
	copy_text(slot->name, stream->name, sizeof(slot->name));
	set_state(table, player, ABI_PLAYER_PLAYING);
}

void player_slot_free(const struct player_table *table, struct player *player)
{
	struct abi_player *slot = slot_of(table, player);

	set_generation(table, player);
	set_state(table, player, ABI_PLAYER_FREE);
	memset(slot->asked, 0, sizeof(slot->asked));
}
