/*
 * What a control may write that was taken over, or is broken: anything, at any time. Values near
 * the truth reach further than random ones, so that most lies start from it.
 */
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "rtmp/server.h"

uint32_t hostile_below(uint64_t *random, uint32_t n)
{
	return (uint32_t)((stress_random(random) >> 16) % n);
}

/* Something around `truth`, an edge of the type, or anything. */
static uint64_t near(uint64_t truth, uint64_t *random)
{
	static const uint64_t edges[] = {
		0,          1,         UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
		UINT32_MAX, INT64_MAX, 1u << 31};

	switch (hostile_below(random, 6)) {
	case 0:
		return truth;
	case 1:
		return truth + 1;
	case 2:
		return truth - 1;
	case 3:
		return truth + hostile_below(random, 4096) - 2048;
	case 4:
		return edges[hostile_below(random, sizeof(edges) / sizeof(edges[0]))];
	default:
		return stress_random(random);
	}
}

static void lie_tail(struct world *w, uint64_t *random)
{
	uint32_t slot = hostile_below(random, w->memory.streams);
	const struct abi_stream *s = world_stream(w, slot);
	struct abi_tail *tail = &w->sub->tail[slot];
	uint64_t head = atomic_load(&s->head);
	uint64_t reclaimed = atomic_load(&s->reclaimed);
	uint64_t held = head > reclaimed ? head - reclaimed : 0;
	uint64_t generation = atomic_load(&s->generation);

	if (hostile_below(random, 4) == 0) {
		generation = near(generation, random);
	}
	atomic_store(&tail->generation, generation);
	switch (hostile_below(random, 4)) {
	case 0:
		atomic_store(&tail->position, near(head, random));
		break;
	case 1:
		atomic_store(&tail->position, near(reclaimed, random));
		break;
	default: /* valid, and most often in the middle of a message */
		atomic_store(&tail->position, reclaimed + stress_random(random) % (held + 1));
		break;
	}
}

/* Positions of origins: right in generation most often, or nothing of them is taken. */
static void lie_resume(struct world *w, uint64_t *random)
{
	uint32_t slot = hostile_below(random, w->memory.streams);
	const struct abi_stream *s = world_stream(w, slot);
	struct abi_resume *resume = &abi_sub_resume(w->sub, w->memory.streams)[slot];
	uint32_t i = hostile_below(random, ABI_ORIGINS_MAX);
	uint64_t generation = atomic_load(&s->generation);
	uint64_t truth = atomic_load(hostile_below(random, 2) ? &s->head : &s->reclaimed);

	if (hostile_below(random, 4) == 0) {
		generation = near(generation, random);
	}
	atomic_store(&resume->generation, generation);
	atomic_store(&resume->origins[i].origin, near(i, random));
	atomic_store(&resume->origins[i].position, near(truth, random));
}

static void lie_name(char *name, uint64_t generation, uint64_t *random)
{
	switch (hostile_below(random, 8)) {
	case 0:
		memset(name, 'A', ABI_NAME_MAX); /* no end */
		break;
	case 1:
		memset(name, 0, ABI_NAME_MAX);
		break;
	case 2:
		memcpy(name, "%s%n\x1b[2J/../\xff", 14);
		break;
	case 3:
	case 4:
		(void)snprintf(name, ABI_NAME_MAX, HOSTILE_NAME "%lu", (unsigned long)generation);
		break;
	default:
		for (uint32_t i = 0; i < ABI_NAME_MAX; i += 8) {
			uint64_t word = stress_random(random);
			memcpy(name + i, &word, sizeof(word));
		}
		break;
	}
}

/* Word by word, as the worker reads it: two write here, and it reads meanwhile. */
static void put_command(struct world *w, uint64_t position, const struct abi_command *command)
{
	uint64_t words[sizeof(*command) / sizeof(uint64_t)];
	_Atomic uint64_t *to =
		(_Atomic uint64_t *)(void *)&w->sub->commands[position % ABI_COMMAND_RING];

	memcpy(words, command, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		atomic_store_explicit(&to[i], words[i], memory_order_relaxed);
	}
}

