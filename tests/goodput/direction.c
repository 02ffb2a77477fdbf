#include "tests/goodput/direction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/rng.h"

#define MILLION      1000000u
#define NS_PER_S     UINT64_C(1000000000)
#define ETHERNET     14u
#define WIRE_BYTES   24u /* preamble, check sequence and gap take time as well */
#define CORRUPT_FROM 34u /* behind Ethernet and IPv4: the checksum of TCP has to find it */

int direction_init(struct direction *d, const struct direction_config *config)
{
	memset(d, 0, sizeof(*d));
	d->config = *config;
	d->random = config->seed;
	d->frames = calloc(config->frames, sizeof(*d->frames));
	d->idle = calloc(config->frames, sizeof(struct direction_frame *));
	d->heap = calloc(config->frames, sizeof(struct direction_frame *));
	if (d->frames == NULL || d->idle == NULL || d->heap == NULL) {
		direction_fini(d);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->frames; i++) {
		d->idle[d->idle_count++] = &d->frames[i];
	}
	return 0;
}

void direction_fini(struct direction *d)
{
	free(d->frames);
	free(d->idle);
	free(d->heap);
	d->frames = NULL;
	d->idle = NULL;
	d->heap = NULL;
}

struct direction_frame *direction_get(struct direction *d)
{
	return d->idle_count > 0 ? d->idle[--d->idle_count] : NULL;
}

void direction_free(struct direction *d, struct direction_frame *frame)
{
	d->idle[d->idle_count++] = frame;
}

static bool before(const struct direction_frame *a, const struct direction_frame *b)
{
	return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->number < b->number);
}

static void heap_push(struct direction *d, struct direction_frame *frame)
{
	uint32_t at = d->heap_count++;

	while (at > 0 && before(frame, d->heap[(at - 1) / 2])) {
		d->heap[at] = d->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	d->heap[at] = frame;
}

static struct direction_frame *heap_pop(struct direction *d)
{
	struct direction_frame *first = d->heap[0];
	struct direction_frame *last = d->heap[--d->heap_count];
	uint32_t at = 0;

	for (uint32_t child = 1; child < d->heap_count; child = 2 * at + 1) {
		if (child + 1 < d->heap_count && before(d->heap[child + 1], d->heap[child])) {
			child++;
		}
		if (before(last, d->heap[child])) {
			break;
		}
		d->heap[at] = d->heap[child];
		at = child;
	}
	d->heap[at] = last;
	return first;
}

static bool happens(struct direction *d, uint32_t ppm)
{
	/* Drawn also where it cannot happen: each frame has the same numbers in every setting. */
	return rng_below(&d->random, MILLION) < ppm;
}

/* The link sends one frame after the other; false when the queue in front of it is full. */
static bool pass_link(struct direction *d, struct direction_frame *frame, uint64_t now_ns)
{
	const struct direction_config *c = &d->config;
	uint64_t begin_ns = d->idle_ns > now_ns ? d->idle_ns : now_ns;

	frame->due_ns = now_ns;
	if (c->rate_bps != 0) {
		uint64_t waiting = (begin_ns - now_ns) * (c->rate_bps / 8) / NS_PER_S;

		if (waiting + frame->len + WIRE_BYTES > c->queue_bytes) {
			return false;
		}
		d->idle_ns = begin_ns + (frame->len + WIRE_BYTES) * (8 * NS_PER_S) / c->rate_bps;
		frame->due_ns = d->idle_ns;
	}
	frame->due_ns += c->delay_us * 1000;
	frame->number = d->number++;
	return true;
}

static void send_one(struct direction *d, struct direction_frame *frame, uint64_t late_ns,
		     uint64_t now_ns)
{
	if (!pass_link(d, frame, now_ns)) {
		d->counts.queue_full++;
		direction_free(d, frame);
		return;
	}
	frame->due_ns += late_ns;
	d->counts.passed++;
	heap_push(d, frame);
}

static void corrupt(struct direction *d, struct direction_frame *frame)
{
	uint32_t at = rng_below(&d->random, frame->len - CORRUPT_FROM) + CORRUPT_FROM;

	frame->bytes[at] ^= (uint8_t)(1u << (rng_next(&d->random) & 7));
	d->counts.corrupted++;
}

static bool is_ip(const struct direction_frame *frame)
{
	uint32_t type = frame->len > CORRUPT_FROM
				? (uint32_t)(frame->bytes[12] << 8 | frame->bytes[13])
				: 0;

	return type == 0x0800 || type == 0x86dd;
}

static void send_twice(struct direction *d, const struct direction_frame *frame, uint64_t now_ns)
{
	struct direction_frame *copy = direction_get(d);

	if (copy == NULL) {
		d->counts.no_frame++;
		return;
	}
	copy->len = frame->len;
	memcpy(copy->bytes, frame->bytes, frame->len);
	d->counts.duplicated++;
	send_one(d, copy, 0, now_ns);
}

void direction_put(struct direction *d, struct direction_frame *frame, uint64_t now_ns)
{
	const struct direction_config *c = &d->config;
	uint64_t late_ns = 0;

	if (!is_ip(frame)) {
		send_one(d, frame, 0, now_ns);
		return;
	}
	bool lost = happens(d, c->loss_ppm);
	bool doubled = happens(d, c->duplicate_ppm);
	bool damaged = happens(d, c->corrupt_ppm);
	bool late = happens(d, c->reorder_ppm);

	if (lost) {
		d->counts.lost++;
		direction_free(d, frame);
		return;
	}
	if (doubled) {
		send_twice(d, frame, now_ns);
	}
	if (damaged) {
		corrupt(d, frame);
	}
	if (late) {
		late_ns = UINT64_C(1000) * (rng_below(&d->random, c->reorder_us) + 1);
		d->counts.reordered++;
	}
	send_one(d, frame, late_ns, now_ns);
}

uint64_t direction_due_ns(const struct direction *d)
{
	return d->heap_count > 0 ? d->heap[0]->due_ns : UINT64_MAX;
}

struct direction_frame *direction_take(struct direction *d, uint64_t now_ns)
{
	return d->heap_count > 0 && d->heap[0]->due_ns <= now_ns ? heap_pop(d) : NULL;
}
