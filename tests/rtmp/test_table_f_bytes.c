/*
 * Security, lines of section F of CONFORMANCE.md about chunks: headers, lengths, sizes.
 * The address sanitizer sees each message in memory of exactly its size.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

/* F5, nginx-rtmp 2f2db81: the chunk size grows and shrinks in a message, at each of its bytes. */
static void test_resize_in_message(void)
{
	static const uint32_t sizes[] = {1, 100, 127, 129, 4096, 0x7fffffff};

	for (uint32_t received = 1; received < 128; received++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			tape_reset(&tape);
			tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, received);
			tape_fmt0(&tape, 4, 0, 150, V, 1);
			tape_fill(&tape, 0, received);
			/* Four bytes of payload: in chunks of the size that holds now. */
			tape_fmt0(&tape, 2, 0, 4, RTMP_TYPE_SET_CHUNK_SIZE, 0);
			for (uint32_t at = 0; at < 4; at++) {
				if (at != 0 && at % received == 0) {
					tape_fmt3(&tape, 2);
				}
				tape_byte(&tape, (uint8_t)(sizes[i] >> (24 - 8 * at)));
			}
			for (uint32_t at = received; at < 150;) {
				uint32_t n = sizes[i] < 150 - at ? sizes[i] : 150 - at;

				tape_fmt3(&tape, 4);
				tape_fill(&tape, (uint8_t)at, n);
				at += n;
			}
			record_whole(&tape, &record);
			table_end(3, 0);
			table_message(2, 0, V, 150, 0);
		}
	}
}

/* F7, nginx-rtmp #1042: sizes are promises: nothing is set aside for them. */
static void test_promised_sizes(void)
{
	static const struct {
		uint32_t size;
		int error;
	} rows[] = {
		{0, RTMP_ERR(CHUNK_SIZE)},
		{1, 0},
		{127, 0},
		{0xffffff, 0},
		{0x1000000, 0},
		{0x7fffffff, 0},
		{0x80000000u, RTMP_ERR(CHUNK_SIZE)},
		{0x80000001u, RTMP_ERR(CHUNK_SIZE)},
		{0xffffffffu, RTMP_ERR(CHUNK_SIZE)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		table_live();
		peer_control(&encoder, RTMP_TYPE_SET_CHUNK_SIZE, rows[i].size);
		if (rows[i].error == 0) {
			peer_message(&encoder, V, 6, 1, 0, 1, 300);
		}
		table_expect(rows[i].error, rows[i].error == 0 ? "media=9:300 " : "", NULL);
	}
}

/* F9, CVE-2016-10191: no header in a message may say another length, or another type. */
static void test_length_changes(void)
{
	for (uint32_t length = 199; length <= 201; length++) {
		for (int type = A; type <= V; type++) {
			bool same = length == 200 && type == V;

			tape_reset(&tape);
			tape_fmt0(&tape, 4, 0, 200, V, 1);
			tape_fill(&tape, 0, 128);
			tape_fmt1(&tape, 4, 0, length, (uint8_t)type);
			tape_fill(&tape, 128, 72);
			table_read();
			table_end(same ? 1 : 0, same ? 0 : RTMP_ERR(CHUNK_HEADER));
		}
	}
}

/* F22: fmt 0 in a message ends the connection, by an error with a counter of its own. */
static void test_fmt0_in_message(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0, 200, V, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt0(&tape, 4, 0, 200, V, 1);
	tape_fill(&tape, 128, 72);
	table_read();
	table_end(0, RTMP_ERR(CHUNK_HEADER));
	CU_ASSERT_STRING_EQUAL(rtmp_error_counter(record.error), "rtmp_bad_chunk_header");
}

/* F13, F19: a message longer than the limit is refused by its header, on each of its chunk types.
 */
static void test_length_limit(void)
{
	table_live();
	tape_fmt0(&encoder.tape, 6, 0, peer_config.message_max, V, 1);
	table_expect(0, "", "");
	for (int fmt = 0; fmt <= 1; fmt++) {
		table_live();
		if (fmt == 0) {
			tape_fmt0(&encoder.tape, 6, 0, peer_config.message_max + 1, V, 1);
		} else {
			tape_fmt1(&encoder.tape, 6, 0, peer_config.message_max + 1, V);
		}
		table_expect(RTMP_ERR(MESSAGE_SIZE), "", "");
	}
}

/*
 * F19: headers of 16 MiB on all chunk streams there are. Nothing is allocated from a declared
 * length: the session's memory is its struct, which holds no more than a table of headers.
 */
static void test_header_flood(void)
{
	table_live();
	for (uint32_t id = 0; id < 2000; id++) {
		uint8_t chunk[14] = {1, (uint8_t)id, (uint8_t)(id >> 8), 0, 0, 0, 0x3f, 0, 0, V, 1};

		tape_put(&encoder.tape, chunk, sizeof(chunk));
		tape_byte(&encoder.tape, 0);
		tape_fill(&encoder.tape, 1, 127);
	}
	CU_ASSERT_TRUE(table_fails());
	CU_ASSERT_TRUE(sizeof(struct rtmp_server) < 4096);
	CU_ASSERT_TRUE(sizeof(struct rtmp_chunk_reader) < 2048);
}

/* F21: protocol control messages of every wrong length, as an error of their own. */
static void test_short_control(void)
{
	for (uint8_t type = 1; type <= 6; type++) {
		for (uint32_t len = 0; len <= RTMP_CONTROL_MAX + 1; len++) {
			bool right = len <= RTMP_CONTROL_MAX &&
				     len >= (type == RTMP_TYPE_USER_CONTROL ? 2 : 4);

			tape_reset(&tape);
			tape_fmt0(&tape, 2, 0, len, type, 0);
			tape_fill(&tape, 1, len);
			record_whole(&tape, &record);
			table_end(right ? 1 : 0, right ? 0 : RTMP_ERR(CONTROL));
		}
	}
}

/* F21: of a long one that comes in pieces the first bytes are kept, and no neighbour is touched. */
static void test_long_control(void)
{
	for (uint32_t cut = 1; cut < RTMP_CONTROL_MAX; cut++) {
		struct recorder r;

		tape_reset(&tape);
		tape_fmt0(&tape, 2, 0, RTMP_CONTROL_MAX, RTMP_TYPE_WINDOW_ACK_SIZE, 0);
		tape_be32(&tape, 7);
		tape_fill(&tape, 0xee, RTMP_CONTROL_MAX - 4);
		recorder_init(&r, &record, 1000);
		for (uint32_t id = 2; id < 6; id++) {
			uint8_t chunk[] = {(uint8_t)id, 0,           0, 9, 0, 0, 1,
					   A,           (uint8_t)id, 0, 0, 0, 1};

			recorder_feed(&r, chunk, sizeof(chunk));
		}
		recorder_feed(&r, tape.bytes, 12 + cut);
		recorder_feed(&r, tape.bytes + 12 + cut, RTMP_CONTROL_MAX - cut);
		for (uint32_t id = 3; id < 6; id++) {
			uint8_t chunk[] = {(uint8_t)(0xc0 | id), 1};

			recorder_feed(&r, chunk, sizeof(chunk));
		}
		table_end(8, 0);
		table_control(4, RTMP_TYPE_WINDOW_ACK_SIZE, 7);
		for (uint32_t i = 5; i < 8; i++) {
			table_message(i, 9, A, 1, 1);
			CU_ASSERT_EQUAL(record.entries[i].msg.stream_id, i - 2);
		}
	}
}

/* F23: all chunk streams at once, byte by byte in turns: each has its own message. */
static void test_interleaving(void)
{
	tape_reset(&tape);
	tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, 1);
	for (uint32_t at = 0; at < 40; at++) {
		for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS - 1; i++) {
			if (at == 0) {
				tape_fmt0(&tape, (uint8_t)(3 + i), i, 40, i % 2 ? A : V, 1);
			} else {
				tape_fmt3(&tape, (uint8_t)(3 + i));
			}
			tape_byte(&tape, (uint8_t)(9 * i + at));
		}
	}
	record_whole(&tape, &record);
	CU_ASSERT_EQUAL(record.violations, 0);
	table_end(RTMP_CHUNK_STREAMS, 0);
	for (uint8_t i = 0; i < RTMP_CHUNK_STREAMS - 1; i++) {
		table_message(i + 1u, i, i % 2 ? A : V, 40, (uint8_t)(9 * i));
	}
}

