#include "address.h"
#include "build.h"

#define MEMORY_MIB      16u
#define PLAYERS_FOR_MIB 8u

static const struct file_play no_play;

static void build_address(struct check *c, const char *text, struct config_prefix *prefix)
{
	const char *why;

	if (prefix_parse(text, prefix, &why) != 0) {
		check_fail(c, why);
	} else if (prefix_has_host_bits(prefix)) {
		check_fail(c, "has bits set beyond its prefix length");
	}
}

static void build_addresses(struct check *c, const struct file_app_play *file,
			    struct config_app_play *play)
{
	play->addresses = check_calloc(c, file->addresses_count, sizeof(*play->addresses));
	play->addresses_count = play->addresses != NULL ? file->addresses_count : 0;
	for (uint32_t i = 0; i < play->addresses_count; i++) {
		size_t mark = check_enter(c, "addresses");
		check_enter_index(c, i);
		build_address(c, file->addresses[i], &play->addresses[i]);
		check_leave(c, mark);
	}
}

/* Default deny: an empty mapping says nothing of who may, and is taken for a mistake. */
void build_app_play(struct check *c, const struct file_app_play *file, struct config_app_play *play)
{
	if (file == NULL) {
		return;
	}
	size_t mark = check_enter(c, "play");
	if (file->key == NULL && file->addresses_count == 0) {
		check_fail(c, "needs a key, or addresses that may play without one");
	}
	if (file->key != NULL && !key_is_valid(file->key)) {
		check_fail_key(c, "key", "has bytes that a stream key cannot have");
	}
	play->allowed = true;
	play->key = check_strdup(c, file->key);
	build_addresses(c, file, play);
	play->max_players = check_number(c, "max_players", file->max_players,
					 (struct check_range){1, 1u << 16, 8});
	check_leave(c, mark);
}

static bool anybody_may_play(const struct config *config)
{
	for (uint32_t i = 0; i < config->apps_count; i++) {
		if (config->apps[i].play.allowed) {
			return true;
		}
	}
	return false;
}

/* Half of it is 64 KiB for each player that there may be. */
static uint32_t default_memory(const struct config *config)
{
	uint32_t all = config->dataplane.cores_count * config->dataplane.play.players;
	uint32_t mib = (all + PLAYERS_FOR_MIB - 1) / PLAYERS_FOR_MIB;

	return mib > MEMORY_MIB ? mib : MEMORY_MIB;
}

void build_play(struct check *c, const struct file_play *file, struct config *config)
{
	struct config_play *play = &config->dataplane.play;
	size_t mark = check_enter(c, "dataplane");

	check_enter(c, "play");
	file = file != NULL ? file : &no_play;
	play->players = check_number(c, "players", file->players, (struct check_range){1, 256, 32});
	play->memory_mib = check_number(c, "memory_mib", file->memory_mib,
					(struct check_range){1, 1u << 16, default_memory(config)});
	play->player_kib = check_number(c, "player_kib", file->player_kib,
					(struct check_range){64, 1u << 20, 2048});
	play->lag_max_ms = check_number(c, "lag_max_ms", file->lag_max_ms,
					(struct check_range){100, 600000, 5000});
	play->behind_max_ms = check_number(c, "behind_max_ms", file->behind_max_ms,
					   (struct check_range){0, 600000, 20000});
	check_leave(c, mark);
	if (!anybody_may_play(config)) {
		play->players = 0;
	}
}
