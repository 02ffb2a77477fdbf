/*
 * What one source has of us: half-open and established connections that it opened, and how many it
 * opened in this second. A source is an IPv4 address or the /64 of an IPv6 address, which one host
 * can have all of.
 *
 * A fixed table of hashed entries in buckets of one cache line. An entry whose counts are 0 is
 * free. A source that finds its bucket full is not counted: nobody is refused for what others do.
 * The hash is keyed; two sources pass for one with a chance of 2^-32 for each pair in a bucket.
 */
#ifndef TCPSTACK_SOURCE_H
#define TCPSTACK_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_BUCKET_ENTRIES 4

struct in6_addr;
struct tcp_stack;

struct source {
	uint32_t tag;
	uint32_t connections; /* established */
	uint16_t half_open;
	uint16_t opened; /* handshakes completed in `second` */
	uint32_t second;
};

struct source_bucket {
	struct source entry[SOURCE_BUCKET_ENTRIES];
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct source_bucket) == 64, "a bucket is one cache line");

struct source_table {
	struct source_bucket *buckets; /* NULL: nothing is limited */
	uint32_t mask;
};

/* Bytes for so many connections and half-open records, zeroed by the caller; 0: no limits. */
size_t source_table_size(uint32_t records);
void source_table_init(struct source_table *table, void *memory, uint32_t records);

/* NULL: it has nothing, or is not counted. */
struct source *source_find(struct tcp_stack *stack, const struct in6_addr *addr);
/* The same, or a new entry; NULL: nothing is limited, or the bucket is full. */
struct source *source_get(struct tcp_stack *stack, const struct in6_addr *addr);

/* May it complete one more handshake, have one more half-open record? `source` may be NULL. */
bool source_may_connect(const struct tcp_stack *stack, const struct source *source);
bool source_may_wait(const struct tcp_stack *stack, const struct source *source);

/* A connection that it opened begins, ends. */
void source_opened(struct tcp_stack *stack, const struct in6_addr *addr);
void source_closed(struct tcp_stack *stack, const struct in6_addr *addr);
/* The same of a half-open record. */
void source_waits(struct source *source);
void source_waits_no_more(struct tcp_stack *stack, const struct in6_addr *addr);

#endif
