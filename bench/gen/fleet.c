#include "bench/gen/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp/handshake.h"

#define AGAIN_US UINT64_C(100000) /* after an error an arrival waits */

int fleet_init(struct fleet *f, const struct gen_options *o)
{
	uint64_t random = o->seed;

	f->options = o;
	f->random = o->seed;
	f->publishers = calloc(o->publishers, sizeof(*f->publishers));
	if (f->publishers == NULL) {
		return -ENOMEM;
	}
	snprintf(f->tc_url, sizeof(f->tc_url), "rtmp://penstock/%s", o->app);
	handshake_make_digest(f->c1, SCHEMA_KEY_FIRST, &random);
	histogram_init(&f->setup_us);
	histogram_init(&f->lag_us);
	for (uint32_t i = 0; i < o->publishers; i++) {
		f->publishers[i].fleet = f;
		f->publishers[i].fd = -1;
		f->publishers[i].slow = i < o->slow;
	}
	return 0;
}

void fleet_fini(struct fleet *f)
{
	for (uint32_t i = 0; f->publishers != NULL && i < f->started; i++) {
		publisher_abandon(&f->publishers[i]);
	}
	outbox_pool_fini(&f->outboxes);
	free(f->publishers);
}

/* How many may have begun by now. */
static uint64_t ramp_limit(const struct fleet *f)
{
	const struct gen_options *o = f->options;
	uint64_t limit = o->publishers;

	if (o->ramp != 0) {
		limit = 1 + (f->now_us - f->begin_us) * o->ramp / 1000000;
	}
	return limit < o->publishers ? limit : o->publishers;
}

/*
 * How many may be set up at a time. At first one: what waits for the server's link-layer address is
 * little, and a lost SYN costs a second.
 */
static uint32_t setup_limit(const struct fleet *f)
{
	if (!f->reached) {
		return 1;
	}
	return f->options->rate_publishes ? UINT32_MAX : FLEET_SETUP_MAX;
}

static void start_arrivals(struct fleet *f)
{
	uint64_t limit = ramp_limit(f);

	while (!f->finishing && f->started < limit && f->setup < setup_limit(f)) {
		publisher_start(&f->publishers[f->started++], f->arrivals);
	}
}

void fleet_turn(struct fleet *f, uint64_t now_us)
{
	struct wheel_entry *entry;

	f->now_us = now_us;
	wheel_advance(&f->wheel, now_us);
	while ((entry = wheel_next(&f->wheel)) != NULL) {
		publisher_run((struct publisher *)entry);
	}
	start_arrivals(f);
}

uint64_t fleet_idle_us(const struct fleet *f, uint64_t max_us)
{
	if (!f->finishing && f->started < f->options->publishers && f->setup < setup_limit(f)) {
		max_us = max_us < 1000 ? max_us : 1000;
	}
	return wheel_idle_us(&f->wheel, f->now_us, max_us);
}

void fleet_reset(struct fleet *f)
{
	f->counts.messages = 0;
	f->counts.payload_bytes = 0;
	histogram_init(&f->lag_us);
	if (f->options->churn_s != 0) {
		f->counts.publishes = 0;
	}
	for (uint32_t i = 0; i < f->started; i++) {
		f->publishers[i].sent_bytes = 0;
	}
}

void fleet_finish(struct fleet *f)
{
	f->finishing = true;
	for (uint32_t i = 0; i < f->started; i++) {
		publisher_finish(&f->publishers[i]);
	}
}

void fleet_published(struct fleet *f, struct publisher *p)
{
	f->setup--;
	f->publishing++;
	f->counts.publishes++;
	histogram_add(&f->setup_us, f->now_us - p->connect_us);
}

void fleet_ended(struct fleet *f, struct publisher *p, enum gen_end why)
{
	bool again = publisher_churns(p) || f->options->rate_publishes;

	if (p->state == PUBLISHER_PUBLISHING) {
		f->publishing--;
	} else if (p->state != PUBLISHER_FINISHING) {
		f->setup--;
	}
	f->open--;
	f->reached = true;
	p->state = PUBLISHER_IDLE;
	if (why != GEN_END_NORMAL) {
		f->counts.errors[why]++;
		f->counts.refused += why == GEN_END_PUBLISH_REFUSED;
		f->counts.lost += why != GEN_END_PUBLISH_REFUSED;
	}
	if (again && !f->finishing) {
		wheel_arm(&f->wheel, &p->timer,
			  why == GEN_END_NORMAL ? f->now_us : f->now_us + AGAIN_US);
	} else {
		f->gone++;
	}
}
