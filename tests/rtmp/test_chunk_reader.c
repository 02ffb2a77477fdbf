/*
 * Chunk reader: RTMP 1.0 section 5.3, what encoders do beside it, and what attackers try. Every
 * tape is read whole, cut at every byte, and in small steps: the result must be the same.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

/* RTMP 1.0 section 5.3.2.1, example 1: four audio messages, the last two with fmt 3. */
static void test_all_formats(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 3, 1000, 32, RTMP_TYPE_AUDIO, 12345);
	tape_fill(&tape, 1, 32);
	tape_fmt2(&tape, 3, 20);
	tape_fill(&tape, 2, 32);
	tape_fmt3(&tape, 3);
	tape_fill(&tape, 3, 32);
	tape_fmt1(&tape, 3, 5, 7, RTMP_TYPE_VIDEO);
	tape_fill(&tape, 4, 7);
	tape_fmt3(&tape, 3);
	tape_fill(&tape, 5, 7);
	table_read();
	table_end(5, 0);
	table_message(0, 1000, RTMP_TYPE_AUDIO, 32, 1);
	table_message(1, 1020, RTMP_TYPE_AUDIO, 32, 2);
	table_message(2, 1040, RTMP_TYPE_AUDIO, 32, 3);
	table_message(3, 1045, RTMP_TYPE_VIDEO, 7, 4);
	table_message(4, 1050, RTMP_TYPE_VIDEO, 7, 5);
	CU_ASSERT_EQUAL(record.entries[4].msg.stream_id, 12345);
	CU_ASSERT_EQUAL(record.entries[4].msg.csid, 3);
}

/* RTMP 1.0 section 5.3.2.2, example 2: 307 bytes in chunks of 128, another stream between them. */
static void test_interleaved(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 307, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt0(&tape, 5, 1001, 200, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 9, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 128);
	tape_fmt3(&tape, 5);
	tape_fill(&tape, 9 + 128, 72);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 51);
	table_read();
	table_end(2, 0);
	table_message(0, 1001, RTMP_TYPE_AUDIO, 200, 9);
	table_message(1, 1000, RTMP_TYPE_VIDEO, 307, 0);
}

/* Section 5.3.1.1: all three forms, the longest one also where the second would do. */
static void test_basic_headers(void)
{
	static const struct {
		uint8_t bytes[3];
		uint32_t len;
		uint32_t csid;
	} forms[] = {
		{{0x02}, 1, 2},
		{{0x3f}, 1, 63},
		{{0x00, 0x00}, 2, 64},
		{{0x00, 0xff}, 2, 319},
		{{0x01, 0x01, 0x00}, 3, 65},
		{{0x01, 0x00, 0x01}, 3, 320},
		{{0x01, 0xff, 0xff}, 3, 65599},
	};
	uint32_t count = sizeof(forms) / sizeof(forms[0]);

	tape_reset(&tape);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = tape.len;

		/* fmt0 writes a basic header of one byte: put the right one in its place. */
		tape_fmt0(&tape, 2, i, 130, RTMP_TYPE_AUDIO, 1);
		memmove(tape.bytes + at + forms[i].len, tape.bytes + at + 1, 11);
		memcpy(tape.bytes + at, forms[i].bytes, forms[i].len);
		tape.len = at + forms[i].len + 11;
		tape_fill(&tape, (uint8_t)i, 128);
		tape_byte(&tape, forms[i].bytes[0] | 0xc0);
		tape_put(&tape, forms[i].bytes + 1, forms[i].len - 1);
		tape_fill(&tape, (uint8_t)(i + 128), 2);
	}
	table_read();
	table_end(count, 0);
	for (uint32_t i = 0; i < count; i++) {
		table_message(i, i, RTMP_TYPE_AUDIO, 130, (uint8_t)i);
		CU_ASSERT_EQUAL(record.entries[i].msg.csid, forms[i].csid);
	}
}

