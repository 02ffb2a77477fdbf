#include "players.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "events.h"
#include "journal.h"
#include "text.h"

static const struct abi_player *slot_of(const struct control *control, uint32_t worker,
					uint32_t slot)
{
	return dataplane_player(&control->dataplane.workers[worker], slot);
}

static uint64_t generation_of(const struct abi_player *slot)
{
	/* Acquire: pairs with the worker's release after it filled the slot in. */
	return atomic_load_explicit(&slot->generation, memory_order_acquire);
}

/* Players of an application, on all workers. */
static uint32_t count_players(const struct control *control, const struct config_app *app)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		const struct control_player *players = control->workers[i].players;

		for (uint32_t j = 0; j < control->dataplane.workers[i].layout.players; j++) {
			count += players[j].app == app &&
				 players[j].generation == generation_of(slot_of(control, i, j));
		}
	}
	return count;
}

struct decision {
	struct auth_play play;
	const struct registry_stream *stream; /* NULL: refused */
	enum rtmp_play_reject reject;
};

static void decide(const struct control *control, const struct abi_player *slot,
		   struct decision *decision)
{
	uint8_t address[sizeof(slot->address)];
	char app[ABI_APP_MAX];
	char asked[ABI_NAME_MAX];

	*decision = (struct decision){.reject = RTMP_PLAY_REJECT_AUTH};
	if (!text_take(app, slot->app, sizeof(app)) ||
	    !text_take(asked, slot->asked, sizeof(asked))) {
		return;
	}
	memcpy(address, slot->address, sizeof(address));
	auth_decide_play(control->auth, app, asked, address, &decision->play);
	OPENSSL_cleanse(asked, sizeof(asked));
	if (!decision->play.accepted) {
		return;
	}
	if (drain_active(&control->drain)) {
		decision->reject = RTMP_PLAY_REJECT_DRAINING;
		return;
	}
	const struct registry_stream *stream =
		registry_find(&control->registry, decision->play.app->name, decision->play.name);
	if (!stream || stream->phase != STREAM_LIVE) {
		decision->reject = RTMP_PLAY_REJECT_NOT_FOUND;
	} else if (count_players(control, decision->play.app) >=
		   decision->play.app->play.max_players) {
		decision->reject = RTMP_PLAY_REJECT_CAPACITY;
	} else {
		decision->stream = stream;
	}
}

void players_print_app(const struct control *control, const struct abi_player *slot,
		       char app[ABI_APP_MAX])
{
	text_printable(app, ABI_APP_MAX, slot->app, sizeof(slot->app));
	if (!auth_find_app(control->auth, app)) {
		text_mask_path(app);
	}
}

static void log_player(const struct control *control, const struct abi_player *slot,
		       uint32_t worker, const char *event, const char *name, const char *reason)
{
	char app[ABI_APP_MAX];
	char peer[ABI_PEER_MAX];
	char printable[ABI_NAME_MAX];

	players_print_app(control, slot, app);
	text_printable(peer, sizeof(peer), slot->peer, sizeof(slot->peer));
	text_printable(printable, sizeof(printable), name, ABI_NAME_MAX);
	journal(reason[0] ? CONFIG_LOG_WARN : CONFIG_LOG_INFO, event, "{s:s, s:s, s:s, s:i, s:s}",
		"app", app, "name", printable, "peer", peer, "worker", (int)worker, "reason",
		reason);
}

/* Without room for the answer the slot is asked about again. */
static void answer(struct control *control, uint32_t worker, uint32_t slot_number,
		   uint64_t generation)
{
	const struct abi_player *slot = slot_of(control, worker, slot_number);
	struct control_player *player = &control->workers[worker].players[slot_number];
	struct abi_command command = {.slot = slot_number, .generation = generation};
	struct decision decision;

	decide(control, slot, &decision);
	command.type = decision.stream ? ABI_COMMAND_PLAY_ACCEPT : ABI_COMMAND_PLAY_REJECT;
	command.value = decision.reject;
	if (decision.stream) {
		command.stream.worker = decision.stream->worker;
		command.stream.slot = decision.stream->slot;
		command.stream.generation = decision.stream->generation;
		text_copy(command.name, sizeof(command.name), decision.stream->name);
	}
	if (events_send(&control->dataplane.workers[worker], &command)) {
		control_count(control, CONTROL_commands_delayed);
		return;
	}
	player->generation = generation;
	player->app = decision.stream ? decision.play.app : NULL;
	control_count(control, CONTROL_plays_asked);
	if (decision.stream) {
		control_count(control, CONTROL_plays_accepted);
		log_player(control, slot, worker, "play.accepted", decision.stream->name, "");
		return;
	}
	/* What was asked for may be a key, a mistyped one included: it is not written down. */
	control_count(control, CONTROL_plays_rejected);
	log_player(control, slot, worker, "play.rejected", "(withheld)",
		   rtmp_play_reject_text(decision.reject));
}

