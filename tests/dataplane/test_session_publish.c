/*
 * Several publications on one connection: each with a log, a decision and an end of its own.
 */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/publish.h"
#include "publisher.h"
#include "rtmp/server.h"
#include "suite.h"

#define FRAME    3000u
#define MESSAGES 20u

static struct world w;
static struct publisher pub;
static struct reader readers[RTMP_SERVER_STREAMS];
static struct abi_event events[RTMP_SERVER_STREAMS];
static uint8_t payload[2][FRAME];

static uint32_t message_max; /* 0: as usual */

static void open_world(void)
{
	world_init(&w);
	w.rtmp.message_max = message_max != 0 ? message_max : w.rtmp.message_max;
	world_open(&w);
	world_attach(&w);
}

static void close_world(void)
{
	publisher_close(&pub);
	world_close(&w);
}

static void accept_one(uint32_t i)
{
	world_command(&w, ABI_COMMAND_ACCEPT, events[i].slot, events[i].generation, 0, "public");
	world_poll(&w);
	publisher_pump(&pub);
	(void)world_expect(&w, ABI_EVENT_LIVE);
	reader_init(&readers[i], &w, events[i].slot);
}

/* `count` publishes on message streams 1 to `count`; the first `accepted` of them are live. */
static void open_streams(uint32_t count, uint32_t accepted)
{
	open_world();
	publisher_open(&pub, &w, "one", 128, 1448);
	events[0] = world_expect(&w, ABI_EVENT_PUBLISH);
	for (uint32_t i = 1; i < count; i++) {
		publisher_publish(&pub, i + 1, "more");
		events[i] = world_expect(&w, ABI_EVENT_PUBLISH);
	}
	for (uint32_t i = 0; i < accepted; i++) {
		accept_one(i);
	}
}

static void fill(uint32_t which, uint32_t seed, uint8_t first)
{
	for (uint32_t i = 0; i < FRAME; i++) {
		payload[which][i] = (uint8_t)(seed * 31 + which * 7 + i * 3 + (i >> 8));
	}
	payload[which][0] = first;
	payload[which][1] = 1;
}

static void put_chunk(const struct rtmp_chunk *chunk, const uint8_t *data)
{
	CU_ASSERT_TRUE_FATAL(rtmp_out_put(&pub.out, chunk->header, chunk->header_len));
	CU_ASSERT_TRUE_FATAL(rtmp_out_put(&pub.out, data, chunk->payload_len));
}

/* A message on each of message streams 1 and 2, chunk by chunk in turns. */
static void send_both(struct rtmp_chunk_writer *writers, uint32_t time)
{
	uint32_t at[2] = {0, 0};
	bool more = true;

	for (uint32_t i = 0; i < 2; i++) {
		struct rtmp_message msg = {.timestamp = time,
					   .length = FRAME,
					   .stream_id = i + 1,
					   .csid = 6 + i,
					   .type = RTMP_TYPE_VIDEO};
		rtmp_chunk_writer_begin(&writers[i], &msg);
	}
	while (more) {
		more = false;
		for (uint32_t i = 0; i < 2; i++) {
			struct rtmp_chunk chunk;

			if (rtmp_chunk_writer_next(&writers[i], &chunk)) {
				put_chunk(&chunk, payload[i] + at[i]);
				at[i] += chunk.payload_len;
				more = true;
			}
		}
	}
}

static void send_on(uint32_t stream_id, uint32_t time, uint32_t which)
{
	fill(which, time, 0x17);
	pub.client.stream_id = stream_id;
	publisher_media(&pub, RTMP_TYPE_VIDEO, 5 + stream_id, time, payload[which], FRAME);
	publisher_pump(&pub);
}

static void expect_message(uint32_t i, uint32_t time, uint32_t which)
{
	CU_ASSERT_TRUE_FATAL(reader_next(&readers[i]));
	CU_ASSERT_EQUAL(readers[i].entry.timestamp, time);
	CU_ASSERT_EQUAL_FATAL(readers[i].entry.length, FRAME);
	CU_ASSERT_EQUAL(memcmp(readers[i].payload, payload[which], FRAME), 0);
}

/* Sent on a message stream, it reaches the log of that stream's publication and no other. */
static void send_and_expect(uint32_t i, uint32_t time)
{
	send_on(i + 1, time, 0);
	expect_message(i, time, 0);
}