/* A csid that fits the two-byte form, written once in each form, is one chunk stream. */
static void test_basic_header_not_minimal(void)
{
	static const uint8_t first[] = {0x00, 6, 0, 0, 1, 0, 0, 130, 8, 1, 0, 0, 0};
	static const uint8_t second[] = {0xc1, 6, 0};

	tape_reset(&tape);
	tape_put(&tape, first, sizeof(first));
	tape_fill(&tape, 0, 128);
	tape_put(&tape, second, sizeof(second));
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(1, 0);
	table_message(0, 1, RTMP_TYPE_AUDIO, 130, 0);
}

/* Quirk 2: fmt 3 repeats the extended timestamp, as the specification says. */
static void test_extended_repeated(void)
{
	tape_reset(&tape);
	for (uint8_t i = 0; i < 3; i++) {
		uint32_t time = 0x01020304u + i;

		tape_fmt0(&tape, 4, time, 300, RTMP_TYPE_VIDEO, 1);
		tape_fill(&tape, i, 128);
		for (uint32_t at = 128; at < 300; at += 128) {
			tape_fmt3(&tape, 4);
			tape_be32(&tape, time);
			tape_fill(&tape, (uint8_t)(i + at), at + 128 < 300 ? 128 : 300 - at);
		}
	}
	table_read();
	table_end(3, 0);
	for (uint8_t i = 0; i < 3; i++) {
		table_message(i, 0x01020304u + i, RTMP_TYPE_VIDEO, 300, i);
	}
}

/* Quirk 1: fmt 3 leaves it out. `seed` is where the payload starts in the second chunk. */
static void extended_omitted(uint32_t time, uint8_t seed, uint32_t tail)
{
	tape_reset(&tape);
	for (uint32_t i = 0; i < 3; i++) {
		tape_fmt0(&tape, 4, time + i, 128 + tail, RTMP_TYPE_VIDEO, 1);
		tape_fill(&tape, seed, 128);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, (uint8_t)(seed + 128), tail);
	}
	table_read();
	table_end(3, 0);
	for (uint32_t i = 0; i < 3; i++) {
		table_message(i, time + i, RTMP_TYPE_VIDEO, 128 + tail, seed);
	}
}

static void test_extended_omitted(void)
{
	/* Told at the first byte, at the second, third and fourth: bytes put back each time. */
	extended_omitted(0x7f000000u, 0, 100);
	extended_omitted(0x80000000u, 0, 100);
	extended_omitted(0x80810000u, 0, 100);
	extended_omitted(0x80818200u, 0, 100);
}

/* The message ends within the bytes that were compared: the next header was among them. */
static void test_extended_omitted_short_tail(void)
{
	for (uint32_t tail = 1; tail <= 3; tail++) {
		extended_omitted(0x80818200u, 0, tail);
		extended_omitted(0x80040000u, 0, tail);
	}
}

/* Put-back bytes of an earlier span come as a copied piece, and only when spans were cut there. */
static void test_copied_piece(void)
{
	uint32_t most = 0;

	extended_omitted(0x80818200u, 0, 100);
	CU_ASSERT_EQUAL(record.copied, 0);
	for (uint32_t cut = 0; cut <= tape.len; cut++) {
		record_cut(&tape, cut, &record);
		most = record.copied > most ? record.copied : most;
	}
	CU_ASSERT_EQUAL(most, 3);
}

/* Quirk 3: on fmt 1 and 2 the extended field is the delta; fmt 3 repeats the delta. */
static void test_extended_delta(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 130, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	tape_fmt2(&tape, 4, 0x01312d00);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 0x01312d00);
	tape_fill(&tape, 128, 2);
	tape_fmt1(&tape, 4, 0x01000000, 130, RTMP_TYPE_AUDIO);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 0x01000000);
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(3, 0);
	table_message(1, 1000 + 0x01312d00, RTMP_TYPE_VIDEO, 130, 0);
	table_message(2, 1000 + 0x01312d00 + 0x01000000, RTMP_TYPE_AUDIO, 130, 0);
}

