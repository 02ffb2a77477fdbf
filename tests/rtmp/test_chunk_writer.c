/*
 * Chunk writer: what it writes, and that the reader gets back what went in.
 */
#include "rtmp/chunk_writer.h"
#include "runner.h"
#include "tape.h"

#include <stdlib.h>
#include <string.h>

static struct record record;
static struct tape tape;

/* Deterministic: a failure can be repeated. */
static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % below;
}

static void write_message(struct rtmp_chunk_writer *w, const struct rtmp_message *msg, uint8_t seed)
{
	static uint8_t payload[1 << 16];
	struct rtmp_out out = {.data = tape.bytes, .len = tape.len, .cap = TAPE_MAX};

	for (uint32_t i = 0; i < msg->length; i++) {
		payload[i] = (uint8_t)(seed + i);
	}
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(w, msg, payload, &out));
	tape.len = (uint32_t)out.len;
}

static void set_chunk_size(struct rtmp_chunk_writer *w, uint32_t size)
{
	struct rtmp_out out = {.data = tape.bytes, .len = tape.len, .cap = TAPE_MAX};

	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_resize(w, size, &out));
	tape.len = (uint32_t)out.len;
}

/* Sizes of the headers of one message of 1 byte after another. */
static uint32_t header_size(struct rtmp_chunk_writer *w, uint32_t time, uint32_t length,
			    uint32_t stream_id)
{
	struct rtmp_message msg = {
		.timestamp = time, .length = length, .stream_id = stream_id, .csid = 4, .type = 8};
	struct rtmp_chunk chunk;

	rtmp_chunk_writer_begin(w, &msg);
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_next(w, &chunk));
	CU_ASSERT_EQUAL(chunk.payload_len, length);
	uint32_t size = chunk.header_len;
	CU_ASSERT_FALSE(rtmp_chunk_writer_next(w, &chunk));
	return size;
}

static void test_header_compression(void)
{
	struct rtmp_chunk_writer w;

	rtmp_chunk_writer_init(&w, 128);
	CU_ASSERT_EQUAL(header_size(&w, 0, 10, 1), 12);
	CU_ASSERT_EQUAL(header_size(&w, 0, 10, 1), 4);
	rtmp_chunk_writer_init(&w, 128);
	CU_ASSERT_EQUAL(header_size(&w, 100, 10, 1), 12);
	CU_ASSERT_EQUAL(header_size(&w, 100, 10, 1), 4); /* never fmt 3 after fmt 0 */
	CU_ASSERT_EQUAL(header_size(&w, 100, 10, 1), 1);
	CU_ASSERT_EQUAL(header_size(&w, 120, 10, 1), 4);
	CU_ASSERT_EQUAL(header_size(&w, 140, 10, 1), 1);
	CU_ASSERT_EQUAL(header_size(&w, 160, 11, 1), 8);
	CU_ASSERT_EQUAL(header_size(&w, 180, 11, 1), 1);
	CU_ASSERT_EQUAL(header_size(&w, 179, 11, 1), 12); /* backwards */
	CU_ASSERT_EQUAL(header_size(&w, 180, 11, 2), 12); /* another message stream */
	CU_ASSERT_EQUAL(header_size(&w, 0xfffffe, 11, 2), 12);
	CU_ASSERT_EQUAL(header_size(&w, 0xffffff, 11, 2), 4);
	CU_ASSERT_EQUAL(header_size(&w, 0x2000000, 11, 2), 16); /* a step too long for a delta */
	CU_ASSERT_EQUAL(header_size(&w, 0x2000001, 0, 2), 8);
}

/* Long messages: fmt 3 repeats the extended timestamp of fmt 0; FFmpeg disconnects without. */
static void test_extended_continuation(void)
{
	struct rtmp_message msg = {
		.timestamp = 0x01020304, .length = 300, .stream_id = 1, .csid = 6, .type = 9};
	struct rtmp_chunk_writer w;
	struct rtmp_chunk chunk;

	rtmp_chunk_writer_init(&w, 128);
	rtmp_chunk_writer_begin(&w, &msg);
	CU_ASSERT_TRUE(rtmp_chunk_writer_next(&w, &chunk));
	CU_ASSERT_EQUAL(chunk.header_len, 16);
	CU_ASSERT_TRUE(rtmp_chunk_writer_next(&w, &chunk));
	CU_ASSERT_EQUAL(chunk.header_len, 5);
	CU_ASSERT_EQUAL(memcmp(chunk.header, "\xc6\x01\x02\x03\x04", 5), 0);
	CU_ASSERT_TRUE(rtmp_chunk_writer_next(&w, &chunk));
	CU_ASSERT_EQUAL(chunk.payload_len, 44);
	CU_ASSERT_FALSE(rtmp_chunk_writer_next(&w, &chunk));
}

