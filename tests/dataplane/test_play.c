/*
 * Players: what they get of a stream, on the publisher's worker and on another one, and what slow,
 * leaving, kicked and unwanted ones get.
 */
#include <CUnit/Basic.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "publisher.h"
#include "suite.h"
#include "tcpstack/tcp.h"
#include "viewer.h"

static struct world a; /* of the publisher */
static struct world b; /* another worker */
static struct play_mesh mesh;
static struct publisher pub;
static struct viewer v;
static struct viewer other;
static uint8_t payload[300000];
static uint32_t slot;

static const uint8_t meta[] = {2,   0,   13,  '@', 's', 'e', 't', 'D', 'a', 't', 'a',
			       'F', 'r', 'a', 'm', 'e', 2,   0,   10,  'o', 'n', 'M',
			       'e', 't', 'a', 'D', 'a', 't', 'a', 3,   0,   0,   9};

static void open_mesh(uint32_t workers, uint32_t memory_mib)
{
	const struct config_play config = {
		.players = 4, .memory_mib = memory_mib, .player_kib = 256, .lag_max_ms = 5000};

	CU_ASSERT_EQUAL_FATAL(play_mesh_create(&mesh, &config, 4096, workers), 0);
}

static void open_world(struct world *w, uint32_t worker)
{
	world_init(w);
	w->play = &mesh;
	w->worker = worker;
	w->memory.log_blocks = 256;
	world_open(w);
	world_attach(w);
}

static void video(uint32_t timestamp, bool key, uint32_t len)
{
	memset(payload, (int)(timestamp & 0xff), len);
	payload[0] = key ? 0x17 : 0x27;
	payload[1] = 1;
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, timestamp, payload, len);
	publisher_pump(&pub);
}

static void audio(uint32_t timestamp)
{
	memset(payload, (int)(timestamp & 0xff), 200);
	payload[0] = 0xaf;
	payload[1] = 1;
	publisher_media(&pub, RTMP_TYPE_AUDIO, 4, timestamp, payload, 200);
	publisher_pump(&pub);
}

static void headers(void)
{
	static const uint8_t avc[] = {0x17, 0, 0, 0, 0, 1, 2, 3};
	static const uint8_t aac[] = {0xaf, 0, 0x12, 0x10};

	publisher_media(&pub, RTMP_TYPE_DATA_AMF0, 4, 0, meta, sizeof(meta));
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, 0, avc, sizeof(avc));
	publisher_media(&pub, RTMP_TYPE_AUDIO, 4, 0, aac, sizeof(aac));
	publisher_pump(&pub);
}

static void start(uint32_t workers)
{
	open_mesh(workers, 4);
	open_world(&a, 0);
	if (workers > 1) {
		open_world(&b, 1);
	}
	slot = publisher_go_live(&pub, &a, "cam", 4096, 1448);
	headers();
}

static void stop(uint32_t workers)
{
	publisher_close(&pub);
	world_set_tail(&a, slot, atomic_load(&world_stream(&a, slot)->head));
	for (int i = 0; i < 20; i++) {
		world_poll(&a);
		if (workers > 1) {
			world_poll(&b);
		}
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(mesh.pool), 0);
	world_close(&a);
	if (workers > 1) {
		world_close(&b);
	}
	play_mesh_destroy(&mesh);
}

static void expect_message(const struct viewer *who, uint32_t number, uint8_t type,
			   uint32_t timestamp, uint32_t length)
{
	CU_ASSERT_FATAL(number < who->count);
	const struct viewer_message *m = &who->messages[number];

	CU_ASSERT_EQUAL(m->header.type, type);
	CU_ASSERT_EQUAL(m->header.timestamp, timestamp);
	CU_ASSERT_EQUAL(m->header.length, length);
	CU_ASSERT_EQUAL(m->header.stream_id, 1);
	if (length > 100) {
		for (uint32_t i = 2; i < length; i++) {
			CU_ASSERT_EQUAL_FATAL(m->payload[i], timestamp & 0xff);
		}
	}
}

/* |RtmpSampleAccess, metadata without its address, and both sequence headers, at that time. */
static void expect_headers(const struct viewer *who, uint32_t timestamp)
{
	expect_message(who, 0, RTMP_TYPE_DATA_AMF0, 0, 24);
	expect_message(who, 1, RTMP_TYPE_DATA_AMF0, timestamp, sizeof(meta) - 16);
	CU_ASSERT_EQUAL(memcmp(who->messages[1].payload, meta + 16, sizeof(meta) - 16), 0);
	expect_message(who, 2, RTMP_TYPE_VIDEO, timestamp, 8);
	expect_message(who, 3, RTMP_TYPE_AUDIO, timestamp, 4);
}

static const struct abi_player *shown(const struct world *w)
{
	return (const void *)(w->pub_region.base + w->pub->players_offset);
}

static void poll_both(void)
{
	world_poll(&b);
	world_poll(&a);
	world_poll(&b);
	viewer_read(&v);
}

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
	open_mesh(1, 1);
	open_world(&a, 0);
	slot = publisher_go_live(&pub, &a, "cam", 4096, 1448);
	headers();
	struct rte_mbuf *taken[1024];
	uint32_t count = 0;
	while (count < 1024 && (taken[count] = rte_pktmbuf_alloc(mesh.pool))) {
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
		{"slow, and the log goes", test_slow},
		{"late", test_late},
		{"a reply between two parts", test_reply_between},
		{"replies in order", test_reply_order},
		{"full when the publisher ends", test_full_at_end},
		{"pings and no reading", test_ping_flood},
		{"on another worker", test_other_worker},
		{"publisher ends", test_end},
		{"stream or worker that is not there", test_gone},
		{"refused", test_refused},
		{"nobody may play", test_nobody},
		{"no slot", test_slots},
		{"kicked", test_kick},
		{"pause, receiveAudio, receiveVideo", test_wishes},
		{"takes nothing", test_stuck},
		{"no memory", test_no_memory},
		{"two players", test_two},
		{.name = NULL},
	};

	world_start_eal();
	return suite_run("dataplane/play", tests);
}
