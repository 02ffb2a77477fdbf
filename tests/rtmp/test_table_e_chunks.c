/*
 * What encoders do, lines E1 to E10 and E23 of CONFORMANCE.md: chunk headers, sizes, timestamps.
 */
#include "table.h"

#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

#define TIME 0x01020304u

/* A message of 160 bytes whose second chunk begins with `body`; `repeat`: fmt 3 has the time. */
static void put_message(uint32_t time, bool repeat, const uint8_t body[4])
{
	tape_fmt0(&tape, 4, time, 160, V, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	if (repeat) {
		tape_be32(&tape, time);
	}
	tape_put(&tape, body, 4);
	tape_fill(&tape, 132, 28);
}

static uint64_t hash_message(const uint8_t body[4])
{
	uint64_t hash = hash_fill(0, 128);
	uint8_t rest[28];

	for (uint32_t i = 0; i < sizeof(rest); i++) {
		rest[i] = (uint8_t)(132 + i);
	}
	return hash_bytes(hash_bytes(hash, body, 4), rest, sizeof(rest));
}

/* Message 0 teaches the habit; what follows looks like the timestamp for 0 to 4 bytes. */
static void learn(bool repeat)
{
	static const uint8_t plain[4] = {128, 129, 130, 131};

	for (uint32_t alike = 0; alike <= 4; alike++) {
		uint8_t body[4] = {0x55, 0x55, 0x55, 0x55};
		uint8_t time[4] = {1, 2, 3, 4};

		memcpy(body, time, alike);
		tape_reset(&tape);
		put_message(TIME, repeat, plain);
		put_message(TIME, repeat, body);
		put_message(TIME, repeat, plain);
		table_read();
		table_end(3, 0);
		for (uint32_t i = 0; i < record.count; i++) {
			CU_ASSERT_EQUAL(record.entries[i].msg.timestamp, TIME);
			CU_ASSERT_EQUAL(record.entries[i].hash,
					hash_message(i == 1 ? body : plain));
		}
	}
}

/* E1: old librtmp. Once learned, payload that looks like the timestamp is payload. */
static void test_omitted(void)
{
	learn(false);
}

/* E1: the first message that teaches may look like the timestamp for three bytes. */
static void test_omitted_alike(void)
{
	for (uint32_t alike = 1; alike <= 3; alike++) {
		uint8_t body[4] = {0x55, 0x55, 0x55, 0x55};
		uint8_t time[4] = {1, 2, 3, 4};

		memcpy(body, time, alike);
		tape_reset(&tape);
		put_message(TIME, false, body);
		put_message(TIME, false, body);
		table_read();
		table_end(2, 0);
		CU_ASSERT_EQUAL(record.entries[0].hash, hash_message(body));
		CU_ASSERT_EQUAL(record.entries[1].hash, hash_message(body));
	}
}

/* E2: the specification. Payload that repeats the timestamp once more is payload. */
static void test_repeated(void)
{
	learn(true);
}

/* E2: once learned, the field is stepped over whatever it says. */
static void test_repeated_wrong(void)
{
	static const uint8_t plain[4] = {128, 129, 130, 131};

	tape_reset(&tape);
	put_message(TIME, true, plain);
	put_message(TIME, true, plain);
	tape.bytes[tape.len - 33] ^= 1; /* last byte of the second field */
	table_read();
	table_end(2, 0);
	CU_ASSERT_EQUAL(record.entries[1].hash, hash_message(plain));
}

/* E3: in fmt 1 and 2 it is the delta: ffmpeg with a jump of 20000 s. */
static void test_extended_delta(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 40, 130, V, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	tape_fmt1(&tape, 4, 20000000, 130, V);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 20000000);
	tape_fill(&tape, 128, 2);
	tape_fmt2(&tape, 4, 40);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(3, 0);
	table_message(1, 20000040, V, 130, 0);
	table_message(2, 20000080, V, 130, 0);
}

/* E3: fmt 3 may repeat the time of the message where the header had the delta. */
static void test_absolute_in_fmt3(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 1, V, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt1(&tape, 4, 0x01000000, 130, V);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 0x01000000 + 1000);
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(2, 0);
	table_message(1, 0x01000000 + 1000, V, 130, 0);
}