/* As quirk 3, but fmt 3 carries the timestamp of the message: some senders do. */
static void test_extended_absolute_in_fmt3(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 1, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt1(&tape, 4, 0x01000000, 130, RTMP_TYPE_VIDEO);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 0x01000000 + 1000);
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(2, 0);
	table_message(1, 0x01000000 + 1000, RTMP_TYPE_VIDEO, 130, 0);
}

/* librtmp has the field in a fmt 3 that begins a message and not in one that continues it. */
static void test_extended_habits_differ(void)
{
	uint32_t delta = 0x01000000;

	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0, 130, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	tape_fmt2(&tape, 4, delta);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	for (int i = 0; i < 2; i++) {
		tape_fmt3(&tape, 4);
		tape_be32(&tape, delta);
		tape_fill(&tape, 0, 128);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 128, 2);
	}
	table_read();
	table_end(4, 0);
	table_message(2, 2 * delta, RTMP_TYPE_VIDEO, 130, 0);
	table_message(3, 3 * delta, RTMP_TYPE_VIDEO, 130, 0);
}

/* Streams die at 4 h 39 min when the border is wrong: 0xFFFFFE has none, 0xFFFFFF has one. */
static void test_extended_border(void)
{
	tape_reset(&tape);
	for (uint32_t time = 0xfffffe; time <= 0x1000000; time++) {
		tape_fmt0(&tape, 4, time, 3, RTMP_TYPE_AUDIO, 1);
		tape_fill(&tape, 7, 3);
	}
	table_read();
	table_end(3, 0);
	table_message(0, 0xfffffe, RTMP_TYPE_AUDIO, 3, 7);
	table_message(1, 0xffffff, RTMP_TYPE_AUDIO, 3, 7);
	table_message(2, 0x1000000, RTMP_TYPE_AUDIO, 3, 7);
}

/* Quirk 4: fmt 3 directly after fmt 0 begins a message at the same time; fmt 3 after fmt 3. */
static void test_fmt3_begins_message(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 500, 130, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 128, 2);
	for (int i = 0; i < 2; i++) {
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 0, 128);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 128, 2);
	}
	table_read();
	table_end(3, 0);
	for (uint32_t i = 0; i < 3; i++) {
		table_message(i, 500, RTMP_TYPE_AUDIO, 130, 0);
	}
}

/* Quirk 5: continuation chunks with fmt 1 and 2; the delta counts once. */
static void test_continuation_with_header(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 100, 5, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 0, 5);
	tape_fmt1(&tape, 4, 40, 300, RTMP_TYPE_AUDIO);
	tape_fill(&tape, 0, 128);
	tape_fmt1(&tape, 4, 40, 300, RTMP_TYPE_AUDIO);
	tape_fill(&tape, 128, 128);
	tape_fmt2(&tape, 4, 40);
	tape_fill(&tape, 0, 44);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 128);
	table_read();
	table_end(2, 0);
	table_message(1, 140, RTMP_TYPE_AUDIO, 300, 0);
}

/* CVE-2016-10191: the length of a message changes between its chunks. */
static void test_length_changes(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0, 200, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt1(&tape, 4, 0, 4000, RTMP_TYPE_VIDEO);
	tape_fill(&tape, 0, 128);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));

	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0, 200, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt0(&tape, 4, 0, 200, RTMP_TYPE_VIDEO, 1);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));

	/* Another type would turn media under way into a control message. */
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0, 200, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt1(&tape, 4, 0, 200, RTMP_TYPE_SET_CHUNK_SIZE);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));
}

