/*
 * Layout of `pub`: tables aligned, apart, inside the region, and constant fields filled in.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/counters.h"
#include "dataplane/pub.h"
#include "suite.h"

struct table {
	uint64_t offset;
	uint64_t size;
};

static void check_tables(const struct abi_pub *pub)
{
	const struct table tables[] = {
		{0, sizeof(*pub)},
		{pub->streams_offset, pub->streams * sizeof(struct abi_stream)},
		{pub->block_next_offset, pub->blocks * sizeof(uint32_t)},
		{pub->blocks_offset, pub->blocks * sizeof(struct abi_log_block)},
		{pub->events_offset, ABI_EVENT_RING * sizeof(struct abi_event)},
		{pub->news_offset, ABI_NEWS_RING * sizeof(uint32_t)},
		{pub->counter_names_offset, pub->counters * sizeof(struct abi_counter)},
		{pub->trace_offset, abi_trace_size(pub->trace_records)},
		{pub->trace_events_offset, pub->trace_events * sizeof(struct abi_trace_event)},
		{pub->names_offset, pub->names * sizeof(struct abi_name)},
		{pub->page_offset, sizeof(struct abi_page)},
	};
	const uint32_t count = sizeof(tables) / sizeof(tables[0]);

	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(tables[i].offset % 4096, 0);
		CU_ASSERT_TRUE(tables[i].offset + tables[i].size <= pub->size);
		for (uint32_t j = i + 1; j < count; j++) {
			CU_ASSERT_TRUE(tables[i].offset + tables[i].size <= tables[j].offset ||
				       tables[j].offset + tables[j].size <= tables[i].offset);
		}
	}
}

static void check(uint32_t streams, uint32_t blocks)
{
	struct config_memory memory = {.streams = streams, .log_blocks = blocks};
	struct dp_pub_config config = {
		.worker = 3, .cpu = 7, .numa_node = -1, .generation = 99, .memory = &memory};
	struct dp_region region;

	CU_ASSERT_EQUAL_FATAL(dp_pub_create(&region, &config), 0);
	const struct abi_pub *pub = dp_pub(&region);
	CU_ASSERT_EQUAL(pub->magic, ABI_MAGIC);
	CU_ASSERT_EQUAL(pub->version, ABI_VERSION);
	CU_ASSERT_EQUAL(pub->worker, 3);
	CU_ASSERT_EQUAL(pub->cpu, 7);
	CU_ASSERT_EQUAL(pub->generation, 99);
	CU_ASSERT_EQUAL(pub->size, region.size);
	CU_ASSERT_EQUAL(pub->streams, streams);
	CU_ASSERT_EQUAL(pub->blocks, blocks);
	check_tables(pub);
	const struct abi_counter *names = (const void *)(region.base + pub->counter_names_offset);
	CU_ASSERT_TRUE_FATAL(pub->counters > DP_COUNTER_COUNT);
	CU_ASSERT_STRING_EQUAL(names[DP_COUNTER_messages].name, "messages");
	dp_region_destroy(&region);
}

static void test_sizes(void)
{
	check(1, 1);
	check(1024, 8192);
	check(333, 777);
}

/* What control gets cannot be written, whatever it tries. */
static void test_read_only(void)
{
	struct config_memory memory = {.streams = 4, .log_blocks = 4};
	struct dp_pub_config config = {.numa_node = -1, .generation = 1, .memory = &memory};
	struct dp_region region;

	CU_ASSERT_EQUAL_FATAL(dp_pub_create(&region, &config), 0);
	int fd = dp_region_export(&region);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_PTR_EQUAL(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
			    MAP_FAILED);
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(map, MAP_FAILED);
	CU_ASSERT_NOT_EQUAL(mprotect(map, 4096, PROT_READ | PROT_WRITE), 0);
	munmap(map, 4096);
	close(fd);
	dp_region_destroy(&region);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"tables", test_sizes},
		{"control cannot write", test_read_only},
		{NULL, NULL},
	};
	return suite_run("pub", tests);
}
