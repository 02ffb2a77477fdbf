/*
 * RTMP 1.0, lines B2 to B8 of CONFORMANCE.md: chunks (section 5.3) and the protocol control
 * messages that change how they are read (section 5.4).
 */
#include "table.h"

#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

/* B2, section 5.3.1: times are 32 bits and roll over. */
static void test_wrap(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0xfffffff0u, 1, A, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0x20);
	tape_fill(&tape, 0, 1);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(3, 0);
	table_message(0, 0xfffffff0u, A, 1, 0);
	table_message(1, 0x10, A, 1, 0);
	table_message(2, 0x30, A, 1, 0);
}

/* B2: deltas are unsigned; four hours are a delta, too. */
static void test_large_deltas(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0x900000, 1, A, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0xfeffff);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0x80000000u);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(3, 0);
	table_message(1, 0x18effff, A, 1, 0);
	table_message(2, 0x818effffu, A, 1, 0);
}

static void put_fmt0(const uint8_t *basic, uint32_t basic_len, uint32_t length)
{
	static const uint8_t header[] = {0, 0, 9, 0, 0, 0, RTMP_TYPE_AUDIO, 1, 0, 0, 0};

	tape_put(&tape, basic, basic_len);
	tape_put(&tape, header, sizeof(header));
	tape.bytes[tape.len - 6] = (uint8_t)length;
}

/* B3, section 5.3.1.1: forms of 1, 2 and 3 bytes, and where each begins and ends. */
static void test_basic_headers(void)
{
	static const struct {
		uint8_t bytes[3];
		uint32_t len;
		uint32_t csid;
	} forms[] = {
		{{2}, 1, 2},
		{{3}, 1, 3},
		{{63}, 1, 63},
		{{0, 0}, 2, 64},
		{{0, 1}, 2, 65},
		{{0, 255}, 2, 319},
		{{1, 0, 1}, 3, 320},
		{{1, 1, 1}, 3, 321},
		{{1, 0, 2}, 3, 576},
		{{1, 2, 0}, 3, 66},
		{{1, 255, 255}, 3, 65599},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		tape_reset(&tape);
		put_fmt0(forms[i].bytes, forms[i].len, 3);
		tape_fill(&tape, 1, 3);
		table_read();
		table_end(1, 0);
		table_message(0, 9, A, 3, 1);
		CU_ASSERT_EQUAL(record.entries[0].msg.csid, forms[i].csid);
	}
}

/* B3: the same id in both longer forms is the same chunk stream. */
static void test_longer_than_needed(void)
{
	static const uint8_t two[] = {0, 36}, three[] = {0xc1, 36, 0};

	tape_reset(&tape);
	put_fmt0(two, sizeof(two), 130);
	tape_fill(&tape, 0, 128);
	tape_put(&tape, three, sizeof(three));
	tape_fill(&tape, 128, 2);
	table_read();
	table_end(1, 0);
	table_message(0, 9, A, 130, 0);
}

/* B4, section 5.4: chunk stream 2 and message stream 0 by the text, others in the field. */
static void test_control_streams(void)
{
	for (uint8_t csid = 2; csid <= 12; csid++) {
		tape_reset(&tape);
		tape_fmt0(&tape, csid, 0, 4, RTMP_TYPE_SET_CHUNK_SIZE, csid - 2u);
		tape_be32(&tape, 256);
		tape_fmt0(&tape, 20, 0, 200, V, 1);
		tape_fill(&tape, 5, 200);
		table_read();
		table_end(2, 0);
		table_control(0, RTMP_TYPE_SET_CHUNK_SIZE, 256);
		table_message(1, 0, V, 200, 5);
	}
}

/* B5, section 5.3.1.2: what each format carries, and what it takes over. */
static void test_formats(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 7, A, 0x01020304);
	tape_fill(&tape, 1, 7);
	tape_fmt1(&tape, 4, 10, 5, V);
	tape_fill(&tape, 2, 5);
	tape_fmt2(&tape, 4, 3);
	tape_fill(&tape, 3, 5);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 4, 5);
	table_read();
	table_end(4, 0);
	table_message(0, 1000, A, 7, 1);
	table_message(1, 1010, V, 5, 2);
	table_message(2, 1013, V, 5, 3);
	table_message(3, 1016, V, 5, 4);
	for (uint32_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(record.entries[i].msg.stream_id, 0x01020304);
	}
}

/* B5: the one field that is little-endian. */
static void test_stream_id_order(void)
{
	static const uint8_t chunk[] = {4, 0, 1, 2, 0, 0, 1, 9, 0x11, 0x22, 0x33, 0x44, 7};

	tape_reset(&tape);
	tape_put(&tape, chunk, sizeof(chunk));
	table_read();
	table_end(1, 0);
	table_message(0, 0x0102, V, 1, 7);
	CU_ASSERT_EQUAL(record.entries[0].msg.stream_id, 0x44332211);
}

/* B5: a backward jump by fmt 0; fmt 3 after fmt 0 begins a message at the same time. */
static void test_jump_back(void)
{
	tape_reset(&tape);
	for (uint32_t time = 5000; time >= 4000; time -= 1000) {
		tape_fmt0(&tape, 4, time, 2, A, 1);
		tape_fill(&tape, 1, 2);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 2, 2);
	}
	table_read();
	table_end(4, 0);
	table_message(1, 5000, A, 2, 2);
	table_message(2, 4000, A, 2, 1);
	table_message(3, 4000, A, 2, 2);
}

/* B5: the delta of a fmt 2 does not outlive the next fmt 0. */
static void test_delta_forgotten(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 1000, 1, A, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 40);
	tape_fill(&tape, 0, 1);
	tape_fmt0(&tape, 4, 2000, 1, A, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(4, 0);
	table_message(1, 1040, A, 1, 0);
	table_message(3, 2000, A, 1, 0);
}

