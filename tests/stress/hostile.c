#include "hostile.h"

#include <CUnit/CUnit.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND_LOOPS 3000u

static struct hostile the_hostile;
static unsigned int run_seconds;

/* The second liar, on any processor but the worker's if there is one (EAL tied us to it). */
static void *lie_meanwhile(void *arg)
{
	struct hostile *h = arg;
	uint64_t random = ~h->seed | 1;
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (long i = 0; i < count; i++) {
		CPU_SET((size_t)i, &cpus);
	}
	(void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	while (!atomic_load(&h->stop)) {
		pthread_mutex_lock(&h->lock);
		for (uint32_t i = 0; i < 16 && h->world.sub; i++) {
			hostile_lie(&h->world, &random);
		}
		pthread_mutex_unlock(&h->lock);
		sched_yield(); /* the lock is not fair */
	}
	return NULL;
}

/* Whatever the last control wrote: its successor is given places that are in the log. */
static void check_positions(struct hostile *h)
{
	const struct world *w = &h->world;

	for (uint32_t slot = 0; slot < w->memory.streams; slot++) {
		const struct abi_resume *resume = &abi_sub_resume(w->sub, w->memory.streams)[slot];
		const struct abi_stream *s = world_stream(w, slot);

		if (resume->generation != atomic_load(&s->generation)) {
			continue; /* it never was LIVE, or is retired already */
		}
		for (uint32_t i = 0; i < ABI_ORIGINS_MAX; i++) {
			uint64_t position = resume->origins[i].position;

			if (resume->origins[i].origin == 0) {
				continue;
			}
			h->positions++;
			if (position < atomic_load(&s->reclaimed) ||
			    position > atomic_load(&s->head)) {
				hostile_fail(h, "an origin's place is not in the log");
			}
		}
	}
}

static void change_control(struct hostile *h)
{
	pthread_mutex_lock(&h->lock);
	world_attach(&h->world);
	check_positions(h);
	pthread_mutex_unlock(&h->lock);
}

static bool none_under_way(const struct hostile *h)
{
	for (uint32_t i = 0; i < HOSTILE_PUBLISHERS; i++) {
		if (h->publishers[i].open && h->publishers[i].out.len > 0) {
			return false;
		}
	}
	return true;
}

static void loop(struct hostile *h)
{
	for (uint32_t i = 0; i < HOSTILE_PUBLISHERS && !h->failed; i++) {
		hostile_publisher_step(h, &h->publishers[i]);
		hostile_check_new(h);
	}
	hostile_lie(&h->world, &h->random);
	h->lies++;
	if (hostile_below(&h->random, 3) == 0) {
		hostile_obey(h);
	}
	if (hostile_below(&h->random, 700) == 0) {
		h->world.now_us += hostile_below(&h->random, 40) * UINT64_C(1000000);
	}
	world_poll(&h->world);
	if (hostile_below(&h->random, 500) == 0) {
		change_control(h);
	}
	if (hostile_below(&h->random, 16) == 0) {
		hostile_audit(h, none_under_way(h));
	}
}

static void open_world(struct hostile *h)
{
	struct world *w = &h->world;

	world_init(w);
	w->memory.packets = 512 << hostile_below(&h->random, 3);
	w->memory.streams = 2 + hostile_below(&h->random, HOSTILE_STREAMS - 1);
	w->memory.log_blocks = 8 << hostile_below(&h->random, 5);
	w->memory.connections = HOSTILE_PUBLISHERS - hostile_below(&h->random, 2);
	world_open(w);
	world_attach(w);
	h->held = calloc(w->packets.region.size / ABI_SEGMENT_ALIGN, sizeof(h->held[0]));
	for (uint32_t i = 0; i < HOSTILE_STREAMS; i++) {
		h->logs[i].generation = 0;
		h->logs[i].head = h->logs[i].messages = 0;
	}
	if (!h->held) {
		abort();
	}
}

/* Everything comes back: world_close() counts. */
static void close_world(struct hostile *h)
{
	for (uint32_t i = 0; i < HOSTILE_PUBLISHERS; i++) {
		hostile_publisher_close(&h->publishers[i]);
	}
	h->live += world_count(&h->world, DP_COUNTER_publish_accepted);
	h->refused += world_count(&h->world, DP_COUNTER_sub_refused) +
		      world_count(&h->world, DP_COUNTER_resume_refused);
	world_close(&h->world);
	free(h->held);
	if (CU_get_number_of_failures() > 0) {
		hostile_fail(h, "not all came back");
	}
}

static void round_of(struct hostile *h, uint64_t seed)
{
	pthread_t liar;
	bool two = h->rounds++ % 2 == 1;

	h->two = two;
	h->seed = seed;
	h->random = hostile_mark(seed) | 1;
	open_world(h);
	atomic_store(&h->stop, false);
	if (two && pthread_create(&liar, NULL, lie_meanwhile, h) != 0) {
		abort();
	}
	for (uint32_t i = 0; i < ROUND_LOOPS && !h->failed; i++) {
		loop(h);
	}
	atomic_store(&h->stop, true);
	if (two) {
		pthread_join(liar, NULL);
	}
	close_world(h);
}

static void run(void)
{
	struct hostile *h = &the_hostile;
	uint64_t end = stress_now_us() + run_seconds * UINT64_C(1000000);
	uint64_t said = 0;

	pthread_mutex_init(&h->lock, NULL);
	for (uint64_t seed = h->seed; !h->failed && stress_now_us() < end; seed++) {
		round_of(h, seed);
		if (stress_now_us() - said > 60000000) {
			said = stress_now_us();
			printf("hostile: round %lu, seed %lu\n", (unsigned long)h->rounds,
			       (unsigned long)seed);
			(void)fflush(stdout);
		}
	}
	pthread_mutex_destroy(&h->lock);
	CU_ASSERT_FALSE(h->failed);
	CU_ASSERT_TRUE(h->live > 0 && h->refused > 0 && h->audits > 0);
}

static void report(const struct hostile *h)
{
	printf("hostile: %lu rounds, %lu publishes accepted, %lu messages checked, %lu audits, "
	       "%lu values refused, %lu places handed on\n",
	       (unsigned long)h->rounds, (unsigned long)h->live, (unsigned long)h->messages,
	       (unsigned long)h->audits, (unsigned long)h->refused, (unsigned long)h->positions);
}

int hostile_run(unsigned int seconds, uint64_t seed)
{
	CU_pSuite suite;

	world_start_eal();
	run_seconds = seconds;
	the_hostile.seed = seed;
	printf("hostile: first seed %lu\n", (unsigned long)seed);
	(void)fflush(stdout);
	/* Of a suite, because the world's own checks are CUnit's. */
	if (CU_initialize_registry() != CUE_SUCCESS ||
	    !(suite = CU_add_suite("hostile", NULL, NULL)) ||
	    !CU_add_test(suite, "a control that lies", run)) {
		return 1;
	}
	(void)CU_run_all_tests();
	for (const struct CU_FailureRecord *f = CU_get_failure_list(); f; f = f->pNext) {
		fprintf(stderr, "stress: %s:%u: %s (seed %lu)\n", f->strFileName, f->uiLineNumber,
			f->strCondition, (unsigned long)the_hostile.seed);
	}
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	report(&the_hostile);
	return failures > 0;
}
