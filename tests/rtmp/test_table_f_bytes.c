/*
 * Security, lines of section F of CONFORMANCE.md about bytes: chunk headers, lengths, AMF values.
 * The address sanitizer sees each message in memory of exactly its size.
 */
#include "rtmp/amf0.h"
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

/* A connect whose command object is `value`: what comes of it must be an answer or an error. */
static void connect_with(const void *value, uint32_t len)
{
	struct command c;

	table_begin();
	command_begin(&c, "connect", 1);
	rtmp_out_put(&c.body, value, len);
	peer_send(&encoder, &c, 0);
}

/* F6, nginx-rtmp 23e1873: values that are empty, missing, or not what was expected. */
static void test_unexpected_amf(void)
{
	static const struct {
		const char *bytes;
		uint32_t len;
	} values[] = {
#define V(bytes) {bytes, sizeof(bytes) - 1}
		V(""),
		V("\x05"),
		V("\x03"),
		V("\x03\x00"),
		V("\x03\x00\x00"),
		V("\x03\x00\x00\x09"),
		V("\x08"),
		V("\x0a"),
		V("\x0a\xff\xff\xff\xff"),
		V("\x10"),
		V("\x11"),
		V("\x02\xff\xff"),
		V("\x00"),
		V("\x0c\xff\xff\xff\xff"),
		V("\x03\x00\x03"
		  "app\x05\x00\x00\x09"),
		V("\x03\x00\x03"
		  "app\x03\x00\x00\x09\x00\x00\x09"),
		V("\x03\x00\x03"
		  "app"),
		V("\x03\xff\xff"
		  "app"),
#undef V
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		connect_with(values[i].bytes, values[i].len);
		CU_ASSERT_TRUE(table_fails());
		CU_ASSERT_FALSE(encoder.server.connected);
	}
}

/* F6: every command cut off at every byte. */
static void test_cut_commands(void)
{
	static const char body[] = "\x02\x00\x07publish\x00\x40\x14\x00\x00\x00\x00\x00\x00\x05"
				   "\x02\x00\x03key\x02\x00\x04live";

	for (uint32_t len = 0; len < sizeof(body) - 1; len++) {
		table_connected();
		peer_command(&encoder, "createStream", 2, 0, NULL);
		table_send(RTMP_TYPE_COMMAND_AMF0, 3, 1, body, len);
		/* Behind the name the type may be missing, or cut. */
		CU_ASSERT_EQUAL(table_fails(), len < 26);
	}
}

/* F10, CVE-2017-11665: a connect with bytes changed, by chance that repeats. */
static void test_crafted_amf(void)
{
	static const char object[] = "\x03\x00\x03"
				     "app\x02\x00\x04live\x00\x05tcUrl\x02\x00\x12"
				     "rtmp://host:1/live\x00\x0c"
				     "capabilities\x00\x40\x08\x00\x00\x00\x00\x00\x00"
				     "\x00\x0a"
				     "fourCcList\x0a\x00\x00\x00\x02\x02\x00\x04"
				     "av01\x02\x00\x04hvc1"
				     "\x00\x01x\x08\x00\x00\x00\x01\x00\x01y\x11\x04"
				     "\x01\x00\x00\x09\x00\x00\x09";
	uint32_t random = 1, accepted = 0;

	for (int round = 0; round < 20000; round++) {
		char changed[sizeof(object)];

		memcpy(changed, object, sizeof(object));
		for (int i = 0; i <= round % 4; i++) {
			random = random * 1664525u + 1013904223u;
			changed[(random >> 8) % (sizeof(object) - 1)] = (char)(random >> 24);
		}
		connect_with(changed, (uint32_t)sizeof(object) - 1 - (uint32_t)round % 3);
		accepted += !table_fails();
		CU_ASSERT_TRUE(encoder.error == 0 || !encoder.server.connected);
	}
	CU_ASSERT_TRUE(accepted > 1000 && accepted < 19000);
}

/* F13, F20: nested as deep as a message is long. */
static void test_deep_amf(void)
{
	static uint8_t deep[RTMP_COMMAND_MAX];
	struct amf0_reader r;

	for (int kind = 0; kind < 2; kind++) {
		for (uint32_t i = 0; i < sizeof(deep); i++) {
			static const uint8_t array[] = {AMF0_STRICT_ARRAY, 0, 0, 0, 1};
			static const uint8_t object[] = {AMF0_OBJECT, 0, 1, 'a'};

			deep[i] = kind == 0 ? array[i % sizeof(array)] : object[i % sizeof(object)];
		}
		amf0_reader_init(&r, deep, sizeof(deep));
		amf0_skip(&r);
		CU_ASSERT_TRUE(r.error);
		connect_with(deep, 4000);
		CU_ASSERT_TRUE(table_fails());
	}
}

