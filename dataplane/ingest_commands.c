/* What control says through `sub`: taken over, read with distrust, obeyed. */
#include <assert.h>
#include <string.h>

#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/ingest.h"
#include "dataplane/ingest_private.h"
#include "dataplane/play.h"

#define COMMANDS_PER_LOOP 64u

static void take_over(struct dp_ingest *ingest)
{
	/* Pairs with the release in dp_ingest_offer_sub(): the region is laid out. */
	struct abi_sub *sub = atomic_load_explicit(&ingest->offered, memory_order_acquire);
	if (sub == atomic_load_explicit(&ingest->current, memory_order_relaxed)) {
		return;
	}
	publish_attach(&ingest->publish, sub);
	atomic_store_explicit(&ingest->hung, false, memory_order_relaxed);
	/* The ring of commands is new with each `sub`: so is our place in it. */
	ingest->command_tail = 0;
	atomic_store_explicit(&ingest->pub->command_tail, 0, memory_order_relaxed);
	/* Control reads the stream table once it sees its epoch: from here on nothing is dropped.
	 */
	atomic_store_explicit(&ingest->pub->epoch, sub ? sub->epoch : 0, memory_order_release);
	/* Pairs with the acquire in dp_ingest_sub(): the old region is not touched any more. */
	atomic_store_explicit(&ingest->current, sub, memory_order_release);
}

/* Control may write it meanwhile: each word is loaded once, then checked in the copy. */
static void load_command(struct abi_command *to, struct abi_command *from)
{
	uint64_t words[sizeof(*to) / sizeof(uint64_t)];
	_Atomic uint64_t *source = (_Atomic uint64_t *)(void *)from;

	static_assert(sizeof(words) == sizeof(*to), "whole words");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		words[i] = atomic_load_explicit(&source[i], memory_order_relaxed);
	}
	memcpy(to, words, sizeof(*to));
}

static enum rtmp_reject reject_reason(struct dp_ingest *ingest, uint32_t value)
{
	if (value >= RTMP_REJECT_COUNT) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return RTMP_REJECT_AUTH;
	}
	return (enum rtmp_reject)value;
}

static void obey_accept(struct publication *p, const struct abi_command *command)
{
	const struct publish_limits limits = {
		.message_max = command->message_max,
		.idle_ms = command->idle_ms,
		.first_media_ms = command->first_media_ms,
	};

	session_accept(p->session, p, command->name, &limits);
}

static void obey_to(struct dp_ingest *ingest, struct publication *p,
		    const struct abi_command *command)
{
	switch (command->type) {
	case ABI_COMMAND_ACCEPT:
		obey_accept(p, command);
		break;
	case ABI_COMMAND_RECONNECT:
		session_reconnect(p->session, command->name);
		break;
	case ABI_COMMAND_KICK:
		dp_count(ingest->counters, DP_COUNTER_publish_kicked, 1);
		session_reject(p->session, p, reject_reason(ingest, command->value), command->name);
		break;
	default:
		dp_count(ingest->counters, DP_COUNTER_publish_rejected, 1);
		session_reject(p->session, p, reject_reason(ingest, command->value), command->name);
		break;
	}
}

/* For the next control: it reads this before it gives any command of its own. */
static void write_drain_down(struct dp_ingest *ingest, const struct abi_command *command)
{
	struct abi_pub *pub = ingest->pub;

	/* The next control says the same again; what is new is another drain. */
	if (atomic_load_explicit(&pub->drain_until_us, memory_order_relaxed) !=
		    command->drain_until_us ||
	    strncmp(pub->drain_target, command->name, sizeof(pub->drain_target)) != 0) {
		session_begin_drain(&ingest->sessions);
	}
	memcpy(pub->drain_target, command->name, sizeof(pub->drain_target));
	atomic_store_explicit(&pub->drain_until_us, command->drain_until_us, memory_order_release);
}

/* State of a publication that a command means. */
static enum abi_stream_state meant_state(uint32_t type)
{
	return type == ABI_COMMAND_KICK || type == ABI_COMMAND_RECONNECT ? ABI_STREAM_LIVE
									 : ABI_STREAM_PENDING;
}

static bool is_of_player(uint32_t type)
{
	return type >= ABI_COMMAND_PLAY_ACCEPT && type <= ABI_COMMAND_PLAY_RECONNECT;
}

static void obey(struct dp_ingest *ingest, struct abi_command *command)
{
	if (ingest->plays && is_of_player(command->type)) {
		command->name[sizeof(command->name) - 1] = '\0';
		play_obey(&ingest->play, command);
		return;
	}
	if (command->type < ABI_COMMAND_ACCEPT || command->type >= ABI_COMMAND_END) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return;
	}
	command->name[sizeof(command->name) - 1] = '\0';
	if (command->type == ABI_COMMAND_DRAIN) {
		dp_count(ingest->counters, DP_COUNTER_commands, 1);
		write_drain_down(ingest, command);
		return;
	}
	struct publication *p = publish_find(&ingest->publish, command->slot, command->generation);
	if (!p || !p->session || p->state != meant_state(command->type)) {
		dp_count(ingest->counters, DP_COUNTER_commands_stale, 1);
		return;
	}
	dp_count(ingest->counters, DP_COUNTER_commands, 1);
	obey_to(ingest, p, command);
}

static uint32_t commands_waiting(struct dp_ingest *ingest, const struct abi_sub *sub)
{
	/* Pairs with the release of control: the commands below are written. */
	uint64_t head = atomic_load_explicit(&sub->command_head, memory_order_acquire);
	uint64_t waiting = head - ingest->command_tail;

	if (waiting > ABI_COMMAND_RING) {
		dp_count(ingest->counters, DP_COUNTER_sub_refused, 1);
		return 0;
	}
	return waiting < COMMANDS_PER_LOOP ? (uint32_t)waiting : COMMANDS_PER_LOOP;
}

bool dp_ingest_commanded(const struct dp_ingest *ingest)
{
	struct abi_sub *sub = ingest->publish.sub;

	if (ingest->plays && play_pending(&ingest->play)) {
		return true;
	}
	if (!sub) {
		return false;
	}
	/* Of what commands_waiting() takes for none we take no notice either. */
	uint64_t head = atomic_load_explicit(&sub->command_head, memory_order_acquire);
	return head - ingest->command_tail - 1 < ABI_COMMAND_RING;
}

uint32_t dp_ingest_commands(struct dp_ingest *ingest, uint64_t now_us)
{
	struct abi_command command;

	ingest->sessions.now_us = now_us;
	take_over(ingest);
	struct abi_sub *sub = ingest->publish.sub;
	uint32_t count = sub ? commands_waiting(ingest, sub) : 0;
	for (uint32_t i = 0; i < count; i++) {
		load_command(&command, &sub->commands[ingest->command_tail++ % ABI_COMMAND_RING]);
		obey(ingest, &command);
	}
	if (count > 0) {
		/* Pairs with the acquire of control: the entries may be written over. */
		atomic_store_explicit(&ingest->pub->command_tail, ingest->command_tail,
				      memory_order_release);
	}
	return count;
}