/* A full buffer takes nothing, and the writer goes on as if nothing had been asked. */
static void test_overflow(void)
{
	uint8_t bytes[64];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	struct rtmp_message msg = {.length = 60, .stream_id = 1, .csid = 4, .type = 8};
	struct rtmp_chunk_writer w;

	rtmp_chunk_writer_init(&w, 128);
	memset(bytes, 0, sizeof(bytes));
	CU_ASSERT_FALSE(rtmp_chunk_writer_put(&w, &msg, bytes, &out));
	CU_ASSERT_TRUE(out.overflow);
	CU_ASSERT_EQUAL(out.len, 0);
	CU_ASSERT_EQUAL(header_size(&w, 0, 1, 1), 12);
}

/* A ping is answered between two chunks of a message that goes out. */
static void test_put_between_chunks(void)
{
	struct rtmp_message video = {.length = 300, .stream_id = 1, .csid = 6, .type = 9};
	struct rtmp_message audio = {.length = 9, .stream_id = 1, .csid = 4, .type = 8};
	struct rtmp_chunk_writer w;
	struct rtmp_chunk chunk;
	uint32_t at = 0;

	rtmp_chunk_writer_init(&w, 128);
	tape_reset(&tape);
	rtmp_chunk_writer_begin(&w, &video);
	while (rtmp_chunk_writer_next(&w, &chunk)) {
		tape_put(&tape, chunk.header, chunk.header_len);
		tape_fill(&tape, (uint8_t)at, chunk.payload_len);
		at += chunk.payload_len;
		write_message(&w, &audio, 7);
		if (at == 128) {
			set_chunk_size(&w, 100);
		}
	}
	record_whole(&tape, &record);
	CU_ASSERT_EQUAL(record.error, 0);
	CU_ASSERT_EQUAL(record.count, 5);
	CU_ASSERT_EQUAL(record.entries[3].hash, hash_fill(0, 300));
	CU_ASSERT_EQUAL(record.entries[4].hash, hash_fill(7, 9));
}

static void check_entry(const struct rtmp_message *msg, uint8_t seed, uint32_t i)
{
	const struct record_entry *e = &record.entries[i];

	CU_ASSERT_EQUAL(e->msg.timestamp, msg->timestamp);
	CU_ASSERT_EQUAL(e->msg.length, msg->length);
	CU_ASSERT_EQUAL(e->msg.stream_id, msg->stream_id);
	CU_ASSERT_EQUAL(e->msg.csid, msg->csid);
	CU_ASSERT_EQUAL(e->msg.type, msg->type);
	CU_ASSERT_EQUAL(e->hash, hash_fill(seed, msg->length));
}

static uint32_t draw_size(uint64_t *state)
{
	static const uint32_t most[] = {1, 20, 200, 3000};

	return draw(state, most[draw(state, 4)]);
}

static uint32_t draw_step(uint64_t *state)
{
	static const uint32_t most[] = {1, 40, 0xffffff, 0x7fffffff};
	uint32_t step = draw(state, most[draw(state, 4)]);

	return draw(state, 8) == 0 ? 0u - step : step;
}

/* Random messages, chunk sizes, steps of time and cuts: what went in comes out. */
static void round_trip(uint64_t seed)
{
	enum { COUNT = 60 };
	struct rtmp_message messages[COUNT];
	uint8_t seeds[COUNT];
	struct rtmp_chunk_writer w;
	uint64_t state = seed;
	uint32_t time = draw(&state, 2) ? 0 : 0xfffff000u;
	uint32_t found = 0;

	rtmp_chunk_writer_init(&w, RTMP_DEFAULT_CHUNK_SIZE);
	tape_reset(&tape);
	for (uint32_t i = 0; i < COUNT; i++) {
		time += draw_step(&state);
		seeds[i] = (uint8_t)draw(&state, 256);
		messages[i] = (struct rtmp_message){
			.timestamp = time,
			.length = draw_size(&state),
			.stream_id = 1 + draw(&state, 2),
			.csid = 2 + draw(&state, 8),
			.type = (uint8_t)(8 + draw(&state, 2)),
		};
		if (draw(&state, 8) == 0) {
			set_chunk_size(&w, 1 + draw(&state, 5000));
		}
		write_message(&w, &messages[i], seeds[i]);
	}
	record_steps(&tape, 1 + draw(&state, 2000), &record);
	CU_ASSERT_EQUAL(record.error, 0);
	CU_ASSERT_EQUAL(record.violations, 0);
	for (uint32_t i = 0; i < record.count; i++) {
		if (!record.entries[i].control) {
			CU_ASSERT_FATAL(found < COUNT);
			check_entry(&messages[found], seeds[found], i);
			found++;
		}
	}
	CU_ASSERT_EQUAL(found, COUNT);
}

static void test_round_trip(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		round_trip(seed);
	}
}

static const struct test tests[] = {
	{"header compression", test_header_compression},
	{"extended timestamp in continuations", test_extended_continuation},
	{"full buffer", test_overflow},
	{"put between chunks", test_put_between_chunks},
	{"round trip", test_round_trip},
};

int main(void)
{
	return RUN_TESTS("rtmp/chunk_writer", tests);
}
