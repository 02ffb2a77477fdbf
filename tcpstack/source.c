#include "source.h"

#include "stack.h"

/* Of ten places four are taken when every record is of another source. */
static uint32_t buckets_for(uint32_t records)
{
	uint32_t buckets = 1;

	while ((uint64_t)buckets * SOURCE_BUCKET_ENTRIES < records * 2ULL) {
		buckets *= 2;
	}
	return buckets;
}

size_t source_table_size(uint32_t records)
{
	return records == 0 ? 0 : sizeof(struct source_bucket) * buckets_for(records);
}

void source_table_init(struct source_table *table, void *memory, uint32_t records)
{
	table->buckets = records == 0 ? NULL : memory;
	table->mask = buckets_for(records) - 1;
}

static bool is_free(const struct source *entry, uint32_t second)
{
	return entry->connections == 0 && entry->half_open == 0 &&
	       (entry->opened == 0 || entry->second != second);
}

/* `free`: the first free entry of its bucket. */
static struct source *look_up(struct tcp_stack *stack, const struct in6_addr *addr,
			      struct source **free, uint32_t *tag)
{
	uint64_t hash = tcp_source_hash(&stack->secret, addr);
	struct source_table *table = &stack->sources;
	struct source_bucket *bucket = &table->buckets[(hash >> 32) & table->mask];

	*tag = (uint32_t)hash;
	*free = NULL;
	for (unsigned int i = 0; i < SOURCE_BUCKET_ENTRIES; i++) {
		struct source *entry = &bucket->entry[i];

		if (is_free(entry, stack_seconds(stack))) {
			*free = *free == NULL ? entry : *free;
		} else if (entry->tag == *tag) {
			return entry;
		}
	}
	return NULL;
}

struct source *source_find(struct tcp_stack *stack, const struct in6_addr *addr)
{
	struct source *free;
	uint32_t tag;

	return stack->sources.buckets == NULL ? NULL : look_up(stack, addr, &free, &tag);
}

struct source *source_get(struct tcp_stack *stack, const struct in6_addr *addr)
{
	struct source *free, *found;
	uint32_t tag;

	if (stack->sources.buckets == NULL) {
		return NULL;
	}
	found = look_up(stack, addr, &free, &tag);
	if (found != NULL || free == NULL) {
		return found;
	}
	*free = (struct source){.tag = tag};
	return free;
}

bool source_may_connect(const struct tcp_stack *stack, const struct source *source)
{
	const struct tcp_source_limits *limits = &stack->config.per_source;

	if (source == NULL) {
		return true;
	}
	if (limits->connections != 0 && source->connections >= limits->connections) {
		return false;
	}
	return limits->rate == 0 || source->second != stack_seconds(stack) ||
	       source->opened < limits->rate;
}

bool source_may_wait(const struct tcp_stack *stack, const struct source *source)
{
	uint32_t limit = stack->config.per_source.half_open;

	return source == NULL ||
	       (source->half_open < UINT16_MAX && (limit == 0 || source->half_open < limit));
}

void source_opened(struct tcp_stack *stack, const struct in6_addr *addr)
{
	struct source *source = source_get(stack, addr);

	if (source == NULL) {
		return;
	}
	if (source->second != stack_seconds(stack)) {
		source->second = stack_seconds(stack);
		source->opened = 0;
	}
	source->opened = (uint16_t)(source->opened + (source->opened < UINT16_MAX ? 1 : 0));
	source->connections++;
}

/* Who was not counted when he came may be counted when he goes: below 0 nobody falls. */
void source_closed(struct tcp_stack *stack, const struct in6_addr *addr)
{
	struct source *source = source_find(stack, addr);

	if (source != NULL && source->connections > 0) {
		source->connections--;
	}
}

void source_waits(struct source *source)
{
	if (source != NULL) {
		source->half_open++;
	}
}

void source_waits_no_more(struct tcp_stack *stack, const struct in6_addr *addr)
{
	struct source *source = source_find(stack, addr);

	if (source != NULL && source->half_open > 0) {
		source->half_open--;
	}
}
