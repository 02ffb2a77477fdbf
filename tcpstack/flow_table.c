#include "flow_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "key.h"

static uint16_t hash_tag(uint32_t hash)
{
	return (uint16_t)(hash >> 16);
}

static uint32_t main_buckets(uint32_t entries)
{
	uint32_t buckets = 4;

	/* Half full at most: overflow buckets are then rare. */
	while (buckets < entries / (FLOW_BUCKET_ENTRIES / 2)) {
		buckets *= 2;
	}
	return buckets;
}

static uint32_t overflow_buckets(uint32_t entries)
{
	return entries / FLOW_BUCKET_ENTRIES + 4;
}

size_t tcp_flow_table_size(uint32_t entries)
{
	return sizeof(struct flow_bucket) *
	       ((size_t)main_buckets(entries) + overflow_buckets(entries));
}

void tcp_flow_table_init(struct tcp_flow_table *table, void *memory, uint32_t entries)
{
	uint32_t first = main_buckets(entries);
	uint32_t end = first + overflow_buckets(entries);

	memset(table, 0, sizeof(*table));
	memset(memory, 0, tcp_flow_table_size(entries));
	table->buckets = memory;
	table->mask = first - 1;
	for (uint32_t i = end - 1; i >= first; i--) {
		table->buckets[i].next = table->overflow_free;
		table->overflow_free = i;
	}
}

void tcp_flow_table_set_records(struct tcp_flow_table *table, enum tcp_record_kind kind,
				const void *base, size_t stride)
{
	table->base[kind] = base;
	table->stride[kind] = (uint32_t)stride;
}

void tcp_flow_table_prefetch_record(const struct tcp_flow_table *table, uint32_t hash)
{
	const struct flow_bucket *bucket = &table->buckets[hash & table->mask];

	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		if (bucket->ref[i] != FLOW_REF_NONE && bucket->tag[i] == hash_tag(hash)) {
			const char *record = flow_record(table, bucket->ref[i]);
			uint32_t size = table->stride[flow_ref_kind(bucket->ref[i])];

			for (uint32_t line = 0; line < size; line += 64) {
				__builtin_prefetch(record + line);
			}
			return;
		}
	}
}

static uint32_t find_in_bucket(const struct tcp_flow_table *table, const struct flow_bucket *bucket,
			       const struct tcp_key *key, uint16_t tag)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		if (bucket->ref[i] != FLOW_REF_NONE && bucket->tag[i] == tag &&
		    tcp_key_equal(flow_record(table, bucket->ref[i]), key)) {
			return bucket->ref[i];
		}
	}
	return FLOW_REF_NONE;
}

uint32_t tcp_flow_table_find(const struct tcp_flow_table *table, const struct tcp_key *key,
			     uint32_t hash)
{
	const struct flow_bucket *bucket = &table->buckets[hash & table->mask];

	for (;;) {
		uint32_t ref = find_in_bucket(table, bucket, key, hash_tag(hash));

		if (ref != FLOW_REF_NONE || bucket->next == 0) {
			return ref;
		}
		bucket = &table->buckets[bucket->next];
	}
}

static bool put_in_bucket(struct flow_bucket *bucket, uint16_t tag, uint32_t ref)
{
	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		if (bucket->ref[i] == FLOW_REF_NONE) {
			bucket->tag[i] = tag;
			bucket->ref[i] = ref;
			return true;
		}
	}
	return false;
}

int tcp_flow_table_insert(struct tcp_flow_table *table, uint32_t hash, uint32_t ref)
{
	struct flow_bucket *bucket = &table->buckets[hash & table->mask];

	while (!put_in_bucket(bucket, hash_tag(hash), ref)) {
		if (bucket->next == 0) {
			uint32_t fresh = table->overflow_free;

			if (fresh == 0) {
				return -ENOSPC;
			}
			table->overflow_free = table->buckets[fresh].next;
			table->buckets[fresh].next = 0;
			bucket->next = fresh;
		}
		bucket = &table->buckets[bucket->next];
	}
	table->count++;
	return 0;
}

/* The bucket and, in `slot`, the place of `ref`; `before` is the bucket that points at it. */
static struct flow_bucket *locate(struct tcp_flow_table *table, uint32_t hash, uint32_t ref,
				  unsigned int *slot, struct flow_bucket **before)
{
	struct flow_bucket *bucket = &table->buckets[hash & table->mask];

	*before = NULL;
	for (;;) {
		for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
			if (bucket->ref[i] == ref) {
				*slot = i;
				return bucket;
			}
		}
		assert(bucket->next != 0);
		*before = bucket;
		bucket = &table->buckets[bucket->next];
	}
}

static bool bucket_empty(const struct flow_bucket *bucket)
{
	uint32_t any = 0;

	for (unsigned int i = 0; i < FLOW_BUCKET_ENTRIES; i++) {
		any |= bucket->ref[i];
	}
	return any == 0;
}

void tcp_flow_table_remove(struct tcp_flow_table *table, uint32_t hash, uint32_t ref)
{
	struct flow_bucket *before;
	unsigned int slot;
	struct flow_bucket *bucket = locate(table, hash, ref, &slot, &before);

	bucket->ref[slot] = FLOW_REF_NONE;
	bucket->tag[slot] = 0;
	table->count--;
	if (before != NULL && bucket_empty(bucket)) {
		uint32_t index = before->next;

		before->next = bucket->next;
		bucket->next = table->overflow_free;
		table->overflow_free = index;
	}
}

void tcp_flow_table_replace(struct tcp_flow_table *table, uint32_t hash, uint32_t old, uint32_t ref)
{
	struct flow_bucket *before;
	unsigned int slot;
	struct flow_bucket *bucket = locate(table, hash, old, &slot, &before);

	bucket->ref[slot] = ref;
}
