/*
 * Control: one thread that reads events and logs, checks every word, and sleeps when there is
 * nothing; and another that writes lies.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

struct reader {
	bool open;
	bool ended;
	uint32_t slot;
	uint32_t block;
	uint64_t generation;
	uint64_t position;
	uint64_t end;
	uint64_t number;
};

struct control {
	struct stress *s;
	const struct abi_stream *streams;
	const struct abi_log_block *blocks;
	const _Atomic uint32_t *next;
	const struct abi_event *events;
	const _Atomic uint32_t *news;
	struct reader readers[STRESS_STREAMS];
	uint64_t event_tail;
	uint64_t news_tail;
	uint64_t random;
};

static const void *at(const struct stress *s, uint64_t offset)
{
	return s->pub_region.base + offset;
}

/* The next block is looked up when it is needed and not before: the lazy way, which asks more. */
static const union abi_log_unit *next_unit(struct control *c, struct reader *r)
{
	if (r->position % ABI_LOG_BLOCK_UNITS == 0 && r->position != 0) {
		r->block = atomic_load_explicit(&c->next[r->block], memory_order_relaxed);
		if (r->block >= c->s->pub->blocks) {
			stress_fail(c->s, "the chain of blocks is broken");
			return NULL;
		}
	}
	return &c->blocks[r->block].units[r->position++ % ABI_LOG_BLOCK_UNITS];
}

static void read_slices(struct control *c, struct reader *r, uint32_t count)
{
	const union abi_log_unit *unit = NULL;

	for (uint32_t i = 0; i < count; i++) {
		if (i % ABI_LOG_SLICES == 0) {
			unit = next_unit(c, r);
		}
		if (!unit || !stress_check(c->s, unit->slices[i % ABI_LOG_SLICES],
					   stress_seed(r->slot, r->generation, r->number, i))) {
			stress_fail(c->s, "payload is not what was written");
			return;
		}
	}
	c->s->slices_read += count;
}

static void read_message(struct control *c, struct reader *r)
{
	const union abi_log_unit *unit = next_unit(c, r);

	if (!unit || !(unit->entry.flags & ABI_LOG_ENTRY) || unit->entry.number != r->number ||
	    unit->entry.timestamp != (uint32_t)r->number ||
	    unit->entry.length != sizeof(uint64_t) * STRESS_WORDS * unit->entry.slices) {
		stress_fail(c->s, "an entry is not what was written");
		return;
	}
	read_slices(c, r, unit->entry.slices);
	r->number++;
	c->s->messages_read++;
}

static void release(struct control *c, struct reader *r)
{
	struct abi_tail *tail = &c->s->sub->tail[r->slot];

	if (atomic_load_explicit(&tail->generation, memory_order_relaxed) != r->generation) {
		atomic_store_explicit(&tail->position, 0, memory_order_relaxed);
		atomic_store_explicit(&tail->generation, r->generation, memory_order_release);
	}
	atomic_store_explicit(&tail->position, r->position, memory_order_release);
}