/* B6, section 5.3.1.3: the field is there from 0xFFFFFF on, and in fmt 3 again. */
static void test_extended(void)
{
	static const uint32_t times[] = {0xfffffe, 0xffffff, 0x1000000, 0xffffffffu};

	tape_reset(&tape);
	for (size_t i = 0; i < 4; i++) {
		tape_fmt0(&tape, 4, times[i], 130, V, 1);
		tape_fill(&tape, 0, 128);
		tape_fmt3(&tape, 4);
		if (times[i] >= 0xffffff) {
			tape_be32(&tape, times[i]);
		}
		tape_fill(&tape, 128, 2);
	}
	table_read();
	table_end(4, 0);
	for (uint32_t i = 0; i < 4; i++) {
		table_message(i, times[i], V, 130, 0);
	}
}

/* B6: of fmt 1 and 2 it is the 32-bit delta; fmt 3 that begins a message repeats and adds it. */
static void test_extended_delta(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 100, 1, V, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt1(&tape, 4, 0x01000000, 1, A);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0x02000000);
	tape_fill(&tape, 0, 1);
	tape_fmt3(&tape, 4);
	tape_be32(&tape, 0x02000000);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt3(&tape, 4);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(6, 0);
	table_message(1, 0x01000064, A, 1, 0);
	table_message(2, 0x03000064, A, 1, 0);
	table_message(3, 0x05000064, A, 1, 0);
	table_message(5, 0x05000066, A, 1, 0);
}

/* B7, section 5.4.1: 1 to 0x7FFFFFFF; it holds at once, also for messages under way. */
static void test_chunk_sizes(void)
{
	static const uint32_t sizes[] = {1, 2, 127, 129, 0xffffff, 0x1000000, 0x7fffffff};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		tape_reset(&tape);
		tape_fmt0(&tape, 4, 0, 260, V, 1);
		tape_fill(&tape, 0, 128);
		tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, sizes[i]);
		for (uint32_t at = 128; at < 260;) {
			uint32_t n = sizes[i] < 260 - at ? sizes[i] : 260 - at;

			tape_fmt3(&tape, 4);
			tape_fill(&tape, (uint8_t)at, n);
			at += n;
		}
		table_read();
		table_end(2, 0);
		table_message(1, 0, V, 260, 0);
	}
}

static void test_chunk_sizes_refused(void)
{
	static const uint32_t sizes[] = {0, 0x80000000u, 0x80000001u, 0xffffffffu};

	for (size_t i = 0; i < 4; i++) {
		tape_reset(&tape);
		tape_control(&tape, 2, RTMP_TYPE_SET_CHUNK_SIZE, sizes[i]);
		table_read();
		table_end(0, RTMP_ERR(CHUNK_SIZE));
	}
}

/* B7: each direction has its own: what the encoder sets does not cut our replies. */
static void test_chunk_size_per_direction(void)
{
	table_begin();
	peer_control(&encoder, RTMP_TYPE_SET_CHUNK_SIZE, 1);
	peer_connect(&encoder);
	table_expect(0, "connected=live ", TABLE_CONNECTED);
}

/* B8, section 5.4.2: what is partial on that chunk stream is dropped, and nothing else. */
static void test_abort(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 10, 300, V, 1);
	tape_fill(&tape, 0, 128);
	tape_fmt0(&tape, 5, 20, 130, A, 1);
	tape_fill(&tape, 0, 128);
	tape_control(&tape, 2, RTMP_TYPE_ABORT, 4);
	tape_fmt3(&tape, 5);
	tape_fill(&tape, 128, 2);
	tape_fmt1(&tape, 4, 5, 3, V);
	tape_fill(&tape, 7, 3);
	table_read();
	table_end(3, 0);
	table_control(0, RTMP_TYPE_ABORT, 4);
	CU_ASSERT_EQUAL(record.entries[0].ctl.aborted, 0);
	table_message(1, 20, A, 130, 0);
	table_message(2, 15, V, 3, 7);
}

/* B8: nothing is partial there, or there is no such chunk stream. */
static void test_abort_nothing(void)
{
	static const uint32_t ids[] = {2, 4, 64, 65599, 65600, 0xffffffffu};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		tape_reset(&tape);
		tape_fmt0(&tape, 4, 10, 3, V, 1);
		tape_fill(&tape, 0, 3);
		tape_control(&tape, 2, RTMP_TYPE_ABORT, ids[i]);
		tape_fmt3(&tape, 4);
		tape_fill(&tape, 1, 3);
		table_read();
		table_end(3, 0);
		CU_ASSERT_EQUAL(record.entries[1].ctl.aborted, RTMP_CHUNK_STREAMS);
		table_message(2, 10, V, 3, 1);
	}
}

static const struct test tests[] = {
	{"B2 the clock wraps", test_wrap},
	{"B2 large deltas", test_large_deltas},
	{"B3 basic headers", test_basic_headers},
	{"B3 longer than needed", test_longer_than_needed},
	{"B4 control messages on any stream", test_control_streams},
	{"B5 formats", test_formats},
	{"B5 byte order of the message stream", test_stream_id_order},
	{"B5 jump back, and fmt 3 behind fmt 0", test_jump_back},
	{"B5 delta forgotten by fmt 0", test_delta_forgotten},
	{"B6 extended timestamp", test_extended},
	{"B6 extended delta", test_extended_delta},
	{"B7 chunk sizes", test_chunk_sizes},
	{"B7 chunk sizes refused", test_chunk_sizes_refused},
	{"B7 chunk size per direction", test_chunk_size_per_direction},
	{"B8 abort", test_abort},
	{"B8 abort of nothing", test_abort_nothing},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_b_chunks", tests);
}
