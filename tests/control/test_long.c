/*
 * Long streams in virtual time: 25 hours, 50 days, and a clock that begins at 2^32 - 1000, from the
 * bytes of an encoder through chunk reader, log, timeline, batch and chunk writer to what the
 * reader of an origin makes of them. On the way stand the border of the extended timestamp (4 h 39
 * min), 2^31 ms (24.8 days) and the wrap (49.7 days; RTMP 1.0 section 5.3.1).
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "fake_worker.h"
#include "relay/batch.h"
#include "rtmp/message.h"

#define HOUR_MS     UINT64_C(3600000)
#define DAY_MS      (24 * HOUR_MS)
#define LENGTH      700u /* bytes of a message: six chunks of the encoder, three of ours */
#define CHUNK       128u
#define OUR_CHUNK   256u
#define BURST       16u /* steps that are in the log at once */
#define AUDIO_AHEAD 7u  /* ms */

/* What an encoder does. */
struct course {
	uint32_t start;
	uint64_t length_ms;
	uint32_t step_ms;
	uint64_t restart_ms; /* its clock begins anew so often, 0: never */
	bool repair;
	uint64_t out; /* the first timestamp at the origin */
};

struct expected {
	uint32_t time;
	uint8_t type;
};

static struct fake_worker worker;
static struct log_view view;
static struct rtmp_chunk_writer encoder;
static struct rtmp_chunk_reader edge;
static struct rtmp_chunk_writer writer;
static struct rtmp_chunk_reader origin;
static struct timeline timeline;
static struct log_cursor scan;
static struct log_cursor cursor;
static struct batch batch;
static struct expected expected[2 * BURST];
static uint32_t expected_count;
static uint32_t got;
static uint32_t wrong;
static int fds[2];

static void set_up(const struct course *course)
{
	const uint8_t *base;

	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	base = (const uint8_t *)worker.pub;
	view = (struct log_view){
		.units = (const union abi_log_unit *)(base + worker.pub->blocks_offset),
		.block_next = (const _Atomic uint32_t *)(base + worker.pub->block_next_offset),
		.blocks = FAKE_BLOCKS,
		.regions = &worker.regions,
	};
	fake_pending(&worker, 0, 1, "live", "x");
	worker.sub->tail[0].generation = 1;
	rtmp_chunk_writer_init(&encoder, CHUNK);
	rtmp_chunk_reader_init(&edge, 1u << 20);
	rtmp_chunk_writer_init(&writer, OUR_CHUNK);
	rtmp_chunk_reader_init(&origin, 1u << 20);
	origin.chunk_size = OUR_CHUNK;
	timeline_init(&timeline, course->repair);
	batch_init(&batch);
	batch.timeline = &timeline;
	expected_count = 0;
	got = 0;
	wrong = 0;
}

static void tear_down(void)
{
	batch_fini(&batch);
	timeline_fini(&timeline);
	close(fds[0]);
	close(fds[1]);
	fake_worker_fini(&worker);
}

/* Bytes of the encoder become a message of the log, with the timestamp that the reader tells. */
static void deliver(uint8_t *bytes, size_t length, uint64_t now_us)
{
	struct rtmp_span in = {.data = bytes, .len = (uint32_t)length};
	struct rtmp_control control;
	struct rtmp_piece piece;
	int rc;

	while ((rc = rtmp_chunk_reader_next(&edge, &in, &piece, &control)) == RTMP_READ_PIECE) {
		struct fake_message m = {.type = piece.msg->type,
					 .timestamp = piece.msg->timestamp,
					 .length = LENGTH,
					 .slice = 300,
					 .arrived_us = now_us};

		if (piece.last) {
			CU_ASSERT_FATAL(fake_send(&worker, 0, &m));
		}
	}
	CU_ASSERT_EQUAL_FATAL(rc, RTMP_READ_MORE);
}

static void publish(uint8_t type, uint32_t timestamp, uint64_t now_us, uint64_t time)
{
	static const uint8_t payload[LENGTH];
	uint8_t bytes[2 * LENGTH];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	struct rtmp_message msg = batch_message(type, timestamp, LENGTH, 1);

	CU_ASSERT_FATAL(rtmp_chunk_writer_put(&encoder, &msg, payload, &out));
	deliver(bytes, out.len, now_us);
	expected[expected_count++] = (struct expected){(uint32_t)time, type};
}

static void follow(uint64_t head)
{
	struct log_message message;

	if (scan.position == 0) {
		log_cursor_init(&scan, 0, fake_stream(&worker, 0)->first_block);
		cursor = scan;
	}
	while (log_reader_next(&view, &scan, head, &message) > 0) {
		timeline_take(&timeline, &message);
	}
}

