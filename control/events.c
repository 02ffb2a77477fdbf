#include "events.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/eventfd.h>

#include "journal.h"
#include "players.h"
#include "text.h"

/* Commands */

/* The ring is shared with a reader that trusts nothing: it is our head that we trust, not theirs.
 */
int events_send(struct dataplane_worker *worker, const struct abi_command *command)
{
	struct abi_sub *sub = worker->sub;
	uint64_t head = atomic_load_explicit(&sub->command_head, memory_order_relaxed);
	/* Acquire: pairs with the worker's release after it copied the command out. */
	uint64_t tail = atomic_load_explicit(&worker->pub->command_tail, memory_order_acquire);

	if (head - tail >= ABI_COMMAND_RING) {
		return -1;
	}
	sub->commands[head % ABI_COMMAND_RING] = *command;
	atomic_store_explicit(&sub->command_head, head + 1, memory_order_release);
	worker->commanded = true;
	return 0;
}

/* After a batch of commands: the other side of the worker's going to sleep (abi/pub.h). */
void events_wake(struct dataplane_worker *worker)
{
	if (!worker->commanded) {
		return;
	}
	worker->commanded = false;
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&worker->pub->sleeping, memory_order_relaxed)) {
		(void)eventfd_write(worker->commands_fd, 1); /* full: it is awake anyway */
	}
}

/* Slots */

static const struct abi_stream *slot_of(const struct control *control, uint32_t worker,
					uint32_t slot)
{
	return dataplane_stream(&control->dataplane.workers[worker], slot);
}

/* The other one under that name is still there, by what its slot says now. */
static bool still_published(const struct control *control, const struct registry_stream *stream)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);

	return atomic_load_explicit(&slot->generation, memory_order_acquire) ==
		       stream->generation &&
	       atomic_load_explicit(&slot->state, memory_order_acquire) != ABI_STREAM_ENDED;
}

/* A log that no relay took over goes back whole. */
static void release_log(struct control *control, const struct registry_stream *stream)
{
	struct abi_tail *tail = &control->dataplane.workers[stream->worker].sub->tail[stream->slot];
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_acquire);

	if (atomic_load_explicit(&tail->generation, memory_order_relaxed) != stream->generation) {
		atomic_store_explicit(&tail->position, 0, memory_order_relaxed);
		atomic_store_explicit(&tail->generation, stream->generation, memory_order_release);
	}
	atomic_store_explicit(&tail->position, head, memory_order_release);
}

/* Decisions */

static void count_reject(struct control *control, enum rtmp_reject why)
{
	static const enum control_counter counters[RTMP_REJECT_COUNT] = {
		[RTMP_REJECT_AUTH] = CONTROL_publishes_rejected_auth,
		[RTMP_REJECT_APP] = CONTROL_publishes_rejected_app,
		[RTMP_REJECT_BUSY] = CONTROL_publishes_rejected_busy,
		[RTMP_REJECT_NAME] = CONTROL_publishes_rejected_name,
		[RTMP_REJECT_DRAINING] = CONTROL_publishes_rejected_draining,
	};

	control_count(control, counters[why] ? counters[why] : CONTROL_publishes_rejected_capacity);
}

static void count_end(struct control *control, enum rtmp_reject why)
{
	static const enum control_counter counters[RTMP_REJECT_COUNT] = {
		[RTMP_REJECT_CODEC] = CONTROL_streams_rejected_codec,
		[RTMP_REJECT_BITRATE] = CONTROL_streams_rejected_bitrate,
		[RTMP_REJECT_RESOLUTION] = CONTROL_streams_rejected_resolution,
		[RTMP_REJECT_FRAME_RATE] = CONTROL_streams_rejected_frame_rate,
		[RTMP_REJECT_KEYFRAMES] = CONTROL_streams_rejected_keyframes,
		[RTMP_REJECT_DRAINING] = CONTROL_streams_drained,
	};

	control_count(control, counters[why] ? counters[why] : CONTROL_kicks);
}

static void log_end(const struct registry_stream *stream, enum rtmp_reject why, const char *text)
{
	journal(CONFIG_LOG_WARN, "stream.rejected", "{s:s, s:s, s:i, s:s, s:s}", "app",
		stream->app->name, "name", stream->name, "worker", (int)stream->worker, "reason",
		rejects_word(why), "text", text[0] ? text : rtmp_reject_text(why));
}

