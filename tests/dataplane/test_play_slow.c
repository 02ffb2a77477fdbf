/*
 * Players whose connections take less than there is: what waits for them, how much of it, and when
 * they are moved on or ended; and what has to come in order all the same.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/player_send.h"
#include "dataplane/session.h"
#include "play_stage.h"
#include "suite.h"

/* What control released under a player that takes nothing is skipped, and the log not held. */
static void test_slow(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 20000;
	viewer_accept(&v, &a, slot);
	for (uint32_t i = 1; i < 40; i++) {
		video(i * 40, i % 10 == 0, 20000);
		world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
		world_poll(&a);
	}
	CU_ASSERT_TRUE(atomic_load(&world_stream(&a, slot)->reclaimed) ==
		       atomic_load(&world_stream(&a, slot)->head));
	uint64_t pinned = atomic_load(&shown(&a)->pinned_bytes);
	CU_ASSERT_TRUE(pinned > 0 && pinned <= (256 << 10));
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->skips) > 0);
	v.conn.send_space = UINT32_MAX;
	world_poll(&a);
	video(1600, true, 5000);
	video(1640, false, 5000);
	viewer_read(&v);
	expect_message(&v, v.count - 2, RTMP_TYPE_VIDEO, 1600, 5000);
	expect_message(&v, v.count - 1, RTMP_TYPE_VIDEO, 1640, 5000);
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->skipped_messages) > 10);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_skipped_messages),
			atomic_load(&shown(&a)->skipped_messages));
	viewer_close(&v);
	stop(1);
}

/* Too far behind in time while a newer keyframe is there: although all of it still is. */
static void test_late(void)
{
	start(1);
	video(0, true, 200000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 0;
	viewer_accept(&v, &a, slot);
	video(40, false, 100000);
	video(80, false, 100000);
	video(120, true, 1000);
	a.now_us += 4000000;
	world_poll(&a);
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->skips), 0);
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->lag_us) >= 4000000);
	a.now_us += 1100000;
	world_poll(&a);
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->skips), 1);
	v.conn.send_space = UINT32_MAX;
	for (int i = 0; i < 3; i++) {
		world_poll(&a);
	}
	viewer_read(&v);
	expect_message(&v, v.count - 1, RTMP_TYPE_VIDEO, 120, 1000);
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->skipped_messages) >= 1);
	viewer_close(&v);
	stop(1);
}