/* The header block holds the last header, or one of those before. */
static void read_header(struct control *c, const struct reader *r)
{
	struct abi_header_block copy;
	uint64_t words[sizeof(copy) / sizeof(uint64_t)];
	const struct abi_stream *s = &c->streams[r->slot];

	uint32_t before = atomic_load_explicit(&s->header_sequence, memory_order_acquire);
	uint32_t block = atomic_load_explicit(&s->header_block, memory_order_relaxed);
	if (block >= c->s->pub->blocks) {
		return;
	}
	const _Atomic uint64_t *from = (const _Atomic uint64_t *)(const void *)&c->blocks[block];
	for (size_t i = 0; i < sizeof(copy) / sizeof(uint64_t); i++) {
		words[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
	}
	atomic_thread_fence(memory_order_acquire);
	if (before % 2 != 0 ||
	    atomic_load_explicit(&s->header_sequence, memory_order_relaxed) != before) {
		return;
	}
	memcpy(&copy, words, sizeof(copy));
	const struct abi_header *h = &copy.headers[0];
	if (copy.count == 0) {
		return;
	}
	uint64_t first;
	memcpy(&first, (const uint8_t *)copy.data + h->offset, sizeof(first));
	if (h->length != STRESS_WORDS * sizeof(uint64_t) ||
	    first != stress_seed(r->slot, r->generation, h->timestamp, 0)) {
		stress_fail(c->s, "a header is not what was written");
	}
	c->s->headers_read++;
}

static void read_stream(struct control *c, struct reader *r)
{
	if (!r->open) {
		return;
	}
	/* Pairs with the release in log_commit(). */
	uint64_t head = atomic_load_explicit(&c->streams[r->slot].head, memory_order_acquire);
	/*
	 * After `head`: one that a later publication of the slot wrote comes with its generation.
	 * We released all that ours had, or the slot would still be ours.
	 */
	if (atomic_load_explicit(&c->streams[r->slot].generation, memory_order_relaxed) !=
	    r->generation) {
		r->open = false;
		return;
	}
	bool any = r->position < head;
	if (any && r->position == 0) {
		r->block = c->streams[r->slot].first_block;
	}
	/* While we hold something of the log: afterwards the block may be another one's. */
	if (any && stress_random(&c->random) % 8 == 0) {
		read_header(c, r);
	}
	while (r->position < head && !stress_failed(c->s)) {
		read_message(c, r);
		if (stress_random(&c->random) % 8 == 0) {
			release(c, r);
		}
	}
	if (any || r->ended) {
		release(c, r);
	}
	if (r->ended && r->position == r->end) {
		r->open = false;
	}
}

static void begin(struct control *c, const struct abi_event *event)
{
	struct reader *r = &c->readers[event->slot];
	const struct abi_stream *s = &c->streams[event->slot];
	char name[32];

	*r = (struct reader){.open = true, .slot = event->slot, .generation = event->generation};
	(void)snprintf(name, sizeof(name), "%u/%lu", event->slot, (unsigned long)event->generation);
	if (strcmp(s->name, name) != 0 || strcmp(s->asked, "key") != 0) {
		stress_fail(c->s, "the slot is another one's");
	}
}

static void read_events(struct control *c)
{
	uint64_t head = atomic_load_explicit(&c->s->pub->event_head, memory_order_acquire);

	for (; c->event_tail != head; c->event_tail++) {
		const struct abi_event *event = &c->events[c->event_tail % ABI_EVENT_RING];
		struct reader *r = &c->readers[event->slot];
		if (event->type == ABI_EVENT_LIVE) {
			begin(c, event);
			read_stream(c, r);
		} else if (event->type == ABI_EVENT_ENDED) {
			r->ended = true;
			r->end = event->value;
			read_stream(c, r);
		}
	}
	atomic_store_explicit(&c->s->sub->event_tail, c->event_tail, memory_order_release);
}

static void read_news(struct control *c)
{
	uint64_t head = atomic_load_explicit(&c->s->pub->news_head, memory_order_acquire);

	while (c->news_tail != head) {
		uint32_t slot = atomic_load_explicit(&c->news[c->news_tail % ABI_NEWS_RING],
						     memory_order_acquire);
		uint64_t now = atomic_load_explicit(&c->s->pub->news_head, memory_order_acquire);
		if (now - c->news_tail >= ABI_NEWS_RING) {
			/* Written over: look at all. */
			c->s->overruns++;
			c->news_tail = now;
			for (uint32_t i = 0; i < STRESS_STREAMS; i++) {
				read_stream(c, &c->readers[i]);
			}
			return;
		}
		c->news_tail++;
		read_stream(c, &c->readers[slot]);
	}
}

static bool has_nothing(const struct control *c)
{
	return atomic_load_explicit(&c->s->pub->news_head, memory_order_acquire) == c->news_tail &&
	       atomic_load_explicit(&c->s->pub->event_head, memory_order_acquire) == c->event_tail;
}

static void drain(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

static void sleep_until_woken(struct control *c)
{
	struct abi_sub *sub = c->s->sub;
	struct pollfd fds[2] = {{.fd = c->s->news_fd, .events = POLLIN},
				{.fd = c->s->events_fd, .events = POLLIN}};

	atomic_store(&sub->news_sleeping, 1);
	atomic_store(&sub->event_sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	while (has_nothing(c) && !atomic_load(&c->s->stop) && !stress_failed(c->s)) {
		c->s->sleeps++;
		/* In slices, to notice the end; what came without a wake-up is slept over. */
		int ready = 0;
		while (ready == 0 && !atomic_load(&c->s->stop) && !stress_failed(c->s)) {
			ready = poll(fds, 2, 100);
		}
		drain(fds[0].fd);
		drain(fds[1].fd);
	}
	atomic_store(&sub->news_sleeping, 0);
	atomic_store(&sub->event_sleeping, 0);
}

void *stress_control(void *arg)
{
	struct stress *s = arg;
	struct control c = {
		.s = s,
		.streams = at(s, s->pub->streams_offset),
		.blocks = at(s, s->pub->blocks_offset),
		.next = at(s, s->pub->block_next_offset),
		.events = at(s, s->pub->events_offset),
		.news = at(s, s->pub->news_offset),
		.random = 362436069,
	};

	while (!atomic_load(&s->stop) && !stress_failed(s)) {
		read_events(&c);
		read_news(&c);
		sleep_until_woken(&c);
	}
	return NULL;
}

/* A tail that may be right, and everything else. */
static void lie(struct stress *s, const struct abi_stream *streams, uint64_t *random)
{
	uint64_t r = stress_random(random);
	uint32_t slot = (uint32_t)r % STRESS_STREAMS;
	uint64_t head = atomic_load(&streams[slot].head);
	const uint64_t positions[] = {
		head,       head + 1, head - 1, stress_random(random) % (head + 1),
		UINT64_MAX, 0,        r,        UINT64_C(1) << 63};
	uint64_t generation = atomic_load(&streams[slot].generation);

	atomic_store(&s->sub->tail[slot].generation, r & 16 ? generation : r);
	atomic_store(&s->sub->tail[slot].position, positions[r >> 8 & 7]);
	atomic_store(&s->sub->event_tail,
		     r & 32 ? atomic_load(&s->pub->event_head) : stress_random(random));
	atomic_store(&s->sub->news_sleeping, (uint32_t)(r >> 32));
	atomic_store(&s->sub->event_sleeping, (uint32_t)(r >> 40));
}

void *stress_liar(void *arg)
{
	struct stress *s = arg;
	const struct abi_stream *streams = at(s, s->pub->streams_offset);
	uint64_t random = 521288629;

	while (!atomic_load(&s->stop) && !stress_failed(s)) {
		lie(s, streams, &random);
	}
	return NULL;
}
