/*
 * Reading trace rings: order over all of them, the connection that is asked for, what was
 * overwritten. (That readers and writer may run at once is shown by tests/stress/inspect.c.)
 */
#include "trace.h"

#include <string.h>

#include "check.h"

#define RECORDS 128u
#define MAX     1024u

static alignas(64) uint8_t memory[sizeof(struct abi_trace) +
				  sizeof(struct abi_trace_record) * ABI_TRACE_RINGS * RECORDS];
static struct abi_trace *trace;
static struct trace_cursor cursor;
static struct trace_event events[MAX];

static void start(void)
{
	memset(memory, 0, sizeof(memory));
	trace = (struct abi_trace *)(void *)memory;
	for (uint32_t i = 0; i < ABI_TRACE_RINGS; i++) {
		cursor.next[i] = TRACE_FROM_OLDEST;
	}
}

static void put(uint32_t ring, uint64_t stamp, uint32_t connection)
{
	uint64_t head = atomic_load(&trace->ring[ring].head);
	struct abi_trace_record *record =
		&trace->records[(size_t)ring * RECORDS + (size_t)(head % RECORDS)];

	atomic_store(&record->stamp, stamp);
	atomic_store(&record->connection, connection);
	atomic_store(&record->event, ring);
	atomic_store(&record->argument[0], (uint32_t)stamp);
	atomic_store(&record->argument[1], ~(uint32_t)stamp);
	atomic_store(&trace->ring[ring].head, head + 1);
}

static struct trace_result read_some(uint32_t connection, uint32_t max)
{
	return trace_read(trace, RECORDS, &cursor, connection, events, max);
}

static void test_empty(void)
{
	struct trace_result result;

	start();
	result = read_some(0, MAX);
	CU_ASSERT_EQUAL(result.count, 0);
	CU_ASSERT_EQUAL(result.lost, 0);
	CU_ASSERT_FALSE(result.more);
	put(0, 1, 1);
	result = read_some(0, MAX);
	CU_ASSERT_EQUAL(result.count, 1);
	CU_ASSERT_EQUAL(read_some(0, MAX).count, 0);
}

/* Rings are written in turns of their own; what comes out is the order of the stamps. */
static void test_merged(void)
{
	const uint32_t rings[] = {0, 0, 1, 0, 2, 1, 1, 0, 2, 2};
	struct trace_result result;

	start();
	for (uint32_t i = 0; i < 10; i++) {
		put(rings[i], 100 + i, 1);
	}
	result = read_some(0, MAX);
	CU_ASSERT_EQUAL_FATAL(result.count, 10);
	for (uint32_t i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(events[i].stamp, 100 + i);
		CU_ASSERT_EQUAL(events[i].event, rings[i]);
		CU_ASSERT_EQUAL(events[i].argument[0], 100 + i);
		CU_ASSERT_EQUAL(events[i].argument[1], ~(100 + i));
	}
}

/* Every size of reading gives the same events, one after the other. */
static void test_in_pieces(void)
{
	for (uint32_t max = 1; max <= 130; max++) {
		uint64_t expected = 0;
		struct trace_result result;

		start();
		for (uint32_t i = 0; i < 100; i++) {
			put(i % 3, i, 1);
		}
		do {
			result = read_some(0, max);
			for (uint32_t i = 0; i < result.count; i++) {
				CU_ASSERT_EQUAL(events[i].stamp, expected++);
			}
			CU_ASSERT_EQUAL(result.lost, 0);
		} while (result.more);
		CU_ASSERT_EQUAL(expected, 100);
	}
}

static void test_one_connection(void)
{
	struct trace_result result;

	start();
	for (uint32_t i = 0; i < 90; i++) {
		put(i % 3, i, 1 + i % 4);
	}
	result = read_some(3, 5);
	CU_ASSERT_EQUAL(result.count, 5);
	CU_ASSERT(result.more);
	CU_ASSERT_EQUAL(events[0].stamp, 2);
	CU_ASSERT_EQUAL(events[4].stamp, 18);
	result = read_some(3, MAX);
	CU_ASSERT_EQUAL(result.count, 17);
	CU_ASSERT_EQUAL(events[0].stamp, 22);
	CU_ASSERT_FALSE(result.more);
}

/* A reader that comes for the first time has lost nothing; one that comes late is told. */
static void test_overwritten(void)
{
	struct trace_result result;

	start();
	for (uint32_t i = 0; i < 3 * RECORDS; i++) {
		put(0, i, 1);
	}
	result = read_some(0, MAX);
	CU_ASSERT_EQUAL(result.lost, 0);
	CU_ASSERT(result.count >= RECORDS / 2);
	CU_ASSERT_EQUAL(events[result.count - 1].stamp, 3 * RECORDS - 1);
	for (uint32_t i = 0; i < RECORDS + 10; i++) {
		put(0, 1000 + i, 1);
	}
	put(1, 5000, 1);
	result = read_some(0, MAX);
	/* One more than was overwritten: the oldest may be under the worker's hands. */
	CU_ASSERT_EQUAL(result.lost, 11);
	CU_ASSERT_EQUAL(result.count, RECORDS);
	CU_ASSERT_EQUAL(events[0].stamp, 1011);
	CU_ASSERT_EQUAL(events[result.count - 1].stamp, 5000);
}

/* Exactly full: the oldest record is the next to be written over. */
static void test_full(void)
{
	start();
	for (uint32_t i = 0; i < RECORDS; i++) {
		put(2, i, 1);
		cursor.next[2] = 0;
		struct trace_result result = read_some(0, MAX);
		CU_ASSERT_EQUAL(result.count + result.lost, i + 1);
	}
}

/* Of a dataplane that was started anew. */
static void test_foreign_cursor(void)
{
	start();
	put(0, 1, 1);
	cursor.next[0] = 500;
	cursor.next[1] = 7;
	CU_ASSERT_EQUAL(read_some(0, MAX).count, 1);
	CU_ASSERT_EQUAL(cursor.next[0], 1);
	CU_ASSERT_EQUAL(cursor.next[1], 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"empty rings", test_empty},
		{"order over rings", test_merged},
		{"in pieces", test_in_pieces},
		{"one connection", test_one_connection},
		{"overwritten", test_overwritten},
		{"exactly full", test_full},
		{"a place that is not there", test_foreign_cursor},
		CU_TEST_INFO_NULL,
	};

	return check_run("trace", tests);
}