/* E4: FMLE sends audio with 0xC4 alone, GStreamer fmt 3 behind fmt 0, in several chunks, too. */
static void test_fmt3_messages(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 100, 3, A, 1);
	tape_fill(&tape, 0, 3);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 1, 3);
	tape_fmt2(&tape, 4, 23);
	tape_fill(&tape, 2, 3);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 3, 3);
	tape_fmt1(&tape, 4, 10, 130, A);
	tape_fill(&tape, 0, 128);
	for (uint8_t i = 0; i < 2; i++) {
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 128, 2);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 0, 128);
	}
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(7, 0);
	table_message(1, 100, A, 3, 1);
	table_message(2, 123, A, 3, 2);
	table_message(3, 146, A, 3, 3);
	table_message(4, 156, A, 130, 0);
	table_message(5, 166, A, 130, 0);
	table_message(6, 176, A, 130, 0);
}

/* E5: fmt 1 and 2 go on with a message: the delta counts once, and the next begins anew. */
static void test_continued_by_fmt1(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 100, 1, V, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt1(&tape, 4, 40, 300, V);
	tape_fill(&tape, 0, 128);
	tape_fmt2(&tape, 4, 40);
	tape_fill(&tape, 128, 128);
	tape_fmt1(&tape, 4, 40, 300, V);
	tape_fill(&tape, 0, 44);
	tape_fmt2(&tape, 4, 40);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 44);
	table_read();
	table_end(3, 0);
	table_message(1, 140, V, 300, 0);
	table_message(2, 180, V, 300, 0);
}

/* E6: librtmp's ping with fmt 1, ffmpeg's and DJI's first chunk with fmt 2; fmt 3 says nothing. */
static void test_fresh_stream(void)
{
	static const uint8_t ping[] = {0x42, 0, 0, 0, 0, 0, 6, 4, 0, 6, 0, 0, 0, 8};

	tape_reset(&tape);
	tape_put(&tape, ping, sizeof(ping));
	tape_fmt1(&tape, 8, 5, 2, A);
	tape_fill(&tape, 1, 2);
	tape_fmt2(&tape, 33, 7);
	tape_fmt1(&tape, 33, 7, 2, V);
	tape_fill(&tape, 2, 2);
	table_read();
	table_end(4, 0);
	table_control(0, RTMP_TYPE_USER_CONTROL, 8);
	table_message(1, 5, A, 2, 1);
	table_message(3, 14, V, 2, 2);
	tape_reset(&tape);
	tape_fmt3(&tape, 5);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));
}

/* E7: PTZOptics and others: protocol control between the media of the same chunk stream. */
static void test_control_between_media(void)
{
	tape_reset(&tape);
	for (uint8_t csid = 3; csid <= 6; csid++) {
		tape_fmt0(&tape, csid, 0, 2, A, 1);
		tape_fill(&tape, csid, 2);
		tape_control(&tape, csid, RTMP_TYPE_WINDOW_ACK_SIZE, csid);
		tape_fmt0(&tape, csid, 9, 2, A, 1);
		tape_fill(&tape, csid, 2);
	}
	table_read();
	table_end(12, 0);
	for (uint32_t i = 0; i < 4; i++) {
		table_message(3 * i, 0, A, 2, (uint8_t)(i + 3));
		table_control(3 * i + 1, RTMP_TYPE_WINDOW_ACK_SIZE, i + 3);
		table_message(3 * i + 2, 9, A, 2, (uint8_t)(i + 3));
	}
}

/* E8: before and after connect, twice, between messages, up to what stands for "no chunks". */
static void test_chunk_sizes(void)
{
	static const uint32_t sizes[] = {128,   4096,   4096,      60000,     65536,
					 65537, 131072, 0xfffffff, 2147483647};

	table_begin();
	peer_control(&encoder, RTMP_TYPE_SET_CHUNK_SIZE, 4096);
	peer_publish(&encoder);
	table_expect(0, "connected=live publish=live/key:1 ", NULL);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		peer_control(&encoder, RTMP_TYPE_SET_CHUNK_SIZE, sizes[i]);
		peer_message(&encoder, V, 6, 1, (uint32_t)i, 1, 65535);
		peer_message(&encoder, A, 4, 1, (uint32_t)i, 1, 200);
		table_expect(0, "media=9:65535 media=8:200 ", NULL);
	}
	CU_ASSERT_EQUAL(encoder.media_bytes, 9 * (65535 + 200));
}

/* E9: chunks smaller than any encoder should make. */
static void test_tiny_chunks(void)
{
	for (uint32_t size = 1; size < 128; size += 21) {
		table_begin();
		peer_control(&encoder, RTMP_TYPE_SET_CHUNK_SIZE, size);
		peer_publish(&encoder);
		peer_message(&encoder, V, 6, 1, 0, 1, 700);
		table_expect(0, "connected=live publish=live/key:1 media=9:700 ", NULL);
		CU_ASSERT_EQUAL(encoder.media_bytes, 700);
	}
}

