/*
 * The media log: messages in, read as control reads them, and given back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/ref.h"
#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"
#include "dataplane/log_writer.h"
#include "relay/log_reader.h"

#define BLOCKS   64u
#define MESSAGES 128u
#define SLICES   4u /* a message of 4,096 bytes in segments of 1,448 */
#define LENGTH   1024u

static struct {
	struct log_pool pool;
	struct log_writer log;
	struct abi_stream stream;
	struct abi_log_block *blocks;
	_Atomic uint32_t next[BLOCKS];
	struct log_regions regions;
	struct log_view view;
	struct log_cursor cursor;
	uint64_t put; /* references that came back */
} bench;

static void on_put(void *app, const uint64_t *refs, uint32_t count)
{
	(void)app;
	(void)refs;
	bench.put += count;
}

static int open_log(uint32_t parameter)
{
	(void)parameter;
	memset(&bench, 0, sizeof(bench));
	bench.blocks = aligned_alloc(4096, BLOCKS * sizeof(*bench.blocks));
	if (bench.blocks == NULL) {
		return -ENOMEM;
	}
	memset(bench.blocks, 0, BLOCKS * sizeof(*bench.blocks));
	int err = log_pool_init(&bench.pool, bench.blocks, bench.next, BLOCKS);
	if (err < 0) {
		return err;
	}
	bench.pool.put = on_put;
	bench.pool.truesize = plant.rig.packets_of[0].truesize;
	bench.regions.regions[0].base = plant.rig.packets_of[0].region.base;
	bench.regions.regions[0].size = plant.rig.packets_of[0].region.size;
	bench.view = (struct log_view){
		.units = bench.blocks[0].units,
		.block_next = bench.next,
		.blocks = BLOCKS,
		.regions = &bench.regions,
	};
	log_open(&bench.log, &bench.pool, &bench.stream);
	log_cursor_init(&bench.cursor, 0, ABI_LOG_NO_BLOCK);
	return 0;
}

static void close_log(void)
{
	log_close(&bench.log);
	log_pool_fini(&bench.pool);
	free(bench.blocks);
}

static void append_all(void)
{
	const struct abi_log_entry entry = {.length = SLICES * LENGTH, .slices = SLICES, .type = 9};
	uint64_t refs[SLICES];

	for (uint32_t i = 0; i < MESSAGES; i++) {
		for (uint32_t j = 0; j < SLICES; j++) {
			uint64_t segment = (uint64_t)(i * SLICES + j) * 4096;

			refs[j] = abi_ref_make(0, segment, 256, LENGTH);
		}
		MICRO_REQUIRE(log_begin(&bench.log, &entry) == 0);
		log_put(&bench.log, refs, SLICES);
		log_commit(&bench.log);
	}
}

static void read_all(void)
{
	struct log_message message;
	struct log_slices slices;
	struct iovec iov;
	uint32_t count = 0;
	uint64_t head = atomic_load_explicit(&bench.stream.head, memory_order_acquire);

	if (bench.cursor.position == 0) {
		bench.cursor.block = bench.stream.first_block;
	}
	while (log_reader_next(&bench.view, &bench.cursor, head, &message) == 1) {
		log_slices_init(&slices, &message);
		while (log_slices_next(&bench.view, &slices, &iov) == 1) {
			count++;
		}
	}
	MICRO_REQUIRE(count == MESSAGES * SLICES);
}

static void reclaim_all(void)
{
	bench.put = 0;
	(void)log_reclaim(&bench.log, bench.log.head, UINT32_MAX);
	MICRO_REQUIRE(bench.put == (uint64_t)MESSAGES * SLICES);
}

static void append(struct micro_count *count)
{
	micro_begin();
	append_all();
	micro_end();
	read_all();
	reclaim_all();
	count->operations = MESSAGES;
}

static void consume(struct micro_count *count)
{
	append_all();
	micro_begin();
	read_all();
	micro_end();
	reclaim_all();
	count->operations = MESSAGES;
}

static void reclaim(struct micro_count *count)
{
	append_all();
	read_all();
	micro_begin();
	reclaim_all();
	micro_end();
	count->operations = MESSAGES;
}

const struct micro_case micro_log_cases[] = {
	{"log/append", "message", 0, open_log, append, close_log},
	{"log/consume", "message", 0, open_log, consume, close_log},
	{"log/reclaim", "message", 0, open_log, reclaim, close_log},
	{.name = NULL},
};
