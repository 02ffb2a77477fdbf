#include "bench/replay_src/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/sub.h"
#include "dataplane/ingest.h"
#include "dataplane/pub.h"

static void pause_us(long us)
{
	const struct timespec pause = {.tv_nsec = us * 1000};

	(void)nanosleep(&pause, NULL);
}

static void await(const struct dp_worker *worker, const struct abi_sub *sub)
{
	while (dp_ingest_sub(worker->ingest) != sub) {
		pause_us(100);
	}
}

static struct abi_sub *create_sub(const struct abi_pub *pub)
{
	size_t size = (abi_sub_size(pub->streams) + 4095) / 4096 * 4096;
	struct abi_sub *sub = aligned_alloc(4096, size);

	if (sub != NULL) {
		memset(sub, 0, size);
		sub->streams = pub->streams;
		sub->epoch = 1;
	}
	return sub;
}

int acceptor_offer(struct acceptor *acceptor, struct rig *rig)
{
	*acceptor = (struct acceptor){.rig = rig};
	for (uint32_t i = 0; i < rig->workers_count; i++) {
		const struct abi_pub *pub = rig->workers[i]->pub;

		acceptor->subs[i] = create_sub(pub);
		if (acceptor->subs[i] == NULL) {
			return -ENOMEM;
		}
		acceptor->event_tail[i] = atomic_load(&pub->event_head);
		dp_ingest_offer_sub(rig->workers[i]->ingest, acceptor->subs[i]);
	}
	return 0;
}

int acceptor_attach(struct acceptor *acceptor, struct rig *rig)
{
	int err = acceptor_offer(acceptor, rig);

	for (uint32_t i = 0; err == 0 && i < rig->workers_count; i++) {
		await(rig->workers[i], acceptor->subs[i]);
	}
	return err;
}

void acceptor_detach(struct acceptor *acceptor)
{
	for (uint32_t i = 0; i < acceptor->rig->workers_count; i++) {
		dp_ingest_offer_sub(acceptor->rig->workers[i]->ingest, NULL);
		await(acceptor->rig->workers[i], NULL);
	}
	acceptor_fini(acceptor);
}

void acceptor_fini(struct acceptor *acceptor)
{
	for (uint32_t i = 0; i < CONFIG_CORES_MAX; i++) {
		free(acceptor->subs[i]);
		acceptor->subs[i] = NULL;
	}
}

static struct abi_stream *streams_of(const struct abi_pub *pub)
{
	return (struct abi_stream *)(uintptr_t)((const uint8_t *)pub + pub->streams_offset);
}

static void accept_publish(struct abi_sub *sub, const struct abi_event *event)
{
	uint64_t head = atomic_load(&sub->command_head);
	struct abi_command *command = &sub->commands[head % ABI_COMMAND_RING];

	*command = (struct abi_command){
		.type = ABI_COMMAND_ACCEPT,
		.slot = event->slot,
		.generation = event->generation,
	};
	(void)snprintf(command->name, sizeof(command->name), "replay%u", event->slot);
	atomic_store(&sub->command_head, head + 1);
}

static void consume_logs(const struct abi_pub *pub, struct abi_sub *sub)
{
	struct abi_stream *streams = streams_of(pub);

	for (uint32_t i = 0; i < pub->streams; i++) {
		uint64_t generation = atomic_load(&streams[i].generation);

		uint32_t state = atomic_load(&streams[i].state);

		if (generation % 2 == 0 ||
		    (state != ABI_STREAM_LIVE && state != ABI_STREAM_ENDED)) {
			continue;
		}
		if (atomic_load(&sub->tail[i].generation) != generation) {
			atomic_store(&sub->tail[i].position, 0);
			atomic_store(&sub->tail[i].generation, generation);
		}
		atomic_store(&sub->tail[i].position, atomic_load(&streams[i].head));
	}
}

void acceptor_poll(struct acceptor *acceptor, bool consume)
{
	for (uint32_t i = 0; i < acceptor->rig->workers_count; i++) {
		const struct abi_pub *pub = acceptor->rig->workers[i]->pub;
		const struct abi_event *events =
			(const void *)((const uint8_t *)pub + pub->events_offset);
		struct abi_sub *sub = acceptor->subs[i];

		while (acceptor->event_tail[i] != atomic_load(&pub->event_head)) {
			const struct abi_event *event =
				&events[acceptor->event_tail[i]++ % ABI_EVENT_RING];

			if (event->type == ABI_EVENT_PUBLISH) {
				accept_publish(sub, event);
				acceptor->accepted++;
			}
		}
		atomic_store(&sub->event_tail, acceptor->event_tail[i]);
		if (consume) {
			consume_logs(pub, sub);
		}
	}
}

uint64_t acceptor_messages(const struct rig *rig)
{
	uint64_t messages = 0;

	for (uint32_t i = 0; i < rig->workers_count; i++) {
		const struct abi_pub *pub = rig->workers[i]->pub;
		struct abi_stream *streams = streams_of(pub);

		for (uint32_t j = 0; j < pub->streams; j++) {
			if (atomic_load(&streams[j].generation) % 2 != 0) {
				messages += atomic_load(&streams[j].messages);
				messages += atomic_load(&streams[j].dropped_messages);
			}
		}
	}
	return messages;
}

uint64_t acceptor_bytes(const struct rig *rig)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < rig->workers_count; i++) {
		const struct abi_pub *pub = rig->workers[i]->pub;
		struct abi_stream *streams = streams_of(pub);

		for (uint32_t j = 0; j < pub->streams; j++) {
			if (atomic_load(&streams[j].generation) % 2 != 0) {
				bytes += atomic_load(&streams[j].bytes);
			}
		}
	}
	return bytes;
}
