#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "flow_table.h"
#include "key.h"
#include "suites.h"

#define ENTRIES 512

struct record {
	struct tcp_key key;
	uint32_t hash;
	bool present;
};

static struct record records[ENTRIES];

static void make(struct tcp_flow_table *table, void **memory, uint32_t hash_mask)
{
	memset(records, 0, sizeof(records));
	for (uint32_t i = 0; i < ENTRIES; i++) {
		records[i].key.remote_port = (uint16_t)(i + 1);
		records[i].hash = (i + 1) * 2654435761U & hash_mask;
	}
	*memory = aligned_alloc(64, tcp_flow_table_size(ENTRIES));
	tcp_flow_table_init(table, *memory, ENTRIES);
	tcp_flow_table_set_records(table, TCP_RECORD_CONNECTION, records, sizeof(records[0]));
}

static uint32_t find(const struct tcp_flow_table *table, uint32_t i)
{
	return tcp_flow_table_find(table, &records[i].key, records[i].hash);
}

/* Random insertions and removals against a plain array. */
static void churn(uint32_t hash_mask, uint32_t limit)
{
	struct tcp_flow_table table;
	void *memory;
	uint32_t count = 0;
	uint64_t random = 1;

	make(&table, &memory, hash_mask);
	for (int step = 0; step < 20000; step++) {
		uint32_t i =
			(uint32_t)((random = random * 6364136223846793005ULL + 1) >> 40) % ENTRIES;
		uint32_t ref = flow_ref(TCP_RECORD_CONNECTION, i);

		if (records[i].present) {
			CU_ASSERT_EQUAL(find(&table, i), ref);
			tcp_flow_table_remove(&table, records[i].hash, ref);
			records[i].present = false;
			count--;
		} else if (count < limit) {
			CU_ASSERT_EQUAL(find(&table, i), FLOW_REF_NONE);
			CU_ASSERT_EQUAL(tcp_flow_table_insert(&table, records[i].hash, ref), 0);
			records[i].present = true;
			count++;
		}
		CU_ASSERT_EQUAL(table.count, count);
	}
	for (uint32_t i = 0; i < ENTRIES; i++) {
		CU_ASSERT_EQUAL(find(&table, i) != FLOW_REF_NONE, records[i].present);
	}
	free(memory);
}

static void test_churn(void)
{
	churn(UINT32_MAX, ENTRIES);
}

/* All keys in two buckets: everything goes through overflow. */
static void test_overflow(void)
{
	churn(0xffff0001U, ENTRIES);
}

static void test_full(void)
{
	struct tcp_flow_table table;
	void *memory;
	uint32_t inserted = 0;

	make(&table, &memory, 0);
	while (inserted < ENTRIES &&
	       tcp_flow_table_insert(&table, 0, flow_ref(TCP_RECORD_CONNECTION, inserted)) == 0) {
		inserted++;
	}
	/* One bucket has all overflow buckets: 8 * (1 + 512 / 8 + 4) entries would fit. */
	CU_ASSERT_EQUAL(inserted, ENTRIES);
	free(memory);
	make(&table, &memory, 0);
	table.overflow_free = 0;
	for (uint32_t i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL(tcp_flow_table_insert(&table, 0, flow_ref(TCP_RECORD_SYN, i)), 0);
	}
	CU_ASSERT_EQUAL(tcp_flow_table_insert(&table, 0, flow_ref(TCP_RECORD_SYN, 8)), -ENOSPC);
	CU_ASSERT_EQUAL(table.count, 8);
	free(memory);
}

CU_TestInfo flow_table_tests[] = {{"random churn", test_churn},
				  {"overflow buckets", test_overflow},
				  {"full", test_full},
				  CU_TEST_INFO_NULL};