static const uint8_t end[] = {0, 0, AMF0_OBJECT_END};

/* F20: objects in objects, well-formed: as deep as the limit, and one deeper. */
static void test_depth_limit(void)
{
	static const uint8_t open[] = {AMF0_OBJECT, 0, 1, 'a'};

	for (uint32_t depth = AMF0_DEPTH_MAX - 1; depth <= AMF0_DEPTH_MAX; depth++) {
		static uint8_t bytes[400];
		struct amf0_reader r;
		uint32_t at = 0;

		for (uint32_t i = 0; i < depth; i++, at += 4) {
			memcpy(bytes + at, open, sizeof(open));
		}
		bytes[at++] = AMF0_NULL;
		for (uint32_t i = 0; i < depth; i++, at += 3) {
			memcpy(bytes + at, end, sizeof(end));
		}
		amf0_reader_init(&r, bytes, at);
		amf0_skip(&r);
		CU_ASSERT_EQUAL(r.error, depth == AMF0_DEPTH_MAX);
	}
}

/* F13, F20: a count of four thousand millions, of values that take no room. */
static void test_many_amf(void)
{
	static const uint8_t array[] = {AMF0_STRICT_ARRAY, 0xff, 0xff, 0xff, 0xff, AMF0_NULL};
	struct amf0_reader r;

	amf0_reader_init(&r, array, sizeof(array));
	amf0_skip(&r);
	CU_ASSERT_TRUE(r.error);
	connect_with(array, sizeof(array));
	CU_ASSERT_TRUE(table_fails());
}

/* F13: values are counted, the object with each of its properties. */
static void test_element_limit(void)
{
	static const uint8_t property[] = {0, 1, 'a', AMF0_NULL};

	for (uint32_t elements = 10; elements <= 12; elements++) {
		uint8_t object[1 + 4 * 12 + 3] = {AMF0_OBJECT};
		struct amf0_reader r;
		uint32_t at = 1;

		for (uint32_t i = 1; i < elements; i++, at += 4) {
			memcpy(object + at, property, sizeof(property));
		}
		memcpy(object + at, end, sizeof(end));
		amf0_reader_init(&r, object, at + 3);
		amf0_reader_limit(&r, 0, 11);
		amf0_skip(&r);
		CU_ASSERT_EQUAL(amf0_error(&r), elements <= 11 ? 0 : RTMP_ERR(AMF_ELEMENTS));
	}
}

/* F13: what a command may be long is known before any of it is kept. */
static void test_command_limit(void)
{
	table_connected();
	peer_message(&encoder, RTMP_TYPE_COMMAND_AMF0, 3, 0, 0, 2, RTMP_COMMAND_MAX);
	table_expect(RTMP_ERR(AMF), "", "");
	table_connected();
	tape_fmt0(&encoder.tape, 3, 0, RTMP_COMMAND_MAX + 1, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_byte(&encoder.tape, 2);
	table_expect(RTMP_ERR(COMMAND_SIZE), "", "");
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
	{"F6 unexpected AMF", test_unexpected_amf},
	{"F6 cut commands", test_cut_commands},
	{"F7 promised sizes", test_promised_sizes},
	{"F9 length changes in a message", test_length_changes},
	{"F10 crafted AMF", test_crafted_amf},
	{"F13 length limit", test_length_limit},
	{"F13 deep AMF", test_deep_amf},
	{"F13 many AMF values", test_many_amf},
	{"F13 AMF elements", test_element_limit},
	{"F13 length of commands", test_command_limit},
	{"F19 length limit", test_length_limit},
	{"F19 flood of headers", test_header_flood},
	{"F20 deep AMF", test_deep_amf},
	{"F20 depth of AMF", test_depth_limit},
	{"F21 lengths of control messages", test_short_control},
	{"F22 fmt 0 in a message", test_fmt0_in_message},
	{"F23 interleaving", test_interleaving},
	{"F23 interleaved commands", test_interleaved_commands},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_f_bytes", tests);
}