int events_end(struct control *control, struct registry_stream *stream, enum rtmp_reject why,
	       const char *text)
{
	struct dataplane_worker *worker = &control->dataplane.workers[stream->worker];
	struct abi_command command = {.type = ABI_COMMAND_KICK,
				      .slot = stream->slot,
				      .generation = stream->generation,
				      .value = why};

	text_copy(command.name, sizeof(command.name), text);
	if (events_send(worker, &command)) {
		return -1;
	}
	events_wake(worker);
	stream->ending = true;
	if (stream->app) {
		count_end(control, why);
		log_end(stream, why, text);
		rejects_add(&control->rejects, control->now_us, why,
			    slot_of(control, stream->worker, stream->slot), stream->name, text);
	}
	return 0;
}

static void log_decision(const struct control *control, const struct registry_stream *stream,
			 const struct auth_decision *decision)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);
	char app[ABI_APP_MAX];
	char name[ABI_NAME_MAX];
	char peer[ABI_PEER_MAX];

	text_printable(app, sizeof(app), slot->app, sizeof(slot->app));
	if (!decision->accepted && decision->reject == RTMP_REJECT_APP) {
		text_mask_path(app);
	}
	text_printable(name, sizeof(name), decision->name, sizeof(decision->name));
	text_printable(peer, sizeof(peer), slot->peer, sizeof(slot->peer));
	if (decision->accepted) {
		journal(CONFIG_LOG_INFO, "publish.accepted", "{s:s, s:s, s:s, s:i}", "app", app,
			"name", name, "peer", peer, "worker", (int)stream->worker);
		return;
	}
	/* What was asked for may be a key, a mistyped one included: it is not written down. */
	journal(CONFIG_LOG_WARN, "publish.rejected", "{s:s, s:s, s:s, s:i, s:s}", "app", app,
		"name", name[0] ? name : "(key withheld)", "peer", peer, "worker",
		(int)stream->worker, "reason", rtmp_reject_text(decision->reject));
}

static void decide(struct control *control, const struct registry_stream *stream,
		   struct auth_decision *decision)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);
	struct registry_stream *other;
	char app[ABI_APP_MAX];
	char asked[ABI_NAME_MAX];

	memset(decision, 0, sizeof(*decision));
	decision->reject = RTMP_REJECT_NAME;
	if (!text_take(app, slot->app, sizeof(app)) ||
	    !text_take(asked, slot->asked, sizeof(asked))) {
		return;
	}
	auth_decide(control->auth, app, asked, decision);
	OPENSSL_cleanse(asked, sizeof(asked));
	if (!decision->accepted) {
		return;
	}
	if (drain_active(&control->drain)) {
		decision->accepted = false;
		decision->reject = RTMP_REJECT_DRAINING;
		return;
	}
	other = registry_find(&control->registry, decision->app->name, decision->name);
	if (other && still_published(control, other)) {
		decision->accepted = false;
		decision->reject = RTMP_REJECT_BUSY;
	} else if (other) {
		registry_unpublish(other);
	}
}

/* The worker enforces what it sees anyhow; the rest is looked at here (policy.h). */
static void fill_answer(struct abi_command *command, const struct registry_stream *stream,
			const struct auth_decision *decision)
{
	*command = (struct abi_command){.type = ABI_COMMAND_REJECT,
					.slot = stream->slot,
					.generation = stream->generation,
					.value = decision->reject};
	if (decision->accepted) {
		const struct config_stream_limits *limits = &decision->app->admission;

		command->type = ABI_COMMAND_ACCEPT;
		command->value = 0;
		command->message_max = limits->message_max;
		command->idle_ms = limits->idle_timeout_s * 1000;
		command->first_media_ms = limits->first_media_timeout_s * 1000;
		text_copy(command->name, sizeof(command->name), decision->name);
	}
}

