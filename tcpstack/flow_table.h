/*
 * The flow table: key -> reference of a record (kind and index). Buckets are one cache line: eight
 * 16-bit tags, eight references and the number of an overflow bucket. A burst is looked up in
 * stages, so that its cache misses overlap: prefetch all buckets, then the records that the tags
 * point at, then compare keys.
 *
 * The hash is keyed (isn.h): an attacker cannot aim at one bucket.
 */
#ifndef TCPSTACK_FLOW_TABLE_H
#define TCPSTACK_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_key;

enum tcp_record_kind {
	TCP_RECORD_NONE,
	TCP_RECORD_CONNECTION,
	TCP_RECORD_SYN,
	TCP_RECORD_TIME_WAIT,
	TCP_RECORD_KINDS
};

#define FLOW_BUCKET_ENTRIES 8
#define FLOW_REF_NONE       0U

struct flow_bucket {
	uint16_t tag[FLOW_BUCKET_ENTRIES];
	uint32_t ref[FLOW_BUCKET_ENTRIES];
	uint32_t next; /* overflow bucket, 0: none */
	uint32_t zero[3];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct flow_bucket) == 64, "a bucket is one cache line");

struct tcp_flow_table {
	struct flow_bucket *buckets;
	uint32_t mask;
	uint32_t overflow_free; /* list through `next`; 0: empty */
	uint32_t count;
	const uint8_t *base[TCP_RECORD_KINDS]; /* records; each begins with its key */
	uint32_t stride[TCP_RECORD_KINDS];
};

static inline uint32_t flow_ref(enum tcp_record_kind kind, uint32_t index)
{
	return (uint32_t)kind << 30 | index;
}

static inline enum tcp_record_kind flow_ref_kind(uint32_t ref)
{
	return (enum tcp_record_kind)(ref >> 30);
}

static inline uint32_t flow_ref_index(uint32_t ref)
{
	return ref & 0x3fffffffU;
}

static inline const void *flow_record(const struct tcp_flow_table *table, uint32_t ref)
{
	enum tcp_record_kind kind = flow_ref_kind(ref);

	return table->base[kind] + (size_t)table->stride[kind] * flow_ref_index(ref);
}

/* Bytes of bucket memory for `entries` records, 64-byte aligned and zeroed by the caller. */
size_t tcp_flow_table_size(uint32_t entries);
void tcp_flow_table_init(struct tcp_flow_table *table, void *memory, uint32_t entries);
void tcp_flow_table_set_records(struct tcp_flow_table *table, enum tcp_record_kind kind,
				const void *base, size_t stride);

static inline void tcp_flow_table_prefetch(const struct tcp_flow_table *table, uint32_t hash)
{
	__builtin_prefetch(&table->buckets[hash & table->mask]);
}

/* Second stage: prefetches all of the record that the first matching tag names. */
void tcp_flow_table_prefetch_record(const struct tcp_flow_table *table, uint32_t hash);

/* FLOW_REF_NONE when there is no such key. */
uint32_t tcp_flow_table_find(const struct tcp_flow_table *table, const struct tcp_key *key,
			     uint32_t hash);
/* 0 or -ENOSPC. The key must not be in the table. */
int tcp_flow_table_insert(struct tcp_flow_table *table, uint32_t hash, uint32_t ref)
	__attribute__((warn_unused_result));
void tcp_flow_table_remove(struct tcp_flow_table *table, uint32_t hash, uint32_t ref);
/* Replaces `old`, which stands in the table under the same key: cannot fail. */
void tcp_flow_table_replace(struct tcp_flow_table *table, uint32_t hash, uint32_t old,
			    uint32_t ref);

#endif
