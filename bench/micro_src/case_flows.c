/*
 * The flow table with half a million flows, looked up in random order: each lookup misses the cache
 * for its bucket and for the record, whose key is compared. In bursts, as tcp_input() does it
 * (first all buckets are fetched, then all records), and one by one. The hash is made before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/micro_src/micro.h"
#include "flow_table.h"
#include "key.h"

#define FLOWS   500000u
#define BURST   32u
#define HUGE    (2u << 20)
#define LOOKUPS (BURST * (size_t)64) /* of a sample */

/* Of the size of a connection's first line. */
struct record {
	struct tcp_key key;
	uint8_t rest[64 - sizeof(struct tcp_key)];
};

static struct record *records;
static void *buckets;
static struct tcp_flow_table table;
static uint32_t state = 1;

static uint32_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

static uint32_t hash_of(uint32_t i)
{
	uint64_t mixed = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15ULL;

	return (uint32_t)(mixed >> 32) ^ (uint32_t)mixed;
}

/* On huge pages, where a stack has its tables too, if the kernel gives any. */
static void *allocate(size_t size)
{
	void *memory = aligned_alloc(HUGE, (size + HUGE - 1) / HUGE * HUGE);

	if (memory != NULL) {
		(void)madvise(memory, size, MADV_HUGEPAGE);
		memset(memory, 0, size);
	}
	return memory;
}

static void close_flows(void)
{
	free(records);
	free(buckets);
	records = NULL;
	buckets = NULL;
}

static int fill(void)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < FLOWS; i++) {
		records[i].key = (struct tcp_key){.remote_port = (uint16_t)i, .local_port = 1935};
		records[i].key.remote.s6_addr32[3] = i;
		rc = tcp_flow_table_insert(&table, hash_of(i), flow_ref(TCP_RECORD_CONNECTION, i));
	}
	return rc;
}

static int open_flows(uint32_t parameter)
{
	int rc;

	(void)parameter;
	records = allocate(FLOWS * sizeof(*records));
	buckets = allocate(tcp_flow_table_size(FLOWS));
	if (records == NULL || buckets == NULL) {
		close_flows();
		return -ENOMEM;
	}
	tcp_flow_table_init(&table, buckets, FLOWS);
	tcp_flow_table_set_records(&table, TCP_RECORD_CONNECTION, records, sizeof(*records));
	rc = fill();
	if (rc < 0) {
		close_flows();
	}
	return rc;
}

static uint32_t lookup_burst(const struct tcp_key *keys, const uint32_t *hashes)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < BURST; i++) {
		tcp_flow_table_prefetch(&table, hashes[i]);
	}
	for (uint32_t i = 0; i < BURST; i++) {
		tcp_flow_table_prefetch_record(&table, hashes[i]);
	}
	for (uint32_t i = 0; i < BURST; i++) {
		found += tcp_flow_table_find(&table, &keys[i], hashes[i]) != FLOW_REF_NONE;
	}
	return found;
}

static uint32_t lookup_singly(const struct tcp_key *keys, const uint32_t *hashes)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < BURST; i++) {
		found += tcp_flow_table_find(&table, &keys[i], hashes[i]) != FLOW_REF_NONE;
	}
	return found;
}

static void measure(struct micro_count *count,
		    uint32_t (*lookup)(const struct tcp_key *keys, const uint32_t *hashes))
{
	static struct tcp_key keys[LOOKUPS];
	static uint32_t hashes[LOOKUPS];
	uint32_t found = 0;

	/* The key as a packet brings it: not the one in the record. */
	for (uint32_t i = 0; i < LOOKUPS; i++) {
		uint32_t flow = next_random() % FLOWS;

		keys[i] = (struct tcp_key){.remote_port = (uint16_t)flow, .local_port = 1935};
		keys[i].remote.s6_addr32[3] = flow;
		hashes[i] = hash_of(flow);
	}
	micro_begin();
	for (uint32_t i = 0; i < LOOKUPS; i += BURST) {
		found += lookup(keys + i, hashes + i);
	}
	micro_end();
	MICRO_REQUIRE(found == LOOKUPS);
	count->operations = LOOKUPS;
}

static void in_bursts(struct micro_count *count)
{
	measure(count, lookup_burst);
}

static void one_by_one(struct micro_count *count)
{
	measure(count, lookup_singly);
}

const struct micro_case micro_flow_cases[] = {
	{"flows/lookup-500k-bulk-32", "lookup", 0, open_flows, in_bursts, close_flows},
	{"flows/lookup-500k-single", "lookup", 0, open_flows, one_by_one, close_flows},
	{.name = NULL},
};