/* Sends the answer; without room for it the stream stays as it is and is asked about again. */
static void answer(struct control *control, struct registry_stream *stream)
{
	struct auth_decision decision;
	struct abi_command command;

	decide(control, stream, &decision);
	fill_answer(&command, stream, &decision);
	if (events_send(&control->dataplane.workers[stream->worker], &command)) {
		control_count(control, CONTROL_commands_delayed);
		return;
	}
	control_count(control, CONTROL_publishes_asked);
	log_decision(control, stream, &decision);
	if (!decision.accepted) {
		count_reject(control, decision.reject);
		rejects_add(&control->rejects, control->now_us, decision.reject,
			    slot_of(control, stream->worker, stream->slot), decision.name, "");
		stream->phase = STREAM_REJECTED;
		return;
	}
	control_count(control, CONTROL_publishes_accepted);
	stream->phase = STREAM_ACCEPTED;
	registry_publish(&control->registry, stream, decision.app, decision.name);
}

/* Streams */

static void log_stream(const struct registry_stream *stream, const char *event)
{
	journal(CONFIG_LOG_INFO, event, "{s:s, s:s, s:i}", "app", stream->app->name, "name",
		stream->name, "worker", (int)stream->worker);
}

static void adopt(struct control *control, struct registry_stream *stream)
{
	struct relay *relay = control->workers[stream->worker].relay;

	if (relay_adopt(relay, stream->slot, stream->generation, stream->app, stream->name)) {
		return; /* without memory: the tick tries again */
	}
	stream->phase = STREAM_LIVE;
	log_stream(stream, "stream.live");
}

/*
 * Application and name of a stream that another control accepted. NULL: there is no such
 * application any more.
 */
static const struct config_app *known_app(const struct control *control,
					  const struct abi_stream *slot, char name[ABI_NAME_MAX])
{
	char app[ABI_APP_MAX];

	if (!text_take(app, slot->app, sizeof(app)) || !text_take(name, slot->name, ABI_NAME_MAX) ||
	    !text_name_valid(name)) {
		return NULL;
	}
	return auth_find_app(control->auth, app);
}

/* A stream that was live before this control came: its name stands in the table. */
static void resume(struct control *control, struct registry_stream *stream)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);
	char name[ABI_NAME_MAX];
	const struct config_app *app = known_app(control, slot, name);

	if (!app || registry_find(&control->registry, app->name, name)) {
		/* The configuration has no such application any more, or the name is taken. */
		if (events_end(control, stream, RTMP_REJECT_KICKED, "") == 0) {
			stream->phase = STREAM_REJECTED;
		}
		return;
	}
	control_count(control, CONTROL_streams_resumed);
	registry_publish(&control->registry, stream, app, name);
	stream->phase = STREAM_ACCEPTED;
}

/*
 * One that had ended by then, with a rest that its origins may not have. It has no claim to its
 * name, which its successor may bear already.
 */
static void resume_ended(struct control *control, struct registry_stream *stream)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);
	char name[ABI_NAME_MAX];
	const struct config_app *app = known_app(control, slot, name);

	if (app && atomic_load_explicit(&slot->head, memory_order_acquire) >
			   atomic_load_explicit(&slot->reclaimed, memory_order_acquire)) {
		control_count(control, CONTROL_streams_resumed);
		stream->app = app;
		text_copy(stream->name, sizeof(stream->name), name);
		stream->phase = STREAM_ACCEPTED;
	}
}

/* What the worker ended by itself, for a limit of the application or of RTMP. */
static void note_end(struct control *control, const struct registry_stream *stream,
		     const struct abi_stream *slot)
{
	uint32_t reason = atomic_load_explicit(&slot->end_reason, memory_order_relaxed);
	uint32_t error = atomic_load_explicit(&slot->end_error, memory_order_relaxed);
	const char *text = "";

	if (stream->ending || !stream->app || reason == 0 || reason > RTMP_REJECT_COUNT) {
		return;
	}
	if (error != 0 && error < RTMP_ERROR_COUNT) {
		text = rtmp_error_sentence(-(int)error);
	}
	log_end(stream, reason - 1, text);
	rejects_add(&control->rejects, control->now_us, reason - 1, slot, stream->name, text);
}