static uint32_t publishers(void)
{
	w.now_us += 2000;
	world_poll(&w);
	return (uint32_t)atomic_load(&w.pub->publishers);
}

static void test_interleaved(void)
{
	struct rtmp_chunk_writer writers[2];

	for (uint32_t segment = 100; segment < 2000; segment += 673) {
		open_streams(2, 2);
		pub.segment = segment;
		CU_ASSERT_NOT_EQUAL(events[0].slot, events[1].slot);
		CU_ASSERT_EQUAL(publishers(), 2);
		for (uint32_t i = 0; i < 2; i++) {
			rtmp_chunk_writer_init(&writers[i], 128);
		}
		for (uint32_t time = 0; time < MESSAGES; time++) {
			fill(0, time, time == 0 ? 0x17 : 0x27);
			fill(1, time, time % 3 == 0 ? 0x17 : 0x27);
			send_both(writers, time);
			publisher_pump(&pub);
			expect_message(0, time, 0);
			expect_message(1, time, 1);
		}
		for (uint32_t i = 0; i < 2; i++) {
			const struct abi_stream *s = world_stream(&w, events[i].slot);

			CU_ASSERT_EQUAL(atomic_load(&s->messages), MESSAGES);
			CU_ASSERT_EQUAL(atomic_load(&s->keyframes), i == 0 ? 1 : 7);
			CU_ASSERT_FALSE(reader_next(&readers[i]));
		}
		CU_ASSERT_EQUAL(pub.conn.held, 0);
		world_check_memory(&w);
		close_world();
	}
}

/* Each is as long as a message may be. */
static void test_interleaved_longest(void)
{
	message_max = FRAME;
	test_interleaved();
	message_max = 0;
}

/* The operator ends one: its messages are set aside, the others go on. The last one ends all. */
static void test_kick(void)
{
	open_streams(3, 3);
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t kicked = (i + 1) % 3;

		CU_ASSERT_FALSE(pub.conn.closed);
		world_command(&w, ABI_COMMAND_KICK, events[kicked].slot, events[kicked].generation,
			      RTMP_REJECT_KICKED, NULL);
		world_poll(&w);
		CU_ASSERT_EQUAL(world_expect(&w, ABI_EVENT_ENDED).slot, events[kicked].slot);
		if (i < 2) {
			send_on(kicked + 1, 50, 0);
			send_and_expect(0, 60 + i);
			CU_ASSERT_EQUAL(publishers(), 2 - i);
		}
	}
	CU_ASSERT_TRUE(pub.conn.closed);
	CU_ASSERT_EQUAL(publishers(), 0);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_kicked), 3);
	close_world();
}

static void test_reject(void)
{
	open_streams(2, 0);
	world_command(&w, ABI_COMMAND_REJECT, events[0].slot, events[0].generation,
		      RTMP_REJECT_AUTH, NULL);
	world_poll(&w);
	CU_ASSERT_FALSE(pub.conn.closed);
	CU_ASSERT_PTR_NOT_NULL(
		memmem(pub.conn.sent, pub.conn.sent_len, "NetStream.Publish.Denied", 24));
	CU_ASSERT_EQUAL(world_expect(&w, ABI_EVENT_ENDED).slot, events[0].slot);
	accept_one(1);
	send_and_expect(1, 7);
	close_world();
}

/* Control decides one in time and the other not: the time limit is each publication's own. */
static void test_undecided(void)
{
	open_streams(2, 1);
	CU_ASSERT_TRUE(dp_ingest_next_us(w.ingest) <= w.now_us + 3000000);
	w.now_us += 3000000;
	world_poll(&w);
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_decision), 1);
	CU_ASSERT_FALSE(pub.conn.closed);
	send_and_expect(0, 7);
	close_world();
}

/* One whose messages cease is ended after the idle limit; the other goes on. */
static void test_idle(void)
{
	open_streams(2, 2);
	for (uint32_t i = 0; i < 45; i++) {
		w.now_us += 1000000;
		send_and_expect(1, i);
		world_poll(&w);
	}
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_timeout_idle), 1);
	CU_ASSERT_FALSE(pub.conn.closed);
	CU_ASSERT_EQUAL(world_expect(&w, ABI_EVENT_ENDED).slot, events[0].slot);
	CU_ASSERT_EQUAL(publishers(), 1);
	close_world();
}

