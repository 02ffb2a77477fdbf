/*
 * Log writer over plain memory: references are numbers, and each must come back once.
 *
 *	block 0            block 1            block 2
 *	|0 ....... 127|    |128 ..... 255|    |256 ...
 *	 reclaimed ^             ^ head
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/ref.h"
#include "dataplane/log_writer.h"

#define BLOCKS 8u

struct bench {
	struct log_pool pool;
	struct log_writer log;
	struct abi_stream stream;
	struct abi_log_block blocks[BLOCKS];
	_Atomic uint32_t next[BLOCKS];
	uint64_t put;   /* references written */
	uint64_t given; /* references given back: in the same order */
};

static struct bench *bench;

/* The n-th reference: a segment of its own for each four. */
static uint64_t nth(uint64_t n)
{
	return abi_ref_make(3, n / 4 * ABI_SEGMENT_ALIGN, 128, (uint32_t)(n % 1000) + 1);
}

static void on_put(void *app, const uint64_t *refs, uint32_t count)
{
	struct bench *b = app;

	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(refs[i], nth(b->given));
		b->given++;
	}
}

static int setup(void)
{
	bench = calloc(1, sizeof(*bench));
	if (!bench || log_pool_init(&bench->pool, bench->blocks, bench->next, BLOCKS) < 0) {
		return 1;
	}
	bench->pool.put = on_put;
	bench->pool.app = bench;
	bench->pool.truesize = 100;
	return 0;
}

static int teardown(void)
{
	log_pool_fini(&bench->pool);
	free(bench);
	return 0;
}

static void start(void)
{
	bench->put = bench->given = 0;
	CU_ASSERT_EQUAL_FATAL(bench->pool.free_count, BLOCKS);
	log_open(&bench->log, &bench->pool, &bench->stream);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS);
}

static void finish(void)
{
	log_reclaim(&bench->log, bench->log.head, UINT32_MAX);
	CU_ASSERT_EQUAL(bench->given, bench->put);
	CU_ASSERT_EQUAL(bench->log.pinned, 0);
	CU_ASSERT_EQUAL(bench->pool.pinned, 0);
	log_close(&bench->log);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS);
}

static int append(uint32_t slices)
{
	struct abi_log_entry entry = {.slices = slices, .type = 9};
	int err = log_begin(&bench->log, &entry);

	if (err < 0) {
		return err;
	}
	for (uint32_t i = 0; i < slices; i++) {
		uint64_t ref = nth(bench->put++);
		log_put(&bench->log, &ref, 1);
	}
	log_commit(&bench->log);
	return 0;
}

static void test_units(void)
{
	start();
	CU_ASSERT_EQUAL(append(0), 0);
	CU_ASSERT_EQUAL(bench->log.head, 1);
	CU_ASSERT_EQUAL(append(4), 0);
	CU_ASSERT_EQUAL(bench->log.head, 3);
	CU_ASSERT_EQUAL(append(5), 0);
	CU_ASSERT_EQUAL(bench->log.head, 6);
	const union abi_log_unit *u = bench->blocks[bench->stream.first_block].units;
	CU_ASSERT_EQUAL(u[0].entry.flags, ABI_LOG_ENTRY);
	CU_ASSERT_EQUAL(u[3].entry.number, 2);
	CU_ASSERT_EQUAL(u[3].entry.slices, 5);
	CU_ASSERT_EQUAL(u[5].slices[0], nth(8));
	CU_ASSERT_EQUAL(u[5].slices[1], 0);
	CU_ASSERT_EQUAL(atomic_load(&bench->stream.head), 6);
	CU_ASSERT_EQUAL(bench->log.pinned, 300);
	finish();
}

/* A message longer than a block. */
static void test_spans_blocks(void)
{
	start();
	CU_ASSERT_EQUAL(append(3), 0);
	CU_ASSERT_EQUAL(append(1000), 0);
	CU_ASSERT_EQUAL(bench->log.head, 2 + 251);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS - 2);
	finish();
}

