/*
 * Players: what they get of a stream, on the publisher's worker and on another one, and what those
 * get that leave, are kicked, or are not wanted. Slow ones: test_play_slow.c.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "play_stage.h"
#include "suite.h"

static void test_keyframe(void)
{
	start(1);
	video(1000, true, 9000);
	video(1040, false, 3000);
	video(2000, true, 9000);
	audio(2010);
	viewer_open(&v, &a, "cam?key=secret");
	CU_ASSERT_EQUAL(v.count, 0);
	CU_ASSERT_STRING_EQUAL(shown(&a)->asked, "cam?key=secret");
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->state), ABI_PLAYER_ASKED);
	viewer_accept(&v, &a, slot);
	CU_ASSERT_STRING_EQUAL(v.said, "NetConnection.Connect.Success NetStream.Play.Reset "
				       "NetStream.Play.Start ");
	expect_headers(&v, 2000);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 2000, 9000);
	expect_message(&v, 5, RTMP_TYPE_AUDIO, 2010, 200);
	video(2040, false, 20000);
	viewer_read(&v);
	expect_message(&v, 6, RTMP_TYPE_VIDEO, 2040, 20000);
	CU_ASSERT_EQUAL(v.count, 7);
	CU_ASSERT_STRING_EQUAL(shown(&a)->name, "public");
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->messages), 3);
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->skips), 0);
	world_poll(&a);
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->pinned_bytes), 0);
	viewer_close(&v);
	CU_ASSERT_EQUAL(shown(&a)->asked[0], 0);
	stop(1);
}

/* Without a keyframe so far: audio at once, video from the first one on. */
static void test_before_keyframe(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	video(40, false, 3000);
	audio(50);
	video(80, true, 3000);
	video(120, false, 3000);
	viewer_read(&v);
	expect_headers(&v, 40);
	expect_message(&v, 4, RTMP_TYPE_AUDIO, 50, 200);
	expect_message(&v, 5, RTMP_TYPE_VIDEO, 80, 3000);
	expect_message(&v, 6, RTMP_TYPE_VIDEO, 120, 3000);
	CU_ASSERT_EQUAL(v.count, 7);
	viewer_close(&v);
	stop(1);
}

static void test_other_worker(void)
{
	start(2);
	video(1000, true, 9000);
	viewer_open(&v, &b, "cam");
	viewer_accept(&v, &a, slot);
	poll_both();
	expect_headers(&v, 1000);
	expect_message(&v, 4, RTMP_TYPE_VIDEO, 1000, 9000);
	for (uint32_t i = 1; i < 20; i++) {
		video(1000 + i * 40, false, 5000);
		poll_both();
		expect_message(&v, 4 + i, RTMP_TYPE_VIDEO, 1000 + i * 40, 5000);
	}
	CU_ASSERT_EQUAL(shown(&b)->stream_worker, 0);
	CU_ASSERT_EQUAL(atomic_load(&shown(&b)->messages), 20);
	viewer_close(&v);
	video(2000, false, 5000);
	poll_both();
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(mesh.pool), 0);
	stop(2);
}

static void test_end(void)
{
	start(2);
	video(0, true, 9000);
	viewer_open(&v, &b, "cam");
	viewer_accept(&v, &a, slot);
	poll_both();
	video(40, false, 4000);
	publisher_close(&pub);
	poll_both();
	poll_both();
	expect_message(&v, 5, RTMP_TYPE_VIDEO, 40, 4000);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "EOF NetStream.Play.UnpublishNotify "
					      "NetStream.Play.Stop "));
	CU_ASSERT_FALSE(v.conn.closed);
	CU_ASSERT_EQUAL(atomic_load(&shown(&b)->generation) % 2, 0);
	/* It may ask for another. */
	viewer_command(&v, 1, "play", "next");
	viewer_pump(&v);
	CU_ASSERT_EQUAL(world_count(&b, DP_COUNTER_play_asked), 2);
	viewer_close(&v);
	stop(2);
}