/* Quirk 6: a fresh chunk stream that begins with fmt 1 (librtmp's ping) or fmt 2; fmt 3 cannot. */
static void test_fresh_stream(void)
{
	tape_reset(&tape);
	tape_fmt1(&tape, 2, 0, 6, RTMP_TYPE_USER_CONTROL);
	tape_byte(&tape, 0);
	tape_byte(&tape, RTMP_USER_PING_RESPONSE);
	tape_be32(&tape, 77);
	tape_fmt1(&tape, 4, 30, 3, RTMP_TYPE_AUDIO);
	tape_fill(&tape, 1, 3);
	tape_fmt2(&tape, 33, 5);
	table_read();
	table_end(3, 0);
	CU_ASSERT_TRUE(record.entries[0].control);
	CU_ASSERT_EQUAL(record.entries[0].ctl.event, RTMP_USER_PING_RESPONSE);
	CU_ASSERT_EQUAL(record.entries[0].ctl.value, 77);
	table_message(1, 30, RTMP_TYPE_AUDIO, 3, 1);
	table_message(2, 5, 0, 0, 0);

	tape_reset(&tape);
	tape_fmt3(&tape, 9);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));
}

/* Quirk 7: control messages on any chunk stream, and the next message there is none. */
static void test_control_on_any_stream(void)
{
	tape_reset(&tape);
	for (uint8_t csid = 2; csid < 8; csid++) {
		tape_control(&tape, csid, RTMP_TYPE_ACK, csid);
	}
	tape_fmt1(&tape, 5, 0, 3, RTMP_TYPE_AUDIO);
	tape_fill(&tape, 1, 3);
	table_read();
	table_end(7, 0);
	for (uint32_t i = 0; i < 6; i++) {
		CU_ASSERT_TRUE(record.entries[i].control);
		CU_ASSERT_EQUAL(record.entries[i].ctl.value, i + 2);
	}
	table_message(6, 0, RTMP_TYPE_AUDIO, 3, 1);
}

/*
 * Quirk 8, and nginx-rtmp 2f2db81: Set Chunk Size grows and shrinks while a message of another
 * stream is under way. The next chunk of that message has the new size.
 */
static void test_chunk_size_in_message(void)
{
	static const uint32_t sizes[] = {1, 7, 128, 129, 4096, 0xffffff, 0x1000000, 0x7fffffff};

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t left = 300 - 128;
		uint32_t at = 128;

		tape_reset(&tape);
		tape_fmt0(&tape, 4, 0, 300, RTMP_TYPE_VIDEO, 1);
		tape_fill(&tape, 0, 128);
		tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, sizes[i]);
		while (left != 0) {
			uint32_t n = left < sizes[i] ? left : sizes[i];

			tape_fmt3(&tape, 4);
			tape_fill(&tape, (uint8_t)at, n);
			at += n;
			left -= n;
		}
		table_read();
		table_end(2, 0);
		table_message(1, 0, RTMP_TYPE_VIDEO, 300, 0);
	}
}

/* Quirk 9 and Red5 #475: one byte in a chunk, also for the control messages themselves. */
static void test_tiny_chunks(void)
{
	tape_reset(&tape);
	tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, 1);
	tape_fmt0(&tape, 3, 0, 4, RTMP_TYPE_WINDOW_ACK_SIZE, 0);
	tape_byte(&tape, 0);
	tape_fmt0(&tape, 4, 0, 4, RTMP_TYPE_SET_CHUNK_SIZE, 0);
	tape_byte(&tape, 0);
	for (uint32_t i = 1; i < 4; i++) {
		tape_fmt3(&tape, 3);
		tape_byte(&tape, (uint8_t)i);
		tape_fmt3(&tape, 4);
		tape_byte(&tape, (uint8_t)(i == 3));
	}
	table_read();
	table_end(3, 0);
	CU_ASSERT_EQUAL(record.entries[1].ctl.value, 0x010203);
	CU_ASSERT_EQUAL(record.entries[2].ctl.type, RTMP_TYPE_SET_CHUNK_SIZE);
}

static void test_chunk_size_refused(void)
{
	static const uint32_t sizes[] = {0, 0x80000000u, 0xffffffffu};

	for (uint32_t i = 0; i < 3; i++) {
		tape_reset(&tape);
		tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, sizes[i]);
		table_read();
		table_end(0, RTMP_ERR(CHUNK_SIZE));
	}
}