/* What comes at the origin is compared with what is expected, in order. */
static void receive(uint8_t *bytes, size_t length)
{
	struct rtmp_span in = {.data = bytes, .len = (uint32_t)length};
	struct rtmp_control control;
	struct rtmp_piece piece;
	int rc;

	while ((rc = rtmp_chunk_reader_next(&origin, &in, &piece, &control)) == RTMP_READ_PIECE) {
		const struct expected *e = &expected[got];

		if (!piece.last) {
			continue;
		}
		wrong += got >= expected_count || piece.msg->timestamp != e->time ||
			 piece.msg->type != e->type || piece.msg->length != LENGTH;
		got++;
	}
	CU_ASSERT_EQUAL_FATAL(rc, RTMP_READ_MORE);
}

static void relay(uint64_t head)
{
	static uint8_t bytes[1u << 16];
	ssize_t n;

	do {
		CU_ASSERT_EQUAL_FATAL(batch_fill(&batch, &writer, 1, &view, &cursor, head), 0);
		while (!batch_empty(&batch) && batch_send(&batch, fds[0]) > 0) {
			n = recv(fds[1], bytes, sizeof(bytes), 0);
			CU_ASSERT_FATAL(n > 0);
			receive(bytes, (size_t)n);
		}
	} while (cursor.position < head || batch.open);
}

/* All that is in the log, and it is given back. */
static bool take_burst(void)
{
	uint64_t head = fake_stream(&worker, 0)->head;
	uint64_t hold;

	follow(head);
	relay(head);
	hold = log_cursor_hold(&cursor);
	timeline_release(&timeline, hold);
	worker.sub->tail[0].position = hold;
	fake_reclaim(&worker, 0);
	if (got != expected_count || wrong > 0) {
		return false;
	}
	expected_count = 0;
	got = 0;
	return true;
}

static void run(const struct course *course)
{
	uint64_t since = 0; /* when the clock began */
	uint32_t start = course->start;

	set_up(course);
	for (uint64_t at = 0; at < course->length_ms; at += course->step_ms) {
		uint64_t now_us = (DAY_MS + at) * 1000;
		uint32_t time;

		if (course->restart_ms && at - since >= course->restart_ms) {
			since = at;
			start = 0;
		}
		uint64_t out = course->out + at;

		time = start + (uint32_t)(at - since);
		publish(RTMP_TYPE_VIDEO, time, now_us, course->repair ? out : time);
		publish(RTMP_TYPE_AUDIO, time - AUDIO_AHEAD, now_us,
			(course->repair ? out : time) - AUDIO_AHEAD);
		if (expected_count == 2 * BURST && !take_burst()) {
			printf("\n    start %u, repair %d: wrong at %llu ms", course->start,
			       course->repair, (unsigned long long)at);
			CU_FAIL("timestamp");
			break;
		}
	}
	CU_ASSERT(take_burst());
}

static void run_both(struct course course)
{
	for (int repair = 0; repair < 2; repair++) {
		struct timeline_status status;
		uint64_t end = course.start + course.length_ms;

		course.repair = repair != 0;
		memset(&scan, 0, sizeof(scan));
		run(&course);
		timeline_status(&timeline, &status);
		CU_ASSERT_EQUAL(status.wraps, course.restart_ms ? 0 : end >> 32);
		CU_ASSERT_EQUAL(status.jumps,
				course.restart_ms ? (course.length_ms - 1) / course.restart_ms : 0);
		CU_ASSERT_EQUAL(status.repaired, repair ? status.jumps : 0);
		tear_down();
	}
}

static void test_25_hours(void)
{
	run_both((struct course){
		.start = 100, .out = 100, .length_ms = 25 * HOUR_MS, .step_ms = 200});
}

static void test_50_days(void)
{
	run_both((struct course){
		.start = 100, .out = 100, .length_ms = 50 * DAY_MS, .step_ms = 9001});
}

/* Repaired, it does not wrap: it begins early, as far before as audio needs. */
static void test_just_before_the_wrap(void)
{
	run_both((struct course){.start = (uint32_t)-1000,
				 .out = TIMELINE_BEGIN_MS,
				 .length_ms = HOUR_MS,
				 .step_ms = 20});
}

/* A playlist begins anew every six hours. */
static void test_restarts(void)
{
	run_both((struct course){.start = 7,
				 .out = 7,
				 .length_ms = 25 * HOUR_MS,
				 .step_ms = 200,
				 .restart_ms = 6 * HOUR_MS});
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"25 hours", test_25_hours},
		{"50 days", test_50_days},
		{"from 2^32 - 1000 on", test_just_before_the_wrap},
		{"a clock that begins anew", test_restarts},
		CU_TEST_INFO_NULL,
	};

	return check_run("long", tests);
}