/* At each offset in the block and each number of slices: all or nothing, and all comes back. */
static void test_full(void)
{
	for (uint32_t first = 0; first < 520; first += 7) {
		start();
		CU_ASSERT_EQUAL(append(first), 0);
		uint32_t slices = 1;
		int err;
		while (!(err = append(slices))) {
			slices = slices * 2 % 1500 + 1;
		}
		CU_ASSERT_EQUAL(err, -ENOSPC);
		CU_ASSERT_EQUAL(bench->log.head, atomic_load(&bench->stream.head));
		CU_ASSERT_EQUAL(bench->log.cursor, bench->log.head);
		/* What was refused is no loss: after giving back there is room for it. */
		log_reclaim(&bench->log, bench->log.head, UINT32_MAX);
		CU_ASSERT_EQUAL(append(slices), 0);
		finish();
	}
}

/* The block of `head` is there as soon as `head` points to it. */
static void test_boundary(void)
{
	start();
	for (uint32_t i = 0; i < ABI_LOG_BLOCK_UNITS / 2; i++) {
		CU_ASSERT_EQUAL(append(1), 0);
	}
	uint32_t first = bench->stream.first_block;
	CU_ASSERT_EQUAL(bench->log.head, ABI_LOG_BLOCK_UNITS);
	uint32_t second = atomic_load(&bench->next[first]);
	CU_ASSERT_NOT_EQUAL(second, ABI_LOG_NO_BLOCK);
	/* Given back up to the boundary: a reader that waits there still finds its way. */
	CU_ASSERT_EQUAL(log_reclaim(&bench->log, bench->log.head, UINT32_MAX), 128);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS - 2);
	CU_ASSERT_EQUAL(atomic_load(&bench->next[first]), second);
	CU_ASSERT_EQUAL(atomic_load(&bench->stream.reclaimed), 128);
	CU_ASSERT_EQUAL(atomic_load(&bench->stream.reclaimed_block), second);
	CU_ASSERT_EQUAL(append(1), 0);
	CU_ASSERT_EQUAL(log_reclaim(&bench->log, 129, UINT32_MAX), 1);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS - 1);
	finish();
	/* Closed while it stands at a boundary. */
	start();
	for (uint32_t i = 0; i < ABI_LOG_BLOCK_UNITS / 2; i++) {
		CU_ASSERT_EQUAL(append(1), 0);
	}
	finish();
}

/* Any step and budget, into the middle of messages. */
static void test_reclaim_in_steps(void)
{
	for (uint32_t step = 1; step < 300; step += 13) {
		start();
		srand(step);
		for (uint32_t i = 0; i < 4000; i++) {
			(void)append((uint32_t)rand() % 40);
			uint64_t to = bench->log.reclaimed + step;
			to = to < bench->log.head ? to : bench->log.head;
			uint64_t before = bench->log.reclaimed;
			uint32_t units = log_reclaim(&bench->log, to, 17);
			CU_ASSERT_TRUE(units <= 17);
			CU_ASSERT_EQUAL(bench->log.reclaimed, before + units);
		}
		finish();
	}
}

/* A log takes its first block with its first message, or refuses that. */
static void test_no_block(void)
{
	uint32_t taken[BLOCKS];

	start();
	CU_ASSERT_EQUAL(bench->stream.first_block, ABI_LOG_NO_BLOCK);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		taken[i] = log_block_get(&bench->pool);
	}
	CU_ASSERT_EQUAL(append(1), -ENOSPC);
	CU_ASSERT_EQUAL(bench->stream.first_block, ABI_LOG_NO_BLOCK);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		log_block_put(&bench->pool, taken[i]);
	}
	CU_ASSERT_EQUAL(append(1), 0);
	CU_ASSERT_TRUE(bench->stream.first_block < BLOCKS);
	CU_ASSERT_EQUAL(bench->pool.free_count, BLOCKS - 1);
	finish();
}

int main(void)
{
	CU_initialize_registry();
	CU_pSuite suite = CU_add_suite("log_writer", setup, teardown);
	CU_add_test(suite, "units", test_units);
	CU_add_test(suite, "messages over blocks", test_spans_blocks);
	CU_add_test(suite, "full pool", test_full);
	CU_add_test(suite, "block boundary", test_boundary);
	CU_add_test(suite, "giving back in steps", test_reclaim_in_steps);
	CU_add_test(suite, "no block", test_no_block);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}
