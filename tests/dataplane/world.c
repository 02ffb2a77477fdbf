#include "world.h"

#include <CUnit/CUnit.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/publish.h"

void world_start_eal(void)
{
	const char *argv[] = {
		"test", "--no-huge",   "--no-shconf", "--no-pci",       "-m", "128", "-l",
		"0",    "--log-level", "error",       "--no-telemetry",
	};

	if (rte_eal_init((int)RTE_DIM(argv), (char **)(uintptr_t)argv) < 0) {
		fprintf(stderr, "EAL does not start\n");
		exit(2);
	}
}

void world_init(struct world *w)
{
	*w = (struct world){
		.rtmp = {.chunk_size = 4096,
			 .window_ack_size = 2500000,
			 .message_max = 1 << 20,
			 .handshake_timeout_s = 5,
			 .publish_timeout_s = 10,
			 .idle_timeout_s = 30,
			 .decision_timeout_ms = 3000},
		.memory = {.packets = 2048, .connections = 8, .streams = 4, .log_blocks = 64},
		.now_us = 1000000,
	};
}

void world_open(struct world *w)
{
	char name[16];

	if (dp_packets_create(&w->packets, w->worker, w->memory.packets, 2048, -1, 0) < 0) {
		abort();
	}
	w->table = (struct dp_packets_table){.count = 1, .workers = &w->packets};
	(void)snprintf(name, sizeof(name), "reply%u", w->worker);
	w->reply = rte_pktmbuf_pool_create(name, 255, 0, 0, 2048 + 128, -1);
	w->news_fd = eventfd(0, EFD_NONBLOCK);
	w->events_fd = eventfd(0, EFD_NONBLOCK);
	struct dp_pub_config pub = {.worker = w->worker,
				    .numa_node = -1,
				    .generation = 77,
				    .memory = &w->memory,
				    .players = w->play ? w->play->players : 0};
	if (!w->reply || dp_pub_create(&w->pub_region, &pub) < 0) {
		abort();
	}
	w->pub = dp_pub(&w->pub_region);
	struct dp_ingest_config config = {
		.numa_node = -1,
		.rtmp = &w->rtmp,
		.discard_port = w->discard_port,
		.memory = &w->memory,
		.admission = &w->admission,
		.packets = &w->table,
		.reply_pool = w->reply,
		.pub = &w->pub_region,
		.news_fd = w->news_fd,
		.events_fd = w->events_fd,
		.seed = 1,
		.counters = &w->counters,
		.play = w->play,
	};
	w->ingest = dp_ingest_create(&config);
	if (!w->ingest) {
		abort();
	}
	world_poll(w);
}

void world_close(struct world *w)
{
	world_detach(w);
	CU_ASSERT_TRUE(dp_ingest_check_memory(w->ingest));
	w->now_us += PUBLISH_LINGER_US; /* what ended was kept for another control */
	for (int i = 0; i < 100; i++) {
		world_poll(w);
	}
	CU_ASSERT_TRUE(dp_ingest_idle(w->ingest));
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w->packets.pool), w->memory.packets);
	CU_ASSERT_EQUAL(rte_mempool_avail_count(w->reply), 255);
	CU_ASSERT_EQUAL(atomic_load(&w->pub->blocks_free), w->memory.log_blocks);
	CU_ASSERT_TRUE(dp_ingest_check_memory(w->ingest));
	world_check_memory(w);
	CU_ASSERT_EQUAL(atomic_load(&w->pub->pinned_log_bytes), 0);
	CU_ASSERT_EQUAL(atomic_load(&w->pub->reserved_bytes), 0);
	dp_ingest_destroy(w->ingest);
	world_release(w);
}

void world_release(struct world *w)
{
	free(w->sub);
	w->sub = NULL;
	dp_region_destroy(&w->pub_region);
	dp_packets_destroy(&w->packets);
	rte_mempool_free(w->reply);
	close(w->news_fd);
	close(w->events_fd);
}

void world_attach(struct world *w)
{
	size_t size = (abi_sub_size(w->memory.streams) + 4095) / 4096 * 4096;

	world_detach(w);
	w->sub = aligned_alloc(4096, size);
	memset(w->sub, 0, size);
	w->sub->streams = w->memory.streams;
	w->sub->epoch = atomic_load(&w->pub->epoch) + 1;
	dp_ingest_offer_sub(w->ingest, w->sub);
	world_poll(w);
	CU_ASSERT_PTR_EQUAL(dp_ingest_sub(w->ingest), w->sub);
	/* As control does: what came before is in the stream table. */
	w->event_tail = atomic_load(&w->pub->event_head);
	atomic_store(&w->sub->event_tail, w->event_tail);
}

void world_detach(struct world *w)
{
	dp_ingest_offer_sub(w->ingest, NULL);
	world_poll(w);
	CU_ASSERT_PTR_NULL(dp_ingest_sub(w->ingest));
	free(w->sub);
	w->sub = NULL;
}