static void end(struct control *control, struct registry_stream *stream)
{
	const struct abi_stream *slot = slot_of(control, stream->worker, stream->slot);

	note_end(control, stream, slot);
	if (stream->phase == STREAM_ASKED) {
		resume_ended(control, stream);
	}
	/* A publish so short that it was over before it was seen live. */
	if (stream->phase == STREAM_ACCEPTED &&
	    atomic_load_explicit(&slot->head, memory_order_acquire) > 0) {
		adopt(control, stream);
		if (stream->phase != STREAM_LIVE) {
			return;
		}
	}
	if (stream->phase == STREAM_LIVE) {
		relay_ended(control->workers[stream->worker].relay, stream->slot,
			    stream->generation);
		control_count(control, CONTROL_streams_ended);
		log_stream(stream, "stream.ended");
	} else {
		release_log(control, stream);
	}
	registry_unpublish(stream);
	stream->phase = STREAM_ENDED;
}

static void gone(struct control *control, struct registry_stream *stream)
{
	if (stream->phase == STREAM_LIVE) {
		control_count(control, CONTROL_streams_ended);
		log_stream(stream, "stream.ended");
	}
	registry_remove(&control->registry, stream);
}

/* Brings what we know of a slot in line with what it says now. */
static void update(struct control *control, uint32_t worker, uint32_t slot_number)
{
	const struct abi_stream *slot = slot_of(control, worker, slot_number);
	/* Acquire: pairs with the worker's release after it filled the slot in. */
	uint64_t generation = atomic_load_explicit(&slot->generation, memory_order_acquire);
	uint32_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
	struct registry_stream *stream = control->registry.slots[worker][slot_number];

	if (stream && stream->generation != generation) {
		gone(control, stream);
		stream = NULL;
	}
	if (generation % 2 == 0 || state == ABI_STREAM_FREE) {
		return;
	}
	if (!stream) {
		stream = registry_add(&control->registry, worker, slot_number, generation);
	}
	if (!stream) {
		return;
	}
	if (state == ABI_STREAM_PENDING && stream->phase == STREAM_ASKED) {
		answer(control, stream);
	} else if (state == ABI_STREAM_LIVE) {
		if (stream->phase == STREAM_ASKED) {
			resume(control, stream);
		}
		if (stream->phase == STREAM_ACCEPTED) {
			adopt(control, stream);
		}
	} else if (state == ABI_STREAM_ENDED && stream->phase != STREAM_ENDED) {
		end(control, stream);
	}
}

void events_sync(struct control *control, uint32_t worker)
{
	uint32_t streams = control->dataplane.workers[worker].layout.streams;

	for (uint32_t slot = 0; slot < streams; slot++) {
		update(control, worker, slot);
	}
	players_sync(control, worker);
	events_wake(&control->dataplane.workers[worker]);
}

bool events_waiting(const struct control *control, uint32_t worker)
{
	return atomic_load_explicit(&control->dataplane.workers[worker].pub->event_head,
				    memory_order_acquire) != control->workers[worker].event_tail;
}

void events_read(struct control *control, uint32_t worker)
{
	struct dataplane_worker *from = &control->dataplane.workers[worker];
	const struct abi_event *ring = dataplane_table(from, from->layout.events_offset);
	/* Acquire: pairs with the worker's release after it wrote the event. */
	uint64_t head = atomic_load_explicit(&from->pub->event_head, memory_order_acquire);
	uint64_t tail = control->workers[worker].event_tail;

	if (head == tail) {
		return;
	}
	if (head - tail > ABI_EVENT_RING) {
		control_count(control, CONTROL_events_lost);
		events_sync(control, worker);
		tail = head;
	}
	for (; tail != head; tail++) {
		struct abi_event event = ring[tail % ABI_EVENT_RING];

		atomic_signal_fence(memory_order_seq_cst); /* a copy: what is checked is used */
		if (event.type >= ABI_EVENT_PLAY) {
			players_update(control, worker, event.slot);
		} else if (event.slot < from->layout.streams) {
			update(control, worker, event.slot);
		}
	}
	control->workers[worker].event_tail = head;
	atomic_store_explicit(&from->sub->event_tail, head, memory_order_release);
	events_wake(from);
}

void events_tick(struct control *control)
{
	struct registry_stream *stream = TAILQ_FIRST(&control->registry.streams);

	while (stream) {
		struct registry_stream *next = TAILQ_NEXT(stream, link);

		update(control, stream->worker, stream->slot);
		stream = next;
	}
	for (uint32_t i = 0; i < control->dataplane.workers_count; i++) {
		players_sync(control, i);
		events_wake(&control->dataplane.workers[i]);
	}
}
