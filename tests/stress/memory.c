#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

static void *must(void *memory)
{
	if (!memory) {
		perror("stress");
		exit(2);
	}
	return memory;
}

/* Takes the place of freeing mbufs: each segment comes back once, and is poisoned. */
static void take_back(void *app, const uint64_t *refs, uint32_t count)
{
	struct stress *s = app;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t segment = abi_ref_segment(refs[i]) / STRESS_SEGMENT_SIZE;
		if (segment >= STRESS_SEGMENTS || !s->used[segment]) {
			stress_fail(s, "a segment was given back that nobody holds");
			return;
		}
		s->used[segment] = false;
		s->free[s->free_count++] = (uint32_t)segment;
		memset(s->segments + segment * STRESS_SEGMENT_SIZE, 0xdd, STRESS_SEGMENT_SIZE);
	}
}

static void init_pub(struct stress *s)
{
	static const struct config_memory memory = {.streams = STRESS_STREAMS, .log_blocks = 256};
	struct dp_pub_config config = {.numa_node = -1, .generation = 1, .memory = &memory};
	int err = dp_pub_create(&s->pub_region, &config);

	if (err < 0) {
		errno = -err;
		must(NULL);
	}
	s->pub = dp_pub(&s->pub_region);
	size_t size = (abi_sub_size(STRESS_STREAMS) + 4095) / 4096 * 4096;
	s->sub = must(aligned_alloc(4096, size));
	memset(s->sub, 0, size);
}

void stress_init(struct stress *s)
{
	size_t size = (size_t)STRESS_SEGMENTS * STRESS_SEGMENT_SIZE;

	init_pub(s);
	s->segments = must(aligned_alloc(4096, size));
	memset(s->segments, 0xdd, size);
	for (uint32_t i = 0; i < STRESS_SEGMENTS; i++) {
		s->free[s->free_count++] = i;
	}
	s->packets.region.base = s->segments;
	s->packets.truesize = STRESS_SEGMENT_SIZE;
	s->table = (struct dp_packets_table){.count = 1, .workers = &s->packets};
	s->messages = (struct message_pool){
		.truesize = STRESS_SEGMENT_SIZE, .packets = &s->table, .counters = &s->counters};
	if (publish_table_init(&s->publish, s->pub, &s->messages, &s->counters, PUBLISH_EARLY_LIMIT,
			       -1) < 0) {
		must(NULL);
	}
	s->publish.pool.put = take_back;
	s->publish.pool.app = s;
	s->news_fd = s->publish.notify.news_fd = eventfd(0, EFD_NONBLOCK);
	s->events_fd = s->publish.notify.events_fd = eventfd(0, EFD_NONBLOCK);
	publish_attach(&s->publish, s->sub);
}

void stress_fini(struct stress *s)
{
	publish_table_fini(&s->publish);
	dp_region_destroy(&s->pub_region);
	free(s->segments);
	free(s->sub);
	close(s->news_fd);
	close(s->events_fd);
}

void stress_fail(struct stress *s, const char *what)
{
	if (!atomic_exchange(&s->failed, true)) {
		fprintf(stderr, "stress: %s\n", what);
	}
}

bool stress_failed(const struct stress *s)
{
	return atomic_load_explicit(&s->failed, memory_order_relaxed);
}

uint64_t stress_seed(uint32_t slot, uint64_t generation, uint64_t number, uint32_t slice)
{
	return (generation * STRESS_STREAMS + slot) * UINT64_C(0x9e3779b97f4a7c15) + number * 1000 +
	       slice;
}

static uint64_t *words_of(const struct stress *s, uint32_t segment)
{
	return (uint64_t *)(void *)(s->segments + (size_t)segment * STRESS_SEGMENT_SIZE +
				    STRESS_START);
}

void stress_fill(struct stress *s, uint32_t segment, uint64_t seed)
{
	uint64_t *words = words_of(s, segment);

	for (uint32_t i = 0; i < STRESS_WORDS; i++) {
		words[i] = seed + i;
	}
}

bool stress_check(const struct stress *s, uint64_t ref, uint64_t seed)
{
	uint64_t segment = abi_ref_segment(ref) / STRESS_SEGMENT_SIZE;

	if (segment >= STRESS_SEGMENTS || abi_ref_length(ref) != STRESS_WORDS * sizeof(uint64_t)) {
		return false;
	}
	const uint64_t *words = words_of(s, (uint32_t)segment);
	for (uint32_t i = 0; i < STRESS_WORDS; i++) {
		if (words[i] != seed + i) {
			return false;
		}
	}
	return true;
}

uint64_t stress_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

uint64_t stress_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}