/* Accepted for a publication that is gone by then, and for a worker that there is not. */
static void test_gone(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	struct abi_event event;
	while (world_event(&a, &event)) {
		v.slot = event.slot;
		v.generation = event.generation;
	}
	slot += 1; /* nobody publishes there: its generation is even */
	viewer_accept(&v, &a, slot);
	slot -= 1;
	world_poll(&a);
	viewer_read(&v);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.StreamNotFound"));
	viewer_close(&v);
	viewer_open(&v, &a, "cam");
	b.worker = 9;
	b.pub = a.pub;
	b.pub_region = a.pub_region;
	viewer_accept(&v, &b, slot);
	CU_ASSERT_TRUE(v.conn.closed);
	viewer_close(&v);
	stop(1);
}

static void test_refused(void)
{
	start(1);
	viewer_open(&v, &a, "cam");
	viewer_answer(&v, ABI_COMMAND_PLAY_REJECT, RTMP_PLAY_REJECT_NOT_FOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.StreamNotFound"));
	CU_ASSERT_TRUE(v.conn.closed);
	viewer_close(&v);
	viewer_open(&v, &a, "cam");
	viewer_answer(&v, ABI_COMMAND_PLAY_REJECT, 4711);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Failed"));
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_sub_refused), 1);
	viewer_close(&v);
	/* Nobody answers. */
	viewer_open(&v, &a, "cam");
	a.now_us += 3000000;
	world_poll(&a);
	viewer_read(&v);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Failed"));
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_timeout), 1);
	viewer_close(&v);
	/* Nobody is there to ask. */
	world_detach(&a);
	viewer_open(&v, &a, "cam");
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Failed"));
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_no_control), 1);
	viewer_close(&v);
	world_attach(&a);
	stop(1);
}

/* No application lets anybody play: there is nothing to play with. */
static void test_nobody(void)
{
	world_init(&a);
	world_open(&a);
	world_attach(&a);
	viewer_open(&v, &a, "cam");
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Failed"));
	CU_ASSERT_TRUE(v.conn.closed);
	CU_ASSERT_EQUAL(a.pub->players, 0);
	viewer_close(&v);
	world_close(&a);
}

static void test_slots(void)
{
	static struct viewer many[4];

	start(1);
	for (uint32_t i = 0; i < 4; i++) {
		viewer_open(&many[i], &a, "cam");
	}
	viewer_open(&v, &a, "cam");
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Play.Failed"));
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_no_slot), 1);
	viewer_close(&v);
	for (uint32_t i = 0; i < 4; i++) {
		viewer_close(&many[i]);
	}
	viewer_open(&v, &a, "cam");
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->generation) % 2 +
				atomic_load(&shown(&a)[1].generation) % 2 +
				atomic_load(&shown(&a)[2].generation) % 2 +
				atomic_load(&shown(&a)[3].generation) % 2,
			1);
	viewer_close(&v);
	stop(1);
}

static void test_kick(void)
{
	start(1);
	video(0, true, 1000);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	viewer_answer(&v, ABI_COMMAND_PLAY_KICK, RTMP_PLAY_REJECT_KICKED);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "EOF NetStream.Play.Failed NetStream.Play.Stop"));
	CU_ASSERT_TRUE(v.conn.closed);
	/* A command that comes too late means nobody. */
	viewer_answer(&v, ABI_COMMAND_PLAY_KICK, RTMP_PLAY_REJECT_KICKED);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_commands_stale), 1);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_kicked), 1);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_drained), 0);
	viewer_close(&v);
	stop(1);
}

