#include "link.h"

#include <string.h>

#define DELAY_US_MAX 500000U
#define PACKETS_US   120000000U /* times kb/s: that ten packets of 1500 bytes take */

/* Spread over orders of magnitude. */
static uint32_t spread(struct rng *rng, uint32_t low, uint32_t high)
{
	uint32_t decades = 0;
	uint32_t top;

	while (low * 10 <= high) {
		high /= 10;
		decades++;
	}
	top = high;
	for (uint32_t i = rng_range(rng, 0, decades); i > 0; i--) {
		top *= 10;
	}
	return rng_range(rng, low, top);
}

static void roll_loss(struct link *link)
{
	struct rng *rng = &link->rng;
	struct link_conditions *now = &link->now;
	uint32_t severity = link->severity_pm;

	now->loss_pm = rng_range(rng, 0, severity);
	now->duplicate_pm = rng_chance(rng, 500) ? rng_range(rng, 0, severity) : 0;
	now->corrupt_pm = rng_chance(rng, 300) ? rng_range(rng, 0, severity / 2) : 0;
	if (severity > 0 && rng_chance(rng, 250)) {
		now->burst_loss_pm = rng_range(rng, 300, 1000);
		now->burst_us_max = spread(rng, 1000, 300000);
		now->pause_us_max = now->burst_us_max * rng_range(rng, 10, 50);
	}
}

static void roll_delay(struct link *link)
{
	struct rng *rng = &link->rng;
	struct link_conditions *now = &link->now;

	now->delay_us = spread(rng, 20, 150000);
	if (link->changes && rng_chance(rng, 100)) {
		now->delay_us = rng_range(rng, 100000, DELAY_US_MAX);
	}
	now->jitter_us = rng_chance(rng, 300) ? rng_range(rng, 0, now->delay_us) : 0;
	now->keep_order = rng_chance(rng, 600);
	now->reorder_pm = rng_chance(rng, 500) ? rng_range(rng, 0, link->severity_pm * 2) : 0;
	now->reorder_us_max = spread(rng, 100, 50000);
	if (rng_chance(rng, 20)) {
		now->reorder_pm = rng_range(rng, 100, 500); /* two paths */
	}
}

static void roll_rate(struct link *link)
{
	struct rng *rng = &link->rng;

	link->now.rate_kbps = rng_chance(rng, 400) ? spread(rng, 500, 1000000) : 0;
	link->now.queue_us = spread(rng, 10000, 1000000);
	if (link->now.rate_kbps != 0 && link->now.queue_us < PACKETS_US / link->now.rate_kbps) {
		link->now.queue_us = PACKETS_US / link->now.rate_kbps;
	}
	link->now.mark_us = rng_chance(rng, 500) ? link->now.queue_us / 4 : 0;
}

static void roll_mtu(struct link *link)
{
	static const uint32_t mtus[] = {0, 1492, 1400, 1300, 600};
	struct rng *rng = &link->rng;
	uint32_t mtu = mtus[rng_range(rng, 0, 4)];

	if (link->mtu_min != 0) {
		link->now.mtu = mtu != 0 && mtu < link->mtu_min ? link->mtu_min : mtu;
		link->now.silent = rng_chance(rng, 200);
		link->now.vague = rng_chance(rng, 200);
	}
}

void link_init(struct link *link, uint64_t seed, uint32_t severity_pm, uint64_t now_us)
{
	memset(link, 0, sizeof(*link));
	link->rng.state = seed;
	link->severity_pm = severity_pm;
	link->changes = rng_chance(&link->rng, 200);
	link->burst_at_us = now_us;
	link->change_at_us = now_us + rng_range(&link->rng, 10000, 2000000);
	roll_loss(link);
	roll_delay(link);
	roll_rate(link);
}

void link_add_mtu(struct link *link, uint32_t min)
{
	link->mtu_min = min;
	roll_mtu(link);
}

void link_add_outages(struct link *link)
{
	link->now.burst_loss_pm = 1000;
	link->now.burst_us_max = 15000000;
	link->now.pause_us_max = 60000000;
	link->burst_at_us += rng_range(&link->rng, 0, 5000000);
}

static void change(struct link *link, uint64_t now_us)
{
	if (!link->changes || now_us < link->change_at_us) {
		return;
	}
	link->change_at_us = now_us + spread(&link->rng, 20000, 10000000);
	switch (rng_range(&link->rng, 0, 3)) {
	case 0:
		roll_loss(link);
		break;
	case 1:
		roll_delay(link);
		break;
	case 2:
		roll_mtu(link);
		break;
	default:
		roll_rate(link);
		break;
	}
}

static bool lose(struct link *link, uint64_t now_us)
{
	while (link->now.burst_loss_pm > 0 && link->burst_at_us <= now_us) {
		uint32_t max = link->in_burst ? link->now.pause_us_max : link->now.burst_us_max;

		link->in_burst = !link->in_burst;
		link->burst_at_us += rng_range(&link->rng, max / 10, max);
	}
	return rng_chance(&link->rng, link->in_burst ? link->now.burst_loss_pm : link->now.loss_pm);
}

/* When the bottleneck has sent it; 0: its queue is full. */
static uint64_t pass_bottleneck(struct link *link, uint32_t len, uint64_t now_us)
{
	if (link->now.rate_kbps == 0) {
		return now_us;
	}
	if (link->idle_at_us > now_us + link->now.queue_us) {
		return 0;
	}
	link->idle_at_us = link->idle_at_us > now_us ? link->idle_at_us : now_us;
	link->idle_at_us += len * 8000ULL / link->now.rate_kbps;
	return link->idle_at_us;
}

static uint64_t arrival(struct link *link, uint64_t sent_us)
{
	const struct link_conditions *now = &link->now;
	uint64_t at_us = sent_us + now->delay_us + rng_range(&link->rng, 0, now->jitter_us);

	if (now->keep_order && at_us < link->last_us) {
		at_us = link->last_us;
	}
	link->last_us = at_us;
	if (rng_chance(&link->rng, now->reorder_pm)) {
		at_us += rng_range(&link->rng, 1, now->reorder_us_max);
	}
	return at_us;
}

struct link_fate link_carry(struct link *link, uint32_t len, uint64_t now_us)
{
	struct link_fate fate = {0};
	uint64_t sent_us;

	link->counters.taken++;
	change(link, now_us);
	if (lose(link, now_us)) {
		link->counters.lost++;
		return fate;
	}
	if (link->now.mtu != 0 && len > link->now.mtu) {
		link->counters.too_big++;
		fate.too_big = true;
		return fate;
	}
	sent_us = pass_bottleneck(link, len, now_us);
	if (sent_us == 0) {
		link->counters.overflowed++;
		return fate;
	}
	fate.mark = link->now.mark_us > 0 && sent_us > now_us + link->now.mark_us;
	fate.copies = 1;
	fate.at_us[0] = arrival(link, sent_us);
	fate.corrupt = rng_chance(&link->rng, link->now.corrupt_pm);
	link->counters.corrupted += fate.corrupt;
	if (rng_chance(&link->rng, link->now.duplicate_pm)) {
		fate.at_us[fate.copies++] = arrival(link, sent_us);
		link->counters.duplicated++;
	}
	return fate;
}
