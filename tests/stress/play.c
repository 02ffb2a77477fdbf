/*
 * Playing across workers, each a thread: one publishes, players come and go on the other, take much
 * or little, pause, and are cut off. Every message that a player gets is whole and what was sent.
 *
 * stress_play [--seconds N]. The players' pool is larger than what is ever written: mbufs that came
 * back over DPDK's pool would be handed on in a way that the thread sanitizer does not see.
 */
#include <CUnit/CUnit.h>
#include <getopt.h>
#include <pthread.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/publisher.h"
#include "dataplane/viewer.h"
#include "stress.h"

#define VIEWERS 4u

static struct world a;
static struct world b;
static struct play_mesh mesh;
static struct publisher pub;
static struct viewer viewers[VIEWERS];
static bool open[VIEWERS];
static _Atomic bool stop;
static _Atomic bool failed;
static uint64_t plays;
static uint64_t messages;

static void fail(const char *what)
{
	(void)fprintf(stderr, "stress_play: %s\n", what);
	atomic_store(&failed, true);
	atomic_store(&stop, true);
}

/* What a message of this time is. */
static uint32_t length_at(uint32_t timestamp)
{
	return 16 + timestamp * 7919u % 6000;
}

static void publish(uint32_t timestamp)
{
	static uint8_t payload[8192];
	uint32_t len = length_at(timestamp);

	memset(payload, (int)(timestamp & 0xff), len);
	payload[0] = timestamp % 25 == 0 ? 0x17 : 0x27;
	payload[1] = 1;
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, timestamp, payload, len);
	publisher_pump(&pub);
}

static void check(const struct viewer_message *m)
{
	if (m->header.type != RTMP_TYPE_VIDEO) {
		return;
	}
	if (m->header.length != length_at(m->header.timestamp)) {
		fail("another length");
		return;
	}
	for (uint32_t i = 2; i < m->header.length; i++) {
		if (m->payload[i] != (m->header.timestamp & 0xff)) {
			fail("another payload");
			return;
		}
	}
	messages++;
}

static void take(struct viewer *v)
{
	viewer_read(v);
	for (uint32_t i = 0; i < v->count; i++) {
		check(&v->messages[i]);
		free(v->messages[i].payload);
	}
	v->count = 0;
}

static void change(struct viewer *v, uint64_t random)
{
	switch (random % 16) {
	case 0:
		v->conn.send_space = UINT32_MAX;
		break;
	case 1:
		v->conn.send_space = (uint32_t)(random >> 8) % 9000;
		break;
	case 2:
		viewer_flag(v, "pause", random >> 8 & 1);
		viewer_pump(v);
		break;
	default:
		break;
	}
}

static void *run_players(void *arg)
{
	uint64_t random = 88172645463325252u;

	while (!atomic_load(&stop)) {
		uint32_t i = (uint32_t)(stress_random(&random) % VIEWERS);
		struct viewer *v = &viewers[i];

		if (!open[i]) {
			viewer_open(v, &b, "cam");
			viewer_accept(v, arg, 0);
			open[i] = true;
			plays++;
		} else if (v->conn.closed || stress_random(&random) % 256 == 0) {
			take(v);
			viewer_close(v);
			open[i] = false;
			continue;
		}
		change(v, stress_random(&random));
		world_poll(&b);
		take(v);
		sched_yield();
	}
	return NULL;
}

static void close_players(void)
{
	for (uint32_t i = 0; i < VIEWERS; i++) {
		if (open[i]) {
			take(&viewers[i]);
			viewer_close(&viewers[i]);
		}
	}
	for (int i = 0; i < 10; i++) {
		world_poll(&a);
		world_poll(&b);
	}
	if (rte_mempool_in_use_count(mesh.pool) != 0) {
		fail("memory of players is lost");
	}
}

static uint32_t run_publisher(uint64_t end_us, uint32_t slot)
{
	uint32_t timestamp = 0;

	/* Only so much is ever taken out of the pool. */
	while (!atomic_load(&stop) && stress_now_us() < end_us &&
	       a.counters.value[DP_COUNTER_play_messages] < mesh.pool->size / 8) {
		publish(timestamp++);
		if (timestamp % 50 == 0) {
			world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
		}
		sched_yield();
	}
	atomic_store(&stop, true);
	return timestamp;
}

static void set_up(struct world *w, uint32_t worker)
{
	world_init(w);
	w->play = &mesh;
	w->worker = worker;
	w->memory.log_blocks = 256;
	w->memory.packets = 8192;
	world_open(w);
	world_attach(w);
}

static unsigned int parse(int argc, char **argv)
{
	static const struct option options[] = {{"seconds", required_argument, NULL, 's'},
						{NULL, 0, NULL, 0}};
	unsigned int seconds = 2;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 's') {
			exit(2);
		}
		seconds = (unsigned int)strtoul(optarg, NULL, 10);
	}
	return seconds;
}

static unsigned int run_seconds;

static void run(void)
{
	const struct config_play config = {
		.players = 8, .memory_mib = 40, .player_kib = 64, .lag_max_ms = 100};
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(play_mesh_create(&mesh, &config, 4096, 2), 0);
	set_up(&a, 0);
	set_up(&b, 1);
	CU_ASSERT_EQUAL_FATAL(publisher_go_live(&pub, &a, "cam", 4096, 1448), 0);
	publish(0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_players, &a), 0);
	uint32_t published = run_publisher(stress_now_us() + run_seconds * UINT64_C(1000000), 0);
	(void)pthread_join(thread, NULL);
	close_players();
	(void)printf("play: %u published, %llu plays, %llu messages, %llu skips%s\n", published,
		     (unsigned long long)plays, (unsigned long long)messages,
		     (unsigned long long)a.counters.value[DP_COUNTER_play_skips],
		     atomic_load(&failed) ? ": FAILED" : "");
	publisher_close(&pub);
	world_set_tail(&a, 0, atomic_load(&world_stream(&a, 0)->head));
	world_close(&a);
	world_close(&b);
	play_mesh_destroy(&mesh);
	CU_ASSERT_FALSE(atomic_load(&failed));
	CU_ASSERT_TRUE(messages > 0 && plays > 0);
}

int main(int argc, char **argv)
{
	CU_pSuite suite;

	run_seconds = parse(argc, argv);
	world_start_eal();
	/* Of a suite, because the world's own checks are CUnit's. */
	if (CU_initialize_registry() != CUE_SUCCESS ||
	    !(suite = CU_add_suite("play", NULL, NULL)) ||
	    !CU_add_test(suite, "players on another worker", run)) {
		return 1;
	}
	(void)CU_run_all_tests();
	for (const struct CU_FailureRecord *f = CU_get_failure_list(); f; f = f->pNext) {
		(void)fprintf(stderr, "stress_play: %s:%u: %s\n", f->strFileName, f->uiLineNumber,
			      f->strCondition);
	}
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}
