/*
 * The worker: opens and ends publications, appends bursts, sweeps, wakes.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "rtmp/server.h"
#include "stress.h"

#define PATIENCE_US UINT64_C(10000000)

struct worker {
	struct stress *s;
	struct publication *open[STRESS_STREAMS];
	struct message message;
	struct message_block blocks[STRESS_SLICES_MAX / MESSAGE_BLOCK_REFS];
	uint64_t random;
};

static void open_one(struct worker *w, uint32_t i)
{
	static const struct rtmp_server server;
	struct publish_request request = {.server = &server,
					  .peer = "198.18.0.1:50000",
					  .app = "live",
					  .name = "key",
					  .now_us = stress_now_us()};
	char name[32];

	w->open[i] = publish_open(&w->s->publish, &request);
	if (w->open[i]) {
		(void)snprintf(name, sizeof(name), "%u/%lu", w->open[i]->slot,
			       (unsigned long)w->open[i]->generation);
		publish_live(&w->s->publish, w->open[i], name,
			     &(struct publish_limits){.idle_ms = 0}, request.now_us);
	}
}

static void add_slice(struct worker *w, uint32_t i, uint64_t seed)
{
	struct message *m = &w->message;
	struct message_block *b = &w->blocks[i / MESSAGE_BLOCK_REFS];
	uint32_t segment = w->s->free[--w->s->free_count];

	stress_fill(w->s, segment, seed);
	w->s->used[segment] = true;
	w->s->written++;
	b->refs[i % MESSAGE_BLOCK_REFS] =
		abi_ref_make(0, (uint64_t)segment * STRESS_SEGMENT_SIZE, STRESS_START,
			     STRESS_WORDS * sizeof(uint64_t));
	b->count = i % MESSAGE_BLOCK_REFS + 1;
	b->next = NULL;
	if (i % MESSAGE_BLOCK_REFS == 0) {
		if (i == 0) {
			m->first = b;
		} else {
			m->last->next = b;
		}
		m->last = b;
	}
	m->slices++;
	m->bytes += STRESS_WORDS * sizeof(uint64_t);
}

/* The log did not take it: the segments are the worker's again. */
static void take_back(struct worker *w)
{
	for (const struct message_block *b = w->message.first; b; b = b->next) {
		w->s->publish.pool.put(w->s, b->refs, (uint32_t)b->count);
	}
}

static void append(struct worker *w, struct publication *p)
{
	static const uint8_t aac[] = {0xaf, 0};
	uint64_t r = stress_random(&w->random);
	bool header = r % 64 == 0;
	uint32_t slices = header ? 1 : (uint32_t)(r >> 8) % (r & 32 ? STRESS_SLICES_MAX : 5);
	struct rtmp_message msg = {.type = header ? RTMP_TYPE_AUDIO : RTMP_TYPE_DATA_AMF0,
				   .timestamp = (uint32_t)p->log.number};

	if (w->s->free_count < slices) {
		return;
	}
	w->message = (struct message){.slices = 0};
	for (uint32_t i = 0; i < slices; i++) {
		add_slice(w, i, stress_seed(p->slot, p->generation, p->log.number, i));
	}
	if (header) {
		memcpy(w->message.start, aac, sizeof(aac));
		w->message.start_len = sizeof(aac);
	}
	if (!publish_append(&w->s->publish, p, &msg, &w->message, stress_now_us())) {
		take_back(w);
	}
}

static void burst(struct worker *w)
{
	uint32_t count = (uint32_t)stress_random(&w->random) % 32;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = (uint32_t)stress_random(&w->random) % STRESS_STREAMS;
		uint64_t r = stress_random(&w->random) % 512;
		if (!w->open[n]) {
			open_one(w, n);
		} else if (r == 0) {
			publish_end(&w->s->publish, w->open[n], stress_now_us());
			w->open[n] = NULL;
		} else {
			append(w, w->open[n]);
		}
	}
}

static void loop_end(struct worker *w)
{
	(void)publish_sweep(&w->s->publish, stress_now_us());
	publish_flush(&w->s->publish, stress_now_us());
}

static bool all_read(const struct worker *w)
{
	for (uint32_t i = 0; i < STRESS_STREAMS; i++) {
		if (w->open[i] && !log_drained(&w->open[i]->log)) {
			return false;
		}
	}
	return true;
}

/* Nothing more is published: whoever sleeps now although there is something to read sleeps on. */
static void wait_until_read(struct worker *w)
{
	uint64_t deadline = stress_now_us() + PATIENCE_US;

	w->s->waits++;
	while (!all_read(w) && !stress_failed(w->s)) {
		loop_end(w); /* a wake-up may be due only later */
		if (stress_now_us() > deadline) {
			stress_fail(w->s, "a wake-up was lost");
		}
		sched_yield();
	}
}

static void end_all(struct worker *w)
{
	uint64_t deadline = stress_now_us() + PATIENCE_US;

	for (uint32_t i = 0; i < STRESS_STREAMS; i++) {
		if (w->open[i]) {
			publish_end(&w->s->publish, w->open[i], stress_now_us());
		}
	}
	if (w->s->hostile) {
		publish_attach(&w->s->publish, NULL);
	}
	while (w->s->publish.active_count > 0 && !stress_failed(w->s)) {
		/* Without a control what ended is kept for the next one: for so long. */
		uint64_t later_us = w->s->hostile ? PUBLISH_LINGER_US : 0;
		(void)publish_sweep(&w->s->publish, stress_now_us() + later_us);
		publish_flush(&w->s->publish, stress_now_us());
		if (stress_now_us() > deadline) {
			stress_fail(w->s, "an ended publication stays");
		}
		sched_yield();
	}
	if (!stress_failed(w->s) && w->s->free_count != STRESS_SEGMENTS) {
		stress_fail(w->s, "segments are lost");
	}
	if (!stress_failed(w->s) && w->s->publish.pool.free_count != w->s->pub->blocks) {
		stress_fail(w->s, "blocks are lost");
	}
}

void *stress_worker(void *arg)
{
	struct worker w = {.s = arg, .random = 88172645463325252u};
	uint64_t end = stress_now_us() + w.s->seconds * UINT64_C(1000000);

	while (stress_now_us() < end && !stress_failed(w.s)) {
		burst(&w);
		loop_end(&w);
		if (w.s->free_count < STRESS_SLICES_MAX) {
			sched_yield();
		}
		if (!w.s->hostile && stress_random(&w.random) % 16 == 0) {
			wait_until_read(&w);
		}
	}
	end_all(&w);
	atomic_store(&w.s->stop, true);
	return NULL;
}
