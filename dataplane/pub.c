#include "dataplane/pub.h"

#include <stdio.h>

#include "abi/play.h"
#include "dataplane/counters.h"
#include "dataplane/describe.h"

#define TABLE_ALIGN 4096u

static uint64_t place(uint64_t *end, uint64_t size)
{
	uint64_t offset = *end;

	*end += (size + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
	return offset;
}

/* Fills in sizes and offsets. */
static void lay_out(struct abi_pub *pub, const struct dp_pub_config *config)
{
	const struct config_memory *memory = config->memory;
	uint64_t end = 0;

	pub->streams = memory->streams;
	pub->blocks = memory->log_blocks;
	pub->connection_slots = memory->connections;
	(void)place(&end, sizeof(*pub));
	pub->streams_offset = place(&end, pub->streams * sizeof(struct abi_stream));
	pub->block_next_offset = place(&end, pub->blocks * sizeof(_Atomic uint32_t));
	pub->blocks_offset = place(&end, pub->blocks * sizeof(struct abi_log_block));
	pub->events_offset = place(&end, ABI_EVENT_RING * sizeof(struct abi_event));
	pub->news_offset = place(&end, ABI_NEWS_RING * sizeof(_Atomic uint32_t));
	pub->counter_names_offset = place(&end, ABI_COUNTERS_MAX * sizeof(struct abi_counter));
	pub->trace_records = ABI_TRACE_RECORDS;
	pub->trace_offset = place(&end, abi_trace_size(pub->trace_records));
	pub->trace_events_offset =
		place(&end, ABI_TRACE_EVENTS_MAX * sizeof(struct abi_trace_event));
	pub->names_offset = place(&end, ABI_NAMES_MAX * sizeof(struct abi_name));
	pub->page_offset = place(&end, sizeof(struct abi_page));
	pub->players = config->players;
	pub->players_offset = place(&end, pub->players * sizeof(struct abi_player));
	pub->size = end;
}

static void fill(struct dp_region *region, const struct dp_pub_config *config)
{
	struct abi_pub *pub = dp_pub(region);

	lay_out(pub, config);
	pub->magic = ABI_MAGIC;
	pub->version = ABI_VERSION;
	pub->worker = config->worker;
	pub->generation = config->generation;
	pub->size = region->size;
	pub->cpu = config->cpu;
	pub->numa_node = config->numa_node;
	pub->counters = dp_counters_describe(
		(struct abi_counter *)(void *)(region->base + pub->counter_names_offset),
		ABI_COUNTERS_MAX);
	dp_describe(pub);
}

int dp_pub_create(struct dp_region *region, const struct dp_pub_config *config)
{
	struct abi_pub layout;
	char name[32];

	lay_out(&layout, config);
	(void)snprintf(name, sizeof(name), "penstock-pub-%u", config->worker);
	int err = dp_region_create(region, name, layout.size, config->numa_node,
				   config->region_flags);
	if (err == 0) {
		fill(region, config);
	}
	return err;
}
