#include "dataplane/play.h"

#include <rte_mempool.h>

#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/session_play.h"

int play_init(struct play *play, struct play_mesh *mesh, struct abi_pub *pub,
	      struct publish_table *publish, struct dp_counters *counters)
{
	play_source_init(&play->source, mesh, pub->worker, publish, counters);
	pub->play_total = (uint64_t)mesh->pool->size * mesh->truesize;
	return player_table_init(&play->players, mesh, pub, publish, counters);
}

void play_fini(struct play *play)
{
	play_source_fini(&play->source);
	player_table_fini(&play->players);
}

static enum rtmp_play_reject reason(struct play *play, uint32_t value)
{
	if (value >= RTMP_PLAY_REJECT_COUNT) {
		dp_count(play->source.counters, DP_COUNTER_sub_refused, 1);
		return RTMP_PLAY_REJECT_AUTH;
	}
	return (enum rtmp_play_reject)value;
}

static enum dp_counter counter_of(const struct abi_command *command)
{
	if (command->type != ABI_COMMAND_PLAY_KICK) {
		return DP_COUNTER_play_refused;
	}
	return command->value == RTMP_PLAY_REJECT_DRAINED ? DP_COUNTER_play_drained
							  : DP_COUNTER_play_kicked;
}

static void accept_player(struct player *player, const struct abi_command *command)
{
	const struct player_stream stream = {
		.worker = command->stream.worker,
		.slot = command->stream.slot,
		.generation = command->stream.generation,
		.name = command->name,
	};

	session_play(player->session, &stream);
}

void play_obey(struct play *play, const struct abi_command *command)
{
	struct dp_counters *counters = play->source.counters;
	struct player *player = player_find(&play->players, command->slot, command->generation);
	bool kick = command->type == ABI_COMMAND_PLAY_KICK;
	bool reconnect = command->type == ABI_COMMAND_PLAY_RECONNECT;

	if (!player ||
	    player->state != (kick || reconnect ? ABI_PLAYER_PLAYING : ABI_PLAYER_ASKED)) {
		dp_count(counters, DP_COUNTER_commands_stale, 1);
		return;
	}
	dp_count(counters, DP_COUNTER_commands, 1);
	if (command->type == ABI_COMMAND_PLAY_ACCEPT) {
		accept_player(player, command);
	} else if (reconnect) {
		session_reconnect(player->session, command->name);
	} else {
		dp_count(counters, counter_of(command), 1);
		session_end_play(player->session, reason(play, command->value));
	}
}

bool play_poll(struct play *play, uint64_t now_us)
{
	bool more = play_source_poll(&play->source, now_us);

	player_poll(&play->players, now_us);
	return more;
}

bool play_pending(const struct play *play)
{
	return play_source_pending(&play->source) || player_pending(&play->players);
}

uint64_t play_bytes(const struct play *play)
{
	const struct play_mesh *mesh = play->source.mesh;

	return (uint64_t)rte_mempool_in_use_count(mesh->pool) * mesh->truesize;
}