/* nginx-rtmp #1042: a chunk of 2 GiB and a message of 16 MiB are promises, not memory. */
static void test_message_max(void)
{
	struct recorder r;

	tape_reset(&tape);
	tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, 0x7fffffff);
	tape_fmt0(&tape, 4, 0, 1001, RTMP_TYPE_VIDEO, 1);
	recorder_init(&r, &record, 1000);
	recorder_feed(&r, tape.bytes, tape.len);
	table_end(1, RTMP_ERR(MESSAGE_SIZE));

	tape.bytes[tape.len - 6] = 1000 & 0xff; /* low byte of the length */
	tape_fill(&tape, 3, 1000);
	recorder_init(&r, &record, 1000);
	recorder_feed(&r, tape.bytes, tape.len);
	table_end(2, 0);
	table_message(1, 0, RTMP_TYPE_VIDEO, 1000, 3);

	/* Also where fmt 1 makes the next message longer. */
	tape_fmt1(&tape, 4, 0, 1001, RTMP_TYPE_VIDEO);
	recorder_init(&r, &record, 1000);
	recorder_feed(&r, tape.bytes, tape.len);
	table_end(2, RTMP_ERR(MESSAGE_SIZE));
}

/* ZLMediaKit read short control messages without looking at their length. */
static void test_control_lengths(void)
{
	for (uint8_t type = 1; type <= 6; type++) {
		uint32_t least = type == RTMP_TYPE_USER_CONTROL ? 2 : 4;

		for (uint32_t len = 0; len <= RTMP_CONTROL_MAX + 1; len++) {
			bool right = len >= least && len <= RTMP_CONTROL_MAX;

			tape_reset(&tape);
			tape_fmt0(&tape, 2, 0, len, type, 0);
			tape_fill(&tape, 1, len);
			record_whole(&tape, &record);
			table_end(right ? 1 : 0, right ? 0 : RTMP_ERR(CONTROL));
		}
	}
}

/* An undocumented event of Flash Media Server (31) and one with two fields. */
static void test_user_control(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 2, 0, 10, RTMP_TYPE_USER_CONTROL, 0);
	tape_byte(&tape, 0);
	tape_byte(&tape, RTMP_USER_SET_BUFFER_LENGTH);
	tape_be32(&tape, 1);
	tape_be32(&tape, 3000);
	tape_fmt0(&tape, 2, 0, 2, RTMP_TYPE_USER_CONTROL, 0);
	tape_byte(&tape, 0);
	tape_byte(&tape, 31);
	table_read();
	table_end(2, 0);
	CU_ASSERT_EQUAL(record.entries[0].ctl.event, RTMP_USER_SET_BUFFER_LENGTH);
	CU_ASSERT_EQUAL(record.entries[0].ctl.value, 1);
	CU_ASSERT_EQUAL(record.entries[1].ctl.event, 31);
	CU_ASSERT_EQUAL(record.entries[1].ctl.value, 0);
}

static void test_peer_bandwidth(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 2, 0, 5, RTMP_TYPE_SET_PEER_BANDWIDTH, 0);
	tape_be32(&tape, 2500000);
	tape_byte(&tape, 1);
	table_read();
	table_end(1, 0);
	CU_ASSERT_EQUAL(record.entries[0].ctl.value, 2500000);
	CU_ASSERT_EQUAL(record.entries[0].ctl.limit, 1);
}

