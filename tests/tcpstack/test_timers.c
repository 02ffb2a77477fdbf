#include <string.h>

#include "suites.h"
#include "timers.h"

#define TIMERS 200

struct model {
	struct tcp_timer timer;
	uint64_t at_us; /* 0: not armed */
};

static struct model models[TIMERS];
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

static uint64_t random_delay(void)
{
	static const uint32_t spans[] = {2000, 300000, 70000000, 2000000000};

	return random_below(spans[random_below(4)]);
}

/* Each timer fires once, in the tick of its deadline: never early, never a tick late. */
static void test_against_model(void)
{
	struct tcp_wheel wheel;
	uint64_t now = 123456789;

	random_state = 7;
	memset(models, 0, sizeof(models));
	tcp_wheel_init(&wheel, now);
	for (int step = 0; step < 20000; step++) {
		struct model *m = &models[random_below(TIMERS)];
		uint64_t next;
		struct tcp_timer *fired;

		if (m->at_us != 0) {
			tcp_wheel_cancel(&wheel, &m->timer);
			m->at_us = 0;
		} else {
			m->at_us = now + 1 + random_delay();
			tcp_wheel_arm(&wheel, &m->timer, m->at_us);
		}
		next = tcp_wheel_next_us(&wheel);
		for (int i = 0; i < TIMERS; i++) {
			CU_ASSERT(models[i].at_us == 0 || next <= models[i].at_us + WHEEL_TICK_US);
		}
		now += random_below(10) == 0 ? random_delay() : random_below(3000);
		while ((fired = tcp_wheel_pop(&wheel, now)) != NULL) {
			struct model *f = (struct model *)(void *)fired;

			CU_ASSERT(f->at_us != 0 && f->at_us <= now);
			f->at_us = 0;
		}
		for (int i = 0; i < TIMERS; i++) {
			CU_ASSERT(models[i].at_us == 0 || models[i].at_us + WHEEL_TICK_US > now);
		}
	}
}

static void test_lazy_arm(void)
{
	struct tcp_wheel wheel;
	struct tcp_timer timer = {0};

	tcp_wheel_init(&wheel, 0);
	CU_ASSERT_EQUAL(tcp_wheel_next_us(&wheel), UINT64_MAX);
	tcp_wheel_arm(&wheel, &timer, 50000);
	tcp_wheel_arm(&wheel, &timer, 90000); /* later: stays */
	CU_ASSERT_EQUAL(tcp_wheel_next_us(&wheel), 50000);
	tcp_wheel_arm(&wheel, &timer, 20000); /* earlier: moves */
	CU_ASSERT_EQUAL(tcp_wheel_next_us(&wheel), 20000);
	CU_ASSERT_PTR_NULL(tcp_wheel_pop(&wheel, 19999));
	CU_ASSERT_PTR_EQUAL(tcp_wheel_pop(&wheel, 20000), &timer);
	CU_ASSERT_EQUAL(tcp_wheel_next_us(&wheel), UINT64_MAX);
}

static void test_fifo(void)
{
	struct tcp_fifo fifo = {0};
	struct tcp_fifo_timer a = {0}, b = {0}, c = {0};

	CU_ASSERT_EQUAL(tcp_fifo_next_us(&fifo), UINT64_MAX);
	tcp_fifo_add(&fifo, &a, 10);
	tcp_fifo_add(&fifo, &b, 10);
	tcp_fifo_add(&fifo, &c, 11);
	tcp_fifo_remove(&fifo, &b);
	CU_ASSERT_EQUAL(tcp_fifo_next_us(&fifo), 10);
	tcp_fifo_remove(&fifo, &a);
	CU_ASSERT_EQUAL(tcp_fifo_next_us(&fifo), 11);
	tcp_fifo_remove(&fifo, &c);
	CU_ASSERT_EQUAL(tcp_fifo_next_us(&fifo), UINT64_MAX);
	CU_ASSERT_PTR_NULL(fifo.tail);
}

CU_TestInfo timers_tests[] = {{"wheel against a model", test_against_model},
			      {"arming is lazy", test_lazy_arm},
			      {"fifo", test_fifo},
			      CU_TEST_INFO_NULL};