/* Asked once in a drain to connect elsewhere, and ended like the stream when it does not. */
static void test_drain(void)
{
	start(1);
	video(0, true, 1000);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	world_command(&a, ABI_COMMAND_DRAIN, 0, 0, 0, "rtmp://other");
	world_poll(&a);
	v.said[0] = '\0';
	viewer_answer(&v, ABI_COMMAND_PLAY_RECONNECT, 0);
	viewer_answer(&v, ABI_COMMAND_PLAY_RECONNECT, 0);
	CU_ASSERT_STRING_EQUAL(v.said, "NetConnection.Connect.ReconnectRequest ");
	video(40, false, 1000);
	viewer_read(&v);
	expect_message(&v, 5, RTMP_TYPE_VIDEO, 40, 1000);
	viewer_answer(&v, ABI_COMMAND_PLAY_KICK, RTMP_PLAY_REJECT_DRAINED);
	CU_ASSERT_STRING_EQUAL(v.said, "NetConnection.Connect.ReconnectRequest EOF "
				       "NetStream.Play.UnpublishNotify NetStream.Play.Stop ");
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_drained), 1);
	CU_ASSERT_EQUAL(world_count(&a, DP_COUNTER_play_kicked), 0);
	CU_ASSERT_TRUE(v.conn.closed);
	viewer_close(&v);
	stop(1);
}

static void test_wishes(void)
{
	start(1);
	video(0, true, 1000);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	uint32_t before = v.count;
	viewer_flag(&v, "receiveAudio", false);
	viewer_pump(&v);
	audio(10);
	viewer_read(&v);
	CU_ASSERT_EQUAL(v.count, before);
	viewer_flag(&v, "receiveVideo", false);
	viewer_pump(&v);
	video(40, false, 1000);
	viewer_flag(&v, "receiveVideo", true);
	viewer_pump(&v);
	video(80, false, 1000); /* useless without the one before */
	video(120, true, 1000);
	viewer_read(&v);
	CU_ASSERT_EQUAL(v.count, before + 1);
	expect_message(&v, before, RTMP_TYPE_VIDEO, 120, 1000);
	viewer_flag(&v, "pause", true);
	viewer_pump(&v);
	video(160, false, 1000);
	viewer_read(&v);
	CU_ASSERT_EQUAL(v.count, before + 1);
	viewer_flag(&v, "pause", false);
	viewer_pump(&v);
	expect_message(&v, before + 1, RTMP_TYPE_VIDEO, 160, 1000);
	viewer_command(&v, 1, "closeStream", NULL);
	viewer_pump(&v);
	CU_ASSERT_EQUAL(atomic_load(&shown(&a)->generation) % 2, 0);
	viewer_close(&v);
	stop(1);
}

/* Two players of one stream, and a connection that plays cannot publish. */
static void test_two(void)
{
	start(1);
	video(0, true, 1000);
	viewer_open(&v, &a, "cam");
	viewer_accept(&v, &a, slot);
	viewer_open(&other, &a, "cam");
	viewer_accept(&other, &a, slot);
	video(40, false, 1000);
	viewer_read(&v);
	viewer_read(&other);
	expect_message(&v, 5, RTMP_TYPE_VIDEO, 40, 1000);
	expect_message(&other, 5, RTMP_TYPE_VIDEO, 40, 1000);
	viewer_command(&v, 0, "createStream", NULL);
	viewer_command(&v, 2, "publish", "mine");
	viewer_pump(&v);
	CU_ASSERT_PTR_NOT_NULL(strstr(v.said, "NetStream.Publish.BadName"));
	viewer_close(&v);
	viewer_close(&other);
	stop(1);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"from the last keyframe", test_keyframe},
		{"before the first keyframe", test_before_keyframe},
		{"on another worker", test_other_worker},
		{"publisher ends", test_end},
		{"stream or worker that is not there", test_gone},
		{"refused", test_refused},
		{"nobody may play", test_nobody},
		{"no slot", test_slots},
		{"kicked", test_kick},
		{"drained", test_drain},
		{"pause, receiveAudio, receiveVideo", test_wishes},
		{"two players", test_two},
		{.name = NULL},
	};

	world_start_eal();
	return suite_run("dataplane/play", tests);
}