/* Section 5.4.2: the partial message is dropped, the next chunk begins another. */
static void test_abort(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 10, 300, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 128);
	tape_control(&tape, 2, RTMP_TYPE_ABORT, 4);
	tape_control(&tape, 2, RTMP_TYPE_ABORT, 4);
	tape_control(&tape, 2, RTMP_TYPE_ABORT, 65000);
	tape_fmt1(&tape, 4, 5, 3, RTMP_TYPE_VIDEO);
	tape_fill(&tape, 1, 3);
	table_read();
	table_end(4, 0);
	CU_ASSERT_EQUAL(record.entries[0].ctl.aborted, 0);
	CU_ASSERT_EQUAL(record.entries[1].ctl.aborted, RTMP_CHUNK_STREAMS);
	CU_ASSERT_EQUAL(record.entries[2].ctl.aborted, RTMP_CHUNK_STREAMS);
	table_message(3, 15, RTMP_TYPE_VIDEO, 3, 1);
}

/* Quirk 10: empty audio is silence. It must come out although no byte follows. */
static void test_zero_length(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 10, 0, RTMP_TYPE_AUDIO, 1);
	tape_fmt2(&tape, 4, 10);
	tape_fmt3(&tape, 4);
	table_read();
	table_end(3, 0);
	table_message(2, 30, RTMP_TYPE_AUDIO, 0, 0);
}

/* As many chunk streams as there are slots, from csid 3 on; `length` bytes of which 3 come. */
static void fill_table(uint32_t length)
{
	tape_reset(&tape);
	for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		tape_fmt0(&tape, (uint8_t)(3 + i), 1, length, RTMP_TYPE_AUDIO, 1);
		tape_fill(&tape, i, length);
	}
}

/* Header-only floods: the table has an end, and no slot is taken from a message under way. */
static void test_table_full(void)
{
	tape_reset(&tape);
	for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		tape_fmt0(&tape, (uint8_t)(3 + i), 1, 200, RTMP_TYPE_AUDIO, 1);
		tape_fill(&tape, i, 128);
	}
	tape_fmt0(&tape, 60, 1, 3, RTMP_TYPE_AUDIO, 1);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_STREAMS));
}

/* One more than the table holds: the one idle for the longest is forgotten, here csid 4. */
static void test_table_reused(void)
{
	fill_table(3);
	tape_fmt3(&tape, 3);
	tape_fill(&tape, 0, 3);
	tape_fmt0(&tape, 60, 7, 3, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 9, 3);
	tape_fmt2(&tape, 3, 5);
	tape_fill(&tape, 1, 3);
	tape_fmt2(&tape, 60, 2);
	tape_fill(&tape, 2, 3);
	tape_fmt0(&tape, 4, 11, 3, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 3, 3);
	table_read();
	table_end(RTMP_CHUNK_STREAMS + 5, 0);
	table_message(RTMP_CHUNK_STREAMS + 2, 6, RTMP_TYPE_AUDIO, 3, 1);
	table_message(RTMP_CHUNK_STREAMS + 3, 9, RTMP_TYPE_AUDIO, 3, 2);
	table_message(RTMP_CHUNK_STREAMS + 4, 11, RTMP_TYPE_AUDIO, 3, 3);
}

/* What a forgotten chunk stream leaves out of its header cannot be known: never read wrong. */
static void test_forgotten_goes_on(void)
{
	for (int fmt = 1; fmt <= 3; fmt++) {
		fill_table(3);
		tape_fmt0(&tape, 60, 7, 3, RTMP_TYPE_AUDIO, 1);
		tape_fill(&tape, 9, 3);
		if (fmt == 1) {
			tape_fmt1(&tape, 3, 5, 3, RTMP_TYPE_AUDIO);
		} else if (fmt == 2) {
			tape_fmt2(&tape, 3, 5);
		} else {
			tape_fmt3(&tape, 3);
		}
		table_read();
		table_end(RTMP_CHUNK_STREAMS + 1,
			  fmt == 3 ? RTMP_ERR(CHUNK_HEADER) : RTMP_ERR(CHUNK_STREAMS));
	}
}

