#include "drain.h"

#include <string.h>

#include "control.h"
#include "events.h"
#include "journal.h"
#include "players.h"
#include "text.h"

/* Streams that are asked, or ended, each tick: so many encoders connect elsewhere at once. */
#define PER_TICK 50u

/* Every worker writes it down for the next control; one whose ring is full is told again. */
static void tell_workers(struct control *control)
{
	struct abi_command command = {.type = ABI_COMMAND_DRAIN,
				      .drain_until_us = control->drain.until_us};
	bool told = control->attached;

	text_copy(command.name, sizeof(command.name), control->drain.target);
	for (uint32_t i = 0; control->attached && i < control->dataplane.workers_count; i++) {
		told &= events_send(&control->dataplane.workers[i], &command) == 0;
		events_wake(&control->dataplane.workers[i]);
	}
	control->drain.told = told;
}

static void set(struct control *control, const char *target, uint64_t until_us)
{
	struct registry_stream *stream;

	text_copy(control->drain.target, sizeof(control->drain.target), target);
	control->drain.until_us = until_us;
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		stream->reconnect_asked = false;
	}
	players_forget_drain(control);
	tell_workers(control);
}

void drain_start(struct control *control, const char *target, uint64_t until_us)
{
	char shown[DRAIN_TARGET_MAX];

	control_count(control, CONTROL_drains);
	drain_target_show(shown, sizeof(shown), target);
	journal(CONFIG_LOG_WARN, "drain.started", "{s:s, s:I}", "target", shown, "timeout_ms",
		until_us == DRAIN_NO_LIMIT ? (long long)0
					   : (long long)((until_us - control->now_us) / 1000));
	set(control, target, until_us);
}

void drain_stop(struct control *control)
{
	if (drain_active(&control->drain)) {
		journal(CONFIG_LOG_WARN, "drain.stopped", NULL);
	}
	set(control, "", 0);
}

void drain_attached(struct control *control)
{
	const struct abi_pub *pub = control->dataplane.workers[0].pub;
	/* Acquire: pairs with the worker's release after it wrote the target. */
	uint64_t until_us = atomic_load_explicit(&pub->drain_until_us, memory_order_acquire);
	char target[DRAIN_TARGET_MAX];
	char shown[DRAIN_TARGET_MAX];

	/* What was decided while nobody was attached, or had room for it, is newer. */
	if (drain_active(&control->drain) || !control->drain.told) {
		tell_workers(control);
		return;
	}
	if (until_us == 0) {
		return;
	}
	/* Somebody else's memory: nothing of it is shown before it is known to be a target. */
	if (!text_take(target, pub->drain_target, sizeof(target)) || !drain_target_valid(target)) {
		target[0] = '\0';
	}
	drain_target_show(shown, sizeof(shown), target);
	journal(CONFIG_LOG_WARN, "drain.resumed", "{s:s}", "target", shown);
	set(control, target, until_us);
}

static uint32_t caps_of(const struct control *control, const struct registry_stream *stream)
{
	return dataplane_stream(&control->dataplane.workers[stream->worker], stream->slot)->caps_ex;
}

static bool can_reconnect(const struct control *control, const struct registry_stream *stream)
{
	return (caps_of(control, stream) & ABI_CAPS_RECONNECT) != 0;
}

static int ask(struct control *control, struct registry_stream *stream)
{
	struct abi_command command = {.type = ABI_COMMAND_RECONNECT,
				      .slot = stream->slot,
				      .generation = stream->generation};

	drain_target_for(command.name, sizeof(command.name), control->drain.target,
			 stream->app->name);
	if (events_send(&control->dataplane.workers[stream->worker], &command)) {
		return -1;
	}
	stream->reconnect_asked = true;
	control_count(control, CONTROL_reconnects_asked);
	return 0;
}

/* One step with one stream: true when it took a command. */
static bool move(struct control *control, struct registry_stream *stream)
{
	if (stream->phase != STREAM_LIVE || stream->ending) {
		return false;
	}
	if (control->now_us >= control->drain.until_us) {
		return events_end(control, stream, RTMP_REJECT_DRAINING, "") == 0;
	}
	return !stream->reconnect_asked && can_reconnect(control, stream) &&
	       ask(control, stream) == 0;
}

void drain_tick(struct control *control)
{
	struct registry_stream *stream;
	uint32_t left = PER_TICK;

	if (!control->drain.told) {
		tell_workers(control);
	}
	/* Whom it asked already the worker knows by the drain: it hears of that first. */
	if (!drain_active(&control->drain) || !control->drain.told) {
		return;
	}
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (left > 0 && move(control, stream)) {
			left--;
		}
	}
	(void)players_drain(control, control->now_us >= control->drain.until_us, left);
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		events_wake(&control->dataplane.workers[i]);
	}
}

struct drain_left drain_left(const struct control *control)
{
	struct drain_left left = {.streams = 0};
	const struct registry_stream *stream;

	if (!control->attached) {
		return left;
	}
	TAILQ_FOREACH (stream, &control->registry.streams, link) {
		if (stream->phase == STREAM_LIVE) {
			left.streams++;
			left.asked += stream->reconnect_asked;
		}
	}
	struct players_left players = players_left(control);
	left.players = players.players;
	left.players_asked = players.asked;
	return left;
}