/* A worker may sleep while the connection of a player whose stream ended is full. */
static void test_full_at_end(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 10000;
	viewer_accept(&v, &a, slot);
	publisher_close(&pub);
	world_poll(&a);
	world_poll(&a);
	CU_ASSERT_FALSE(dp_ingest_commanded(a.ingest));
	for (int i = 0; i < 60; i++) {
		v.conn.send_space = 4000;
		world_poll(&a);
		viewer_read(&v);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Stop "));
	viewer_close(&v);
	stop(1);
}

/* A peer that pings and reads nothing does not make us keep its replies without end. */
static void test_ping_flood(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 10000;
	viewer_accept(&v, &a, slot);
	for (int i = 0; i < 100 && !v.conn.gone; i++) {
		viewer_ping(&v);
		viewer_pump(&v);
	}
	CU_ASSERT_TRUE(v.conn.aborted);
	CU_ASSERT_EQUAL(v.pongs, 0); /* it could not tell it from media */
	viewer_close(&v);
	stop(1);
}

static void release_log(void)
{
	world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
}

#define PINGS 400u

static void pump_pings(void)
{
	for (uint32_t i = 0; i < PINGS; i++) {
		viewer_ping(&v);
	}
	viewer_pump(&v);
}

/* Much media, none of which arrives, under way to a player of which TCP says how much it has. */
static void play_much(void)
{
	struct config_play config = stage_defaults;

	config.player_kib = 2048;
	start_with(&config, 1);
	viewer_open(&v, &a, "cam");
	fake_tcp_acknowledge(&v.conn, UINT32_MAX);
	v.conn.keeps = true;
	v.conn.send_space = SESSION_SEND_MAX;
	v.conn.cwnd = 1 << 20;
	viewer_accept(&v, &a, slot);
	for (uint32_t i = 0; i < 20; i++) {
		a.now_us += 2 * PLAYER_LOOK_US;
		video(i * 40, i == 0, 50000);
	}
	CU_ASSERT_TRUE(v.conn.send_queue > 2 * SESSION_REPLIES_MAX);
	viewer_flag(&v, "pause", true);
	viewer_pump(&v);
}

/* Replies that a player does not read have the bound that they have for all; media is not one. */
static void test_ping_paused(void)
{
	play_much();
	uint32_t media = v.conn.send_queue;
	uint32_t replies = 0;
	while (!v.conn.gone && replies < 2 * SESSION_REPLIES_MAX) {
		replies = v.conn.send_queue - media;
		pump_pings();
	}
	CU_ASSERT_TRUE(v.conn.aborted);
	CU_ASSERT_TRUE(replies > SESSION_REPLIES_MAX - 20 * PINGS);
	CU_ASSERT_TRUE(replies <= SESSION_REPLIES_MAX);
	viewer_close(&v);
	stop(1);
}

/* One that reads them may have as many as it wants, between media of which much is under way. */
static void test_ping_read(void)
{
	play_much();
	viewer_flag(&v, "pause", false);
	for (uint32_t i = 0; i < 200; i++) {
		a.now_us += 2 * PLAYER_LOOK_US;
		pump_pings();
		video(800 + i * 40, false, 50000);
		release_log();
		viewer_read(&v);
		fake_tcp_acknowledge(&v.conn, 54000);
	}
	CU_ASSERT_TRUE(v.conn.send_queue > SESSION_REPLIES_MAX);
	CU_ASSERT_FALSE(v.conn.gone);
	CU_ASSERT_TRUE(v.pongs * 6 > SESSION_REPLIES_MAX);
	viewer_close(&v);
	stop(1);
}

/* One that takes nothing at all is ended, once something waits for it. */
static void test_stuck(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	for (int i = 0; i < 4; i++) {
		a.now_us += 20000000; /* no media to speak of: it cannot be blamed */
		audio(0);
	}
	CU_ASSERT_FALSE(v.conn.closed);
	v.conn.send_space = 0;
	video(0, true, 1000);
	for (int i = 0; i < 40 && !v.conn.closed; i++) {
		a.now_us += 1000000;
		video((uint32_t)i, false, 1000);
	}
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_close(&v);
	stop(1);
}

/* The pool is empty: nobody gets half a message, and it goes on when there is room. */
static void test_no_memory(void)
{
	start(1);
	struct rte_mbuf *taken[2048];
	uint32_t count = 0;
	while (count < 2048 && (taken[count] = rte_pktmbuf_alloc(mesh.pool))) {
		count++;
	}
	for (uint32_t i = 0; i < 6; i++) {
		rte_pktmbuf_free(taken[--count]);
	}
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	video(0, true, 30000);
	viewer_read(&v);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_no_memory) > 0);
	CU_ASSERT_EQUAL(v.count, 1);
	while (count > 0) {
		rte_pktmbuf_free(taken[--count]);
	}
	for (int i = 0; i < 10; i++) {
		world_poll(&a);
	}
	viewer_read(&v);
	expect_headers(&v, 0);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 30000);
	viewer_close(&v);
	stop(1);
}

/* A reply waits for the end of what is half sent: the peer can read all of it. */
static void test_reply_between(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 10000;
	viewer_accept(&v, &a, slot);
	viewer_ping(&v);
	viewer_pump(&v);
	CU_ASSERT_EQUAL(v.pongs, 0);
	for (int i = 0; i < 60 && v.pongs == 0; i++) {
		v.conn.send_space = 4000;
		world_poll(&a);
		viewer_read(&v);
	}
	CU_ASSERT_EQUAL(v.pongs, 1);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 60000);
	viewer_close(&v);
	stop(1);
}

/* Gives the last mbuf of what is half sent, and room for not a byte more. */
static void finish_chain(void)
{
	while (rte_mempool_in_use_count(mesh.pool) > 1) {
		v.conn.send_space = 2048;
		world_poll(&a);
	}
	for (uint32_t space = 1; rte_mempool_in_use_count(mesh.pool) > 0; space++) {
		v.conn.send_space = space;
		world_poll(&a);
	}
	CU_ASSERT_EQUAL(v.conn.send_space, 0);
}