/* Quirk 23: a negative delta cut to 24 bits, one of 32 bits, and the wrap of the clock. */
static void test_timestamps(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 1, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0xfffff6);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0xfffffff6u);
	tape_fill(&tape, 0, 1);
	tape_fmt0(&tape, 4, 0xfffffff0u, 1, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0x20);
	tape_fill(&tape, 0, 1);
	tape_fmt0(&tape, 4, 7, 1, RTMP_TYPE_AUDIO, 1);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(6, 0);
	table_message(1, 990, RTMP_TYPE_AUDIO, 1, 0);
	table_message(2, 980, RTMP_TYPE_AUDIO, 1, 0);
	table_message(3, 0xfffffff0u, RTMP_TYPE_AUDIO, 1, 0);
	table_message(4, 0x10, RTMP_TYPE_AUDIO, 1, 0);
	table_message(5, 7, RTMP_TYPE_AUDIO, 1, 0);
}

/* xiu kept one payload buffer for all chunk streams: sixteen messages under way at once. */
static void test_heavy_interleave(void)
{
	tape_reset(&tape);
	for (uint32_t at = 0; at < 640; at += 128) {
		for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
			if (at == 0) {
				tape_fmt0(&tape, (uint8_t)(3 + i), i, 640, RTMP_TYPE_VIDEO, i);
			} else {
				tape_fmt3(&tape, (uint8_t)(3 + i));
			}
			tape_fill(&tape, (uint8_t)(i * 3 + at), 128);
		}
	}
	record_whole(&tape, &record);
	CU_ASSERT_EQUAL(record.violations, 0);
	table_end(RTMP_CHUNK_STREAMS, 0);
	for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		table_message(i, i, RTMP_TYPE_VIDEO, 640, (uint8_t)(i * 3));
	}
}

/* Every beginning of a connection is no error and gives a beginning of the messages. */
static void test_truncations(void)
{
	static struct record part;
	struct recorder r;

	extended_omitted(0x80818200u, 0, 100);
	for (uint32_t len = 0; len < tape.len; len++) {
		recorder_init(&r, &part, TAPE_MAX);
		CU_ASSERT_TRUE(recorder_feed(&r, tape.bytes, len));
		CU_ASSERT_TRUE(part.count <= record.count);
		CU_ASSERT_EQUAL(part.violations, 0);
	}
	CU_ASSERT_EQUAL(part.count, record.count - 1);
}

static const struct test tests[] = {
	{"all formats", test_all_formats},
	{"interleaved messages", test_interleaved},
	{"basic headers", test_basic_headers},
	{"basic header longer than needed", test_basic_header_not_minimal},
	{"extended timestamp repeated", test_extended_repeated},
	{"extended timestamp omitted", test_extended_omitted},
	{"extended timestamp omitted, short tail", test_extended_omitted_short_tail},
	{"copied piece", test_copied_piece},
	{"extended delta", test_extended_delta},
	{"absolute time in fmt 3", test_extended_absolute_in_fmt3},
	{"two habits of one sender", test_extended_habits_differ},
	{"border of the extended timestamp", test_extended_border},
	{"fmt 3 begins a message", test_fmt3_begins_message},
	{"continuation with a header", test_continuation_with_header},
	{"length changes in a message", test_length_changes},
	{"fresh chunk stream", test_fresh_stream},
	{"control on any chunk stream", test_control_on_any_stream},
	{"chunk size changes in a message", test_chunk_size_in_message},
	{"chunks of one byte", test_tiny_chunks},
	{"chunk size refused", test_chunk_size_refused},
	{"message longer than the limit", test_message_max},
	{"lengths of control messages", test_control_lengths},
	{"user control", test_user_control},
	{"set peer bandwidth", test_peer_bandwidth},
	{"abort", test_abort},
	{"messages of length 0", test_zero_length},
	{"chunk stream table full", test_table_full},
	{"table reused", test_table_reused},
	{"forgotten chunk stream", test_forgotten_goes_on},
	{"timestamps", test_timestamps},
	{"heavy interleave", test_heavy_interleave},
	{"truncations", test_truncations},
};

int main(void)
{
	return RUN_TESTS("rtmp/chunk_reader", tests);
}
