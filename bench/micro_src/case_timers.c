/*
 * The timer wheel of tcpstack with 10,000 connections' timers in it.
 */
#include "bench/micro_src/micro.h"
#include "timers.h"

#define TIMERS  10000u
#define BATCH   1000u
#define SPAN_US 60000000u /* the last one: keepalive */

static struct tcp_wheel wheel;
static struct tcp_timer timers[TIMERS];
static uint64_t now_us;
static uint32_t first; /* of the batch */

/* Spread over a minute, neighbours far apart. */
static uint64_t deadline(uint32_t i)
{
	return now_us + 1000 + (uint64_t)(i * 2654435761u) % SPAN_US;
}

static void arm_all(void)
{
	for (uint32_t i = 0; i < TIMERS; i++) {
		tcp_wheel_arm(&wheel, &timers[i], deadline(i));
	}
}

static int open_wheel(uint32_t parameter)
{
	(void)parameter;
	now_us = 1000000;
	for (uint32_t i = 0; i < TIMERS; i++) {
		timers[i] = (struct tcp_timer){.link = NULL};
	}
	tcp_wheel_init(&wheel, now_us);
	arm_all();
	return 0;
}

static void close_wheel(void)
{
	for (uint32_t i = 0; i < TIMERS; i++) {
		tcp_wheel_cancel(&wheel, &timers[i]);
	}
}

static void next_batch(struct micro_count *count)
{
	first = (first + BATCH) % TIMERS;
	count->operations = BATCH;
}

static void arm_batch(void)
{
	for (uint32_t i = first; i < first + BATCH; i++) {
		tcp_wheel_arm(&wheel, &timers[i], deadline(i));
	}
}

static void cancel_batch(void)
{
	for (uint32_t i = first; i < first + BATCH; i++) {
		tcp_wheel_cancel(&wheel, &timers[i]);
	}
}

static void arm(struct micro_count *count)
{
	next_batch(count);
	cancel_batch();
	micro_begin();
	arm_batch();
	micro_end();
}

static void cancel(struct micro_count *count)
{
	next_batch(count);
	micro_begin();
	cancel_batch();
	micro_end();
	arm_batch();
}

/* A later deadline than the one armed: what every segment of a connection does. */
static void postpone(struct micro_count *count)
{
	next_batch(count);
	micro_begin();
	for (uint32_t i = first; i < first + BATCH; i++) {
		tcp_wheel_arm(&wheel, &timers[i], now_us + 2 * (uint64_t)SPAN_US);
	}
	micro_end();
}

/* All of them, millisecond by millisecond as a worker asks; early ones are not armed again. */
static void fire(struct micro_count *count)
{
	uint32_t fired = 0;

	arm_all();
	micro_begin();
	for (uint64_t end_us = now_us + SPAN_US + 2000; now_us < end_us; now_us += 1000) {
		while (tcp_wheel_pop(&wheel, now_us) != NULL) {
			fired++;
		}
	}
	micro_end();
	MICRO_REQUIRE(fired == TIMERS);
	count->operations = TIMERS;
}

const struct micro_case micro_timer_cases[] = {
	{"timers/arm-10k", "timer", 0, open_wheel, arm, close_wheel},
	{"timers/cancel-10k", "timer", 0, open_wheel, cancel, close_wheel},
	{"timers/postpone-10k", "timer", 0, open_wheel, postpone, close_wheel},
	{"timers/fire-10k", "timer", 0, open_wheel, fire, close_wheel},
	{.name = NULL},
};