static void lie_command(struct world *w, uint64_t *random)
{
	uint64_t next = atomic_load(&w->pub->command_tail) + hostile_below(random, 8);
	uint32_t slot = hostile_below(random, w->memory.streams);
	struct abi_command command = {
		.type = hostile_below(random, ABI_COMMAND_END + 1),
		.slot = slot,
		.generation = atomic_load(&world_stream(w, slot)->generation),
		.value = hostile_below(random, RTMP_REJECT_COUNT + 2),
		.message_max = (uint32_t)stress_random(random),
		.idle_ms = (uint32_t)stress_random(random),
		.first_media_ms = (uint32_t)stress_random(random),
		.drain_until_us = stress_random(random),
	};

	switch (hostile_below(random, 8)) {
	case 0:
		command.slot = (uint32_t)near(w->memory.streams, random);
		break;
	case 1:
		command.generation = near(command.generation, random);
		break;
	case 2:
		command.type = (uint32_t)near(command.type, random);
		command.value = (uint32_t)near(RTMP_REJECT_COUNT, random);
		break;
	default: /* right in all, if it comes at the right time */
		break;
	}
	lie_name(command.name, command.generation, random);
	put_command(w, next, &command);
}

static void lie_rings(struct world *w, uint64_t *random)
{
	static const int64_t jumps[] = {0, 1,  -1, ABI_COMMAND_RING, ABI_COMMAND_RING + 1,
					3, 64, 65};
	uint64_t command =
		atomic_load(&w->pub->command_tail) + (uint64_t)jumps[hostile_below(random, 8)];
	uint64_t event = atomic_load(&w->pub->event_head);

	if (hostile_below(random, 8) == 0) {
		command = near(command, random);
		event = near(event - (uint64_t)hostile_below(random, 2) * ABI_EVENT_RING, random);
	}
	atomic_store(&w->sub->command_head, command);
	atomic_store(&w->sub->event_tail, event);
}

/* What is written once by the dataplane and never read again, the flags, and the heartbeat. */
static void lie_rest(struct world *w, uint64_t *random)
{
	_Atomic uint64_t *header = (_Atomic uint64_t *)(void *)w->sub;
	uint32_t i = hostile_below(random, 5);

	atomic_store(&header[i], stress_random(random));
	atomic_store(&w->sub->heartbeat_us, near(atomic_load(&w->sub->heartbeat_us), random));
	atomic_store(&w->sub->news_sleeping, (uint32_t)near(1, random));
	atomic_store(&w->sub->event_sleeping, (uint32_t)near(1, random));
}

void hostile_lie(struct world *w, uint64_t *random)
{
	uint32_t count = hostile_below(random, 8);

	for (uint32_t i = 0; i < count; i++) {
		lie_tail(w, random);
		lie_resume(w, random);
	}
	switch (hostile_below(random, 8)) {
	case 0:
	case 1:
		lie_command(w, random);
		break;
	case 2:
		lie_rings(w, random);
		break;
	case 3:
		lie_rest(w, random);
		break;
	default:
		break;
	}
}

static void accept_slot(struct world *w, uint32_t slot, uint64_t generation)
{
	/* From where the worker stands: what the lies made of the head does not count. */
	uint64_t tail = atomic_load(&w->pub->command_tail);
	struct abi_command command = {.type = ABI_COMMAND_ACCEPT,
				      .slot = slot,
				      .generation = generation,
				      .name = "public"};

	put_command(w, tail, &command);
	atomic_store(&w->sub->command_head, tail + 1);
}

void hostile_obey(struct hostile *h)
{
	struct world *w = &h->world;
	uint32_t slot = hostile_below(&h->random, w->memory.streams);
	const struct abi_stream *s = world_stream(w, slot);
	uint64_t generation = atomic_load(&s->generation);
	uint32_t state = atomic_load(&s->state);

	atomic_store(&w->sub->event_tail, atomic_load(&w->pub->event_head));
	if (state == ABI_STREAM_PENDING) {
		accept_slot(w, slot, generation);
	} else if (state == ABI_STREAM_LIVE || state == ABI_STREAM_ENDED) {
		world_set_tail(w, slot, atomic_load(&s->head));
	}
}