/* One that waits is not overtaken by the next: chunk headers build on those before. */
static void test_reply_order(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 10000;
	viewer_accept(&v, &a, slot);
	viewer_ping(&v);
	viewer_pump(&v);
	finish_chain();
	viewer_ping(&v);
	viewer_pump(&v);
	CU_ASSERT_EQUAL(v.pongs, 0);
	v.conn.send_space = 4000;
	world_poll(&a);
	viewer_read(&v);
	CU_ASSERT_EQUAL(v.pongs, 2);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 60000);
	viewer_close(&v);
	stop(1);
}

/* So many bytes of what TCP has for a viewer arrive. */
static void arrive(struct viewer *who, uint32_t bytes)
{
	viewer_read(who);
	fake_tcp_acknowledge(&who->conn, bytes);
}

/* One that moves on, but never catches up, is ended in the end, and told why. */
static void test_behind(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	viewer_accept(&v, &a, slot);
	uint64_t begin_us = a.now_us;
	for (uint32_t i = 0; i < 400 && !v.conn.closed; i++) {
		a.now_us += 100000;
		video(i * 100, i % 10 == 0, 30000);
		release_log();
		arrive(&v, 10000);
	}
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_TRUE(a.now_us - begin_us > 20000000);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_skips) > 0);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 1);
	viewer_read(&v);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "EOF NetStream.Play.Failed NetStream.Play.Stop "));
	viewer_close(&v);
	stop(1);
}

/* One that fell behind and caught up may stay. */
static void test_catches_up(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	viewer_accept(&v, &a, slot);
	for (uint32_t i = 0; i < 800 && !v.conn.closed; i++) {
		a.now_us += 100000;
		video(i * 100, i % 10 == 0, 30000);
		release_log();
		/* For 10 s of 20 it takes nothing. */
		arrive(&v, i / 100 % 2 == 0 ? 0 : UINT32_MAX);
	}
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_skips) > 0);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_slow), 0);
	CU_ASSERT_FALSE(v.conn.closed);
	viewer_close(&v);
	stop(1);
}

#define TRICKLES 8u
#define COMES    80u

/* Many that hold all they can get do not cost one that reads anything, wherever it comes. */
static void test_trickles(void)
{
	static struct viewer many[TRICKLES];
	struct config_play config = stage_defaults;

	config.players = TRICKLES + 1;
	config.player_kib = 2048;
	start_with(&config, 1);
	for (uint32_t i = 0; i < TRICKLES; i++) {
		viewer_open(&many[i], &a, "cam");
		many[i].conn.keeps = true;
		viewer_accept(&many[i], &a, slot);
	}
	for (uint32_t i = 0; i < 150; i++) {
		if (i == COMES) { /* they have all that they get */
			viewer_open(&v, &a, "cam");
			v.conn.keeps = true;
			viewer_accept(&v, &a, slot);
		}
		a.now_us += 100000;
		video(i * 100, i % 10 == 0, 40000);
		release_log();
		for (uint32_t j = 0; j < TRICKLES; j++) {
			arrive(&many[j], 100);
		}
		if (i >= COMES) {
			arrive(&v, UINT32_MAX);
		}
	}
	CU_ASSERT_TRUE(rte_mempool_in_use_count(mesh.pool) > mesh.pool->size / 2);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_no_memory), 0);
	CU_ASSERT_TRUE(world_count(&a, DP_COUNTER_play_skips) > 0);
	/* It misses nothing. */
	expect_headers(&v, COMES * 100);
	for (uint32_t i = COMES; i < 150; i++) {
		expect_message(&v, 4 + i - COMES, RTMP_TYPE_VIDEO, i * 100, 40000);
	}
	for (uint32_t j = 0; j < TRICKLES; j++) {
		viewer_close(&many[j]);
	}
	CU_ASSERT_EQUAL(atomic_load(&mesh.common_used), 0);
	viewer_close(&v);
	stop(1);
}