/* A player that another control accepted. */
static void resume(const struct control *control, const struct abi_player *slot,
		   struct control_player *player, uint64_t generation)
{
	char app[ABI_APP_MAX];

	if (text_take(app, slot->app, sizeof(app))) {
		player->generation = generation;
		player->app = auth_find_app(control->auth, app);
	}
}

void players_update(struct control *control, uint32_t worker, uint32_t slot_number)
{
	if (slot_number >= control->dataplane.workers[worker].layout.players) {
		return;
	}
	struct control_player *player = &control->workers[worker].players[slot_number];
	const struct abi_player *slot = slot_of(control, worker, slot_number);
	uint64_t generation = generation_of(slot);
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
	if (generation == player->generation) {
		return;
	}
	player->app = NULL;
	player->reconnect_asked = false;
	player->ended = false;
	if (generation % 2 == 0) {
		player->generation = generation;
	} else if (state == ABI_PLAYER_ASKED) {
		answer(control, worker, slot_number, generation);
	} else if (state == ABI_PLAYER_PLAYING) {
		resume(control, slot, player, generation);
	}
}

void players_sync(struct control *control, uint32_t worker)
{
	for (uint32_t i = 0; i < control->dataplane.workers[worker].layout.players; i++) {
		players_update(control, worker, i);
	}
}

/* Its generation, or 0 when nobody plays in the slot. */
static uint64_t playing(const struct abi_player *slot)
{
	uint64_t generation = generation_of(slot);
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

	return generation % 2 == 1 && state == ABI_PLAYER_PLAYING ? generation : 0;
}

int players_kick(struct control *control, uint32_t worker, uint32_t connection)
{
	struct abi_command command = {.type = ABI_COMMAND_PLAY_KICK,
				      .value = RTMP_PLAY_REJECT_KICKED};
	uint32_t slots = worker < control->dataplane.workers_count
				 ? control->dataplane.workers[worker].layout.players
				 : 0;

	for (uint32_t i = 0; i < slots; i++) {
		const struct abi_player *slot = slot_of(control, worker, i);

		command.slot = i;
		command.generation = playing(slot);
		if (command.generation == 0 || slot->connection != connection) {
			continue;
		}
		int rc = events_send(&control->dataplane.workers[worker], &command);
		events_wake(&control->dataplane.workers[worker]);
		return rc ? -EAGAIN : 0;
	}
	return -ENOENT;
}

void players_forget_drain(struct control *control)
{
	for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count; i++) {
		for (uint32_t j = 0; j < control->dataplane.workers[i].layout.players; j++) {
			control->workers[i].players[j].reconnect_asked = false;
		}
	}
}

/* One step with one player: true when it took a command. */
static bool move(struct control *control, uint32_t worker, uint32_t number, bool over)
{
	struct control_player *player = &control->workers[worker].players[number];
	const struct abi_player *slot = slot_of(control, worker, number);
	struct abi_command command = {.type = ABI_COMMAND_PLAY_RECONNECT,
				      .value = RTMP_PLAY_REJECT_DRAINED,
				      .slot = number,
				      .generation = playing(slot)};

	if (command.generation == 0 || command.generation != player->generation || player->ended ||
	    (player->reconnect_asked && !over)) {
		return false;
	}
	if (over) {
		command.type = ABI_COMMAND_PLAY_KICK;
	} else if (player->app) {
		drain_target_for(command.name, sizeof(command.name), control->drain.target,
				 player->app->name);
	}
	if (events_send(&control->dataplane.workers[worker], &command)) {
		return false;
	}
	if (!over) {
		control_count(control, CONTROL_reconnects_asked);
	}
	player->reconnect_asked = true;
	player->ended = over;
	return true;
}

uint32_t players_drain(struct control *control, bool over, uint32_t budget)
{
	uint32_t moved = 0;

	for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count; i++) {
		uint32_t players = control->dataplane.workers[i].layout.players;

		for (uint32_t j = 0; j < players && moved < budget; j++) {
			moved += move(control, i, j, over);
		}
	}
	return moved;
}

struct players_left players_left(const struct control *control)
{
	struct players_left left = {.players = 0};

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		const struct control_player *players = control->workers[i].players;

		for (uint32_t j = 0; j < control->dataplane.workers[i].layout.players; j++) {
			uint64_t generation = playing(slot_of(control, i, j));

			left.players += generation != 0;
			left.asked += generation != 0 && players[j].generation == generation &&
				      players[j].reconnect_asked;
		}
	}
	return left;
}
