/*
 * When a player is too slow for its stream (dataplane/play_source.h), and when it is not: stalls
 * far apart, streams whose video does not come, and a pool that others emptied.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <string.h>

#include "play_stage.h"
#include "suite.h"

#define STEP_US UINT64_C(400000)
#define STALL   40u  /* steps */
#define BETWEEN 150u /* steps: a minute */

static uint32_t step;
static uint32_t release_steps; /* control releases what it read so often */

static void release_log(void)
{
	world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
}

/* Audio for so many steps, of each of which the player takes so much. */
static void hear(uint32_t steps, uint32_t bytes)
{
	for (uint32_t i = 0; i < steps && !v.conn.closed; i++) {
		a.now_us += STEP_US;
		audio((uint32_t)(step++ * STEP_US / 1000));
		if (step % release_steps == 0) {
			release_log();
		}
		viewer_read(&v);
		fake_tcp_acknowledge(&v.conn, bytes);
	}
}

static void start_listening(bool video_first)
{
	struct config_play config = stage_defaults;

	config.player_kib = 64; /* some seconds of it */
	start_with(&config, 1);
	step = 0;
	release_steps = 1;
	if (video_first) {
		video(0, true, 1000);
		video(0, false, 1000);
	}
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	viewer_accept(&v, &a, slot);
}

/* Twice, far apart, it stands still, for less than it may. */
static void stall_twice(bool video_first)
{
	start_listening(video_first);
	hear(10, UINT32_MAX);
	hear(STALL, 0);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_skips) > 0);
	hear(3, UINT32_MAX);
	uint64_t skips = world_count(&a, DP_COUNTER_play_skips);
	hear(BETWEEN, UINT32_MAX);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_skips), skips);
	hear(STALL, 0);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_skips) > skips);
	hear(10, UINT32_MAX);
	CU_ASSERT_FALSE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 0);
	viewer_close(&v);
	stop(1);
}

static void test_audio_alone(void)
{
	stall_twice(false);
}

static void test_video_stops(void)
{
	stall_twice(true);
}

/* Of audio alone one may be too slow as well: this one takes the half. */
static void test_audio_slow(void)
{
	start_listening(false);
	hear(200, 100);
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_close(&v);
	stop(1);
}

/* It trickles, and skips only every 6 s: before it is late again it has not caught up. */
static void test_audio_trickle(void)
{
	start_listening(false);
	release_steps = 15;
	hear(200, 20);
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_close(&v);
	stop(1);
}

/* It reads all of the sound there is, but no picture has come to it since it fell behind: it has
 * not caught up, and when it stands still again its time is over. */
static void test_no_picture(void)
{
	start(1);
	video(0, true, 1000);
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	viewer_accept(&v, &a, slot);
	for (uint32_t i = 1; i < 130 && !v.conn.closed; i++) {
		bool reads = i > 60 && i <= 110;

		a.now_us += 200000;
		video(i * 200, i == 111, reads ? 1000 : 50000);
		audio(i * 200);
		release_log();
		viewer_read(&v);
		fake_tcp_acknowledge(&v.conn, reads ? UINT32_MAX : 0);
		CU_ASSERT_FALSE(v.conn.closed && i <= 110);
	}
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_close(&v);
	stop(1);
}

static struct rte_mbuf *taken[2048];
static uint32_t taken_count;

static void take_pool(void)
{
	struct rte_mbuf *m;

	while ((m = rte_pktmbuf_alloc(mesh.pool)) != NULL) {
		taken[taken_count++] = m;
	}
}

static void return_pool(void)
{
	while (taken_count > 0) {
		rte_pktmbuf_free(taken[--taken_count]);
	}
}

/* A second of a stream that is too much for the player. `empty`: and the pool has nothing. */
static void strain(uint32_t seconds, bool empty)
{
	for (uint32_t i = 0; i < seconds * 10 && !v.conn.closed; i++) {
		a.now_us += 100000;
		if (empty) {
			take_pool();
		}
		video(step * 100, step % 10 == 0, 30000);
		step++;
		release_log();
		viewer_read(&v);
		fake_tcp_acknowledge(&v.conn, empty ? UINT32_MAX : 10000);
	}
	return_pool();
}

/* The time in which others have the pool is not counted, what was before and comes after is. */
static void test_starved(void)
{
	start(1);
	step = 0;
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	viewer_accept(&v, &a, slot);
	strain(12, false);
	CU_ASSERT_FALSE(v.conn.closed);
	strain(60, true);
	CU_ASSERT_FALSE(v.conn.closed);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_no_memory) > 0);
	strain(4, false);
	CU_ASSERT_FALSE(v.conn.closed);
	strain(12, false);
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_close(&v);
	stop(1);
}

/* One that does not take what it has is not excused by that. */
static void test_starved_and_slow(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	v.conn.send_space = 0;
	for (uint32_t i = 0; i < 250 && !v.conn.closed; i++) {
		a.now_us += 100000;
		if (i == 3) {
			take_pool();
		}
		video(i * 100, i % 10 == 0, 1000);
		release_log();
	}
	return_pool();
	CU_ASSERT_TRUE(v.conn.closed);
	viewer_close(&v);
	stop(1);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"audio alone, two stalls", test_audio_alone},
		{"video that stops, two stalls", test_video_stops},
		{"audio alone, too slow", test_audio_slow},
		{"audio alone, a trickle", test_audio_trickle},
		{"no picture comes", test_no_picture},
		{"no memory, and slow before and after", test_starved},
		{"no memory, and slow meanwhile", test_starved_and_slow},
		{.name = NULL},
	};

	world_start_eal();
	return suite_run("dataplane/play_late", tests);
}