/* E10: silence, an access unit without NAL units, and audio of two bytes come through. */
static void test_nothing_in_it(void)
{
	static const uint8_t no_nalus[] = {0x27, 1, 0, 0, 0};
	static const uint8_t empty_nalus[] = {0x27, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t two[] = {0xaf, 1};

	table_live();
	table_send(A, 4, 1, NULL, 0);
	table_send(V, 6, 1, NULL, 0);
	table_send(V, 6, 1, no_nalus, sizeof(no_nalus));
	table_send(V, 6, 1, empty_nalus, sizeof(empty_nalus));
	table_send(A, 4, 1, two, sizeof(two));
	table_expect(0, "media=8:0 media=9:0 media=9:5 media=9:13 media=8:2 ", "");
	CU_ASSERT_EQUAL(table_flags(A, NULL, 0), 0);
	CU_ASSERT_EQUAL(table_flags(V, NULL, 0), 0);
	CU_ASSERT_EQUAL(table_flags(V, no_nalus, sizeof(no_nalus)), 0);
	CU_ASSERT_EQUAL(table_flags(A, two, sizeof(two)), 0);
}

/* Sends one byte with fmt 0 at `time`, or fmt 2 with a delta. */
static void put_time(uint8_t csid, int fmt, uint32_t time)
{
	if (fmt == 0) {
		tape_fmt0(&tape, csid, time, 1, A, 1);
	} else {
		tape_fmt2(&tape, csid, time);
	}
	tape_fill(&tape, 0, 1);
}

/* E23: whatever the clock does, the caller gets the 32-bit time that was meant. */
static void test_times(void)
{
	static const struct {
		int fmt;
		uint32_t field;
		uint32_t time;
	} steps[] = {
		{0, 0, 0},
		{0, 1000, 1000},
		{0, 990, 990},               /* not monotonic */
		{2, 0xfffff6, 980},          /* a negative delta in 24 bits, */
		{2, 0xfffffff6u, 970},       /* and in 32 */
		{0, 0x7fffffff, 0x7fffffff}, /* more than 31 bits */
		{2, 1, 0x80000000u},
		{0, 0xfffffc18u, 0xfffffc18u}, /* a start just before the wrap */
		{2, 999, 0xffffffffu},
		{2, 1, 0},
		{2, 40, 40},
		{0, 0xffffffffu, 0xffffffffu},
		{0, 3, 3}, /* a restart */
		{2, 0xfffffc,
		 0xffffff}, /* ffmpeg: headers at 0, then a late start; 3 - 4 is none */
		{0, 3, 3},
		{2, 0xfffffd, 0},
	};
	uint32_t count = sizeof(steps) / sizeof(steps[0]);

	tape_reset(&tape);
	for (uint32_t i = 0; i < count; i++) {
		put_time(4, steps[i].fmt, steps[i].field);
	}
	table_read();
	table_end(count, 0);
	for (uint32_t i = 0; i < count; i++) {
		table_message(i, steps[i].time, A, 1, 0);
	}
}

/* E23: audio and video count from different epochs: each chunk stream has its own clock. */
static void test_two_epochs(void)
{
	tape_reset(&tape);
	put_time(4, 0, 5);
	put_time(6, 0, 0xf0000000u);
	for (uint32_t i = 0; i < 3; i++) {
		put_time(4, 2, 23);
		put_time(6, 2, 40);
	}
	table_read();
	table_end(8, 0);
	table_message(6, 5 + 69, A, 1, 0);
	table_message(7, 0xf0000000u + 120, A, 1, 0);
}

static const struct test tests[] = {
	{"E1 extended timestamp left out", test_omitted},
	{"E1 payload like the timestamp", test_omitted_alike},
	{"E2 extended timestamp repeated", test_repeated},
	{"E2 a field that says something else", test_repeated_wrong},
	{"E3 extended delta", test_extended_delta},
	{"E3 absolute time in fmt 3", test_absolute_in_fmt3},
	{"E4 fmt 3 begins messages", test_fmt3_messages},
	{"E5 continued by fmt 1 and 2", test_continued_by_fmt1},
	{"E6 fresh chunk stream", test_fresh_stream},
	{"E7 control between media", test_control_between_media},
	{"E8 chunk sizes", test_chunk_sizes},
	{"E9 tiny chunks", test_tiny_chunks},
	{"E10 nothing in it", test_nothing_in_it},
	{"E23 times", test_times},
	{"E23 two epochs", test_two_epochs},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_e_chunks", tests);
}