/* F19: more chunk streams than are kept: the one that was idle for longest is forgotten. */
static void test_forgotten_streams(void)
{
	tape_reset(&tape);
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		tape_fmt0(&tape, (uint8_t)(3 + i), i, i == 1 ? 200 : 3, A, 1);
		tape_fill(&tape, 1, i == 1 ? 128 : 3); /* a message is under way on the second */
	}
	tape_fmt3(&tape, 3);
	tape_fill(&tape, 2, 3);
	tape_fmt0(&tape, 40, 77, 3, A, 1);
	tape_fill(&tape, 3, 3);
	tape_fmt3(&tape, 3);
	tape_fill(&tape, 4, 3);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 1 + 128, 72);
	tape_fmt3(&tape, 6);
	tape_fill(&tape, 5, 3);
	tape_fmt3(&tape, 5); /* the third is gone */
	table_read();
	table_end(RTMP_CHUNK_STREAMS + 4, RTMP_ERR(CHUNK_HEADER));
	table_message(RTMP_CHUNK_STREAMS, 77, A, 3, 3);
	table_message(RTMP_CHUNK_STREAMS + 1, 0, A, 3, 4);
	table_message(RTMP_CHUNK_STREAMS + 2, 1, A, 200, 1);
	table_message(RTMP_CHUNK_STREAMS + 3, 3, A, 3, 5);
	/* From then on what a fresh one leaves out of its header may have been said before. */
	tape.len--;
	tape_fmt1(&tape, 41, 0, 3, A);
	table_read();
	table_end(RTMP_CHUNK_STREAMS + 4, RTMP_ERR(CHUNK_STREAMS));
}

/* F23: two commands at once would need two places to put them together. */
static void test_interleaved_commands(void)
{
	table_connected();
	tape_fmt0(&encoder.tape, 3, 0, 200, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_fill(&encoder.tape, 2, 128);
	tape_fmt0(&encoder.tape, 5, 0, 200, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_fill(&encoder.tape, 2, 128);
	table_expect(RTMP_ERR(COMMAND_OVERLAP), "", "");
}

static const struct test tests[] = {
	{"F5 chunk size changes in a message", test_resize_in_message},
	{"F7 promised sizes", test_promised_sizes},
	{"F9 length changes in a message", test_length_changes},
	{"F13 length limit", test_length_limit},
	{"F19 length limit", test_length_limit},
	{"F19 forgotten chunk streams", test_forgotten_streams},
	{"F19 flood of headers", test_header_flood},
	{"F21 lengths of control messages", test_short_control},
	{"F21 long control messages", test_long_control},
	{"F22 fmt 0 in a message", test_fmt0_in_message},
	{"F23 interleaving", test_interleaving},
	{"F23 interleaved commands", test_interleaved_commands},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_f_bytes", tests);
}