/* Publishes more than any player takes; returns what TCP then has for `v`. */
static uint32_t fill_connection(uint32_t cwnd)
{
	viewer_open(&v, &a, "cam");
	v.conn.keeps = true;
	v.conn.cwnd = cwnd;
	viewer_accept(&v, &a, slot);
	for (uint32_t i = 0; i < 100; i++) {
		video(i * 10, i == 0, 50000);
		release_log();
		world_poll(&a);
	}
	uint32_t queued = v.conn.send_queue;
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->pinned_bytes) >= queued);
	CU_ASSERT_TRUE(atomic_load(&shown(&a)->pinned_bytes) <= 3072 << 10);
	viewer_close(&v);
	return queued;
}

/* What TCP has follows the congestion window, within what the player may hold. */
static void test_window(void)
{
	struct config_play config = stage_defaults;

	config.memory_mib = 16;
	config.player_kib = 3072;
	start_with(&config, 1);
	uint32_t small = fill_connection(14600);
	CU_ASSERT_TRUE(small > PLAYER_SEND_MIN - 2048 && small <= PLAYER_SEND_MIN);
	uint32_t large = fill_connection(1 << 20);
	CU_ASSERT_TRUE(large > (2 << 20) - 2048 && large <= 2 << 20);
	uint32_t vast = fill_connection(1 << 30);
	CU_ASSERT_TRUE(vast > large && vast < 3072 << 10);
	stop(1);
}

/* Half a message is out. */
static void play_half(void)
{
	start(1);
	video(0, true, 60000);
	viewer_open(&v, &a, "cam");
	v.conn.send_space = 10000;
	viewer_accept(&v, &a, slot);
	viewer_ping(&v);
	viewer_pump(&v);
	CU_ASSERT_EQUAL(v.pongs, 0);
	CU_ASSERT_EQUAL(v.count, 4);
	v.conn.send_space = UINT32_MAX;
}

/* It is ended first; then the next is played. */
static void test_replace_half(void)
{
	play_half();
	viewer_command(&v, 1, "play", "next");
	viewer_pump(&v);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 60000);
	CU_ASSERT_EQUAL(v.pongs, 1);
	CU_ASSERT_FALSE(v.conn.gone);
	viewer_accept(&v, &a, slot);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_accepted), 2);
	expect_message(&v, v.count - 1, RTMP_TYPE_VIDEO, 0, 60000);
	viewer_close(&v);
	stop(1);
}

static void test_close_half(void)
{
	play_half();
	viewer_command(&v, 1, "closeStream", NULL);
	viewer_pump(&v);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 60000);
	CU_ASSERT_FALSE(v.conn.gone);
	viewer_close(&v);
	stop(1);
}

static void test_kick_half(void)
{
	play_half();
	viewer_answer(&v, ABI_COMMAND_PLAY_KICK, RTMP_PLAY_REJECT_KICKED);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 0, 60000);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "EOF NetStream.Play.Failed NetStream.Play.Stop"));
	viewer_close(&v);
	stop(1);
}

/* TCP does not take the rest: the peer could not read on. */
static void test_replace_refused(void)
{
	play_half();
	v.conn.send_error = -11;
	viewer_command(&v, 1, "play", "next");
	viewer_pump(&v);
	CU_ASSERT_TRUE(v.conn.aborted);
	viewer_close(&v);
	stop(1);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"slow, and the log goes", test_slow},
		{"late", test_late},
		{"a reply between two parts", test_reply_between},
		{"replies in order", test_reply_order},
		{"full when the publisher ends", test_full_at_end},
		{"pings and no reading", test_ping_flood},
		{"pings, paused, and no reading", test_ping_paused},
		{"pings, and reads", test_ping_read},
		{"takes nothing", test_stuck},
		{"no memory", test_no_memory},
		{"does not catch up", test_behind},
		{"catches up", test_catches_up},
		{"many that trickle", test_trickles},
		{"follows the window", test_window},
		{"another play, half way", test_replace_half},
		{"closed half way", test_close_half},
		{"kicked half way", test_kick_half},
		{"another play, and TCP refuses", test_replace_refused},
		{.name = NULL},
	};

	world_start_eal();
	return suite_run("dataplane/play_slow", tests);
}
