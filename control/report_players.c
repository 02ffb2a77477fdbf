#include "report_players.h"

#include "clock.h"
#include "players.h"
#include "text.h"

static json_int_t load(const _Atomic uint64_t *value)
{
	return (json_int_t)atomic_load_explicit(value, memory_order_relaxed);
}

static json_t *player_object(const struct control *control, uint32_t worker,
			     const struct abi_player *slot, uint32_t state)
{
	uint64_t age = control->now_us > slot->started_us ? control->now_us - slot->started_us : 0;
	char peer[ABI_PEER_MAX];
	char app[ABI_APP_MAX];
	char name[ABI_NAME_MAX];

	text_printable(peer, sizeof(peer), slot->peer, sizeof(slot->peer));
	players_print_app(control, slot, app);
	text_printable(name, sizeof(name), slot->name, sizeof(slot->name));
	return json_pack("{s:i, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}",
			 "worker", (int)worker, "id", (json_int_t)slot->connection, "app", app,
			 "name", name, "peer", peer, "state",
			 state == ABI_PLAYER_PLAYING ? "playing" : "asked", "age_ms",
			 (json_int_t)(age / US_PER_MS), "sent_bytes", load(&slot->sent_bytes),
			 "messages", load(&slot->messages), "skips", load(&slot->skips),
			 "skipped_messages", load(&slot->skipped_messages), "lag_ms",
			 load(&slot->lag_us) / (json_int_t)US_PER_MS, "pinned_bytes",
			 load(&slot->pinned_bytes), "stream_worker", (int)slot->stream_worker);
}

json_t *report_players_array(const struct control *control)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		const struct dataplane_worker *from = &control->dataplane.workers[i];

		for (uint32_t j = 0; j < from->layout.players; j++) {
			const struct abi_player *slot = dataplane_player(from, j);
			uint64_t generation =
				atomic_load_explicit(&slot->generation, memory_order_acquire);
			uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);

			if (generation % 2 == 1 && state != ABI_PLAYER_FREE) {
				(void)json_array_append_new(array,
							    player_object(control, i, slot, state));
			}
		}
	}
	return array;
}