void world_poll(struct world *w)
{
	w->now_us += 1000;
	dp_ingest_commands(w->ingest, w->now_us);
	dp_ingest_poll(w->ingest, w->now_us);
}

void world_check_memory(struct world *w)
{
	const struct abi_pub *pub = w->pub;

	CU_ASSERT_TRUE(dp_ingest_check_memory(w->ingest));
	dp_ingest_publish_memory(w->ingest, 0, 0);
	CU_ASSERT_EQUAL(atomic_load(&pub->truesize), w->packets.truesize);
	CU_ASSERT_EQUAL(atomic_load(&pub->pinned_log_bytes) +
				atomic_load(&pub->pinned_partial_bytes),
			rte_mempool_in_use_count(w->packets.pool) * (uint64_t)w->packets.truesize);
}

uint64_t world_count(const struct world *w, enum dp_counter counter)
{
	return w->counters.value[counter];
}

struct abi_stream *world_stream(const struct world *w, uint32_t slot)
{
	return (struct abi_stream *)(void *)(w->pub_region.base + w->pub->streams_offset) + slot;
}

bool world_event(struct world *w, struct abi_event *event)
{
	const struct abi_event *events = (const void *)(w->pub_region.base + w->pub->events_offset);

	if (w->event_tail == atomic_load(&w->pub->event_head)) {
		return false;
	}
	*event = events[w->event_tail++ % ABI_EVENT_RING];
	atomic_store(&w->sub->event_tail, w->event_tail);
	return true;
}

struct abi_event world_expect(struct world *w, uint32_t type)
{
	struct abi_event event = {.type = 0};

	CU_ASSERT_TRUE(world_event(w, &event));
	CU_ASSERT_EQUAL_FATAL(event.type, type);
	return event;
}

void world_command(struct world *w, uint32_t type, uint32_t slot, uint64_t generation,
		   uint32_t value, const char *name)
{
	uint64_t head = atomic_load(&w->sub->command_head);
	struct abi_command *command = &w->sub->commands[head % ABI_COMMAND_RING];

	*command = (struct abi_command){
		.type = type, .slot = slot, .generation = generation, .value = value};
	snprintf(command->name, sizeof(command->name), "%s", name ? name : "");
	atomic_store(&w->sub->command_head, head + 1);
}

void world_set_tail(struct world *w, uint32_t slot, uint64_t position)
{
	struct abi_tail *tail = &w->sub->tail[slot];
	uint64_t generation = atomic_load(&world_stream(w, slot)->generation);

	if (atomic_load(&tail->generation) != generation) {
		atomic_store(&tail->position, 0);
		atomic_store(&tail->generation, generation);
	}
	atomic_store(&tail->position, position);
}

void reader_init(struct reader *r, const struct world *w, uint32_t slot)
{
	r->world = w;
	r->slot = slot;
	r->position = atomic_load(&world_stream(w, slot)->reclaimed);
	r->block = atomic_load(&world_stream(w, slot)->reclaimed_block);
}

static const union abi_log_unit *next_unit(struct reader *r)
{
	const struct world *w = r->world;
	const struct abi_log_block *blocks =
		(const void *)(w->pub_region.base + w->pub->blocks_offset);
	_Atomic uint32_t *next = (void *)(w->pub_region.base + w->pub->block_next_offset);
	if (r->position == 0) {
		r->block = world_stream(w, r->slot)->first_block;
	}
	const union abi_log_unit *unit =
		&blocks[r->block].units[r->position++ % ABI_LOG_BLOCK_UNITS];

	if (r->position % ABI_LOG_BLOCK_UNITS == 0) {
		r->block = atomic_load(&next[r->block]);
		CU_ASSERT_TRUE_FATAL(r->block < w->memory.log_blocks);
	}
	return unit;
}

static void read_slices(struct reader *r)
{
	uint32_t done = 0;
	const union abi_log_unit *unit = NULL;

	for (uint32_t i = 0; i < r->entry.slices; i++) {
		if (i % ABI_LOG_SLICES == 0) {
			unit = next_unit(r);
		}
		uint64_t ref = unit->slices[i % ABI_LOG_SLICES];
		uint32_t len = abi_ref_length(ref);
		CU_ASSERT_TRUE_FATAL(len > 0 && done + len <= r->entry.length);
		CU_ASSERT_TRUE_FATAL(done + len <= sizeof(r->payload) &&
				     i < sizeof(r->refs) / sizeof(r->refs[0]));
		r->refs[i] = ref;
		memcpy(r->payload + done, r->world->packets.region.base + abi_ref_offset(ref), len);
		done += len;
	}
	CU_ASSERT_EQUAL_FATAL(done, r->entry.length);
}

bool reader_next(struct reader *r)
{
	if (r->position >= atomic_load(&world_stream(r->world, r->slot)->head)) {
		return false;
	}
	r->entry = next_unit(r)->entry;
	CU_ASSERT_TRUE_FATAL(r->entry.flags & ABI_LOG_ENTRY);
	read_slices(r);
	return true;
}