/* The encoder ends one in the middle of a message, and publishes again under a new number. */
static void test_delete_and_again(void)
{
	static uint8_t rest[FRAME];
	const size_t begun = 12 + (size_t)10 * 129 - 1; /* ten chunks */

	open_streams(2, 2);
	fill(0, 1, 0x17);
	pub.client.stream_id = 1;
	CU_ASSERT_EQUAL_FATAL(pub.out.len, 0);
	publisher_media(&pub, RTMP_TYPE_VIDEO, 6, 0, payload[0], FRAME);
	size_t left = pub.out.len - begun;
	memcpy(rest, pub.out.data + begun, left);
	pub.out.len = begun;
	publisher_pump(&pub);
	CU_ASSERT_TRUE(pub.conn.held > 0);
	publisher_command(&pub, 1, "closeStream", NULL);
	publisher_pump(&pub);
	CU_ASSERT_EQUAL(pub.conn.held, 0);
	CU_ASSERT_EQUAL(world_expect(&w, ABI_EVENT_ENDED).slot, events[0].slot);
	/* What is left of the message is nobody's. */
	CU_ASSERT_TRUE_FATAL(rtmp_out_put(&pub.out, rest, left));
	send_and_expect(1, 5);
	publisher_command(&pub, 1, "publish", "again");
	publisher_pump(&pub);
	events[0] = world_expect(&w, ABI_EVENT_PUBLISH);
	accept_one(0);
	send_and_expect(0, 8);
	CU_ASSERT_FALSE(pub.conn.closed);
	world_check_memory(&w);
	close_world();
}

/* A second publish on a stream that publishes is refused; the first one goes on. */
static void test_twice_on_one_stream(void)
{
	struct abi_event event;

	open_streams(1, 1);
	publisher_command(&pub, 1, "publish", "other");
	publisher_pump(&pub);
	CU_ASSERT_FALSE(world_event(&w, &event));
	send_and_expect(0, 5);
	CU_ASSERT_FALSE(pub.conn.closed);
	close_world();
}

/* As many as there may be, and all end with the connection. */
static void test_as_many_as_there_may_be(void)
{
	struct abi_event event;

	open_streams(RTMP_SERVER_STREAMS, RTMP_SERVER_STREAMS);
	publisher_command(&pub, 0, "createStream", NULL);
	publisher_pump(&pub);
	CU_ASSERT_FALSE(world_event(&w, &event));
	CU_ASSERT_EQUAL(dp_ingest_rtmp_notes(w.ingest)[RTMP_NOTE_STREAM_REFUSED], 1);
	CU_ASSERT_FALSE(pub.conn.closed);
	close_world();
	open_streams(RTMP_SERVER_STREAMS, RTMP_SERVER_STREAMS / 2);
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS / 2; i++) {
		send_and_expect(i, i);
	}
	publisher_close(&pub);
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		(void)world_expect(&w, ABI_EVENT_ENDED);
	}
	CU_ASSERT_EQUAL(publishers(), 0);
	world_close(&w);
}

/* No control: one is refused, and the connection with it, for there is no other. */
static void test_one_refused_at_once(void)
{
	open_streams(1, 1);
	world_detach(&w);
	world_poll(&w);
	publisher_publish(&pub, 2, "more");
	CU_ASSERT_EQUAL(world_count(&w, DP_COUNTER_publish_no_control), 1);
	CU_ASSERT_FALSE(pub.conn.closed);
	send_on(1, 5, 0);
	close_world();
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"interleaved, to two logs", test_interleaved},
		{"interleaved, as long as may be", test_interleaved_longest},
		{"kick", test_kick},
		{"reject", test_reject},
		{"not decided in time", test_undecided},
		{"idle", test_idle},
		{"deleted and again", test_delete_and_again},
		{"twice on one stream", test_twice_on_one_stream},
		{"as many as there may be", test_as_many_as_there_may_be},
		{"one refused at once", test_one_refused_at_once},
		{NULL, NULL},
	};

	world_start_eal();
	return suite_run("session_publish", tests);
}
