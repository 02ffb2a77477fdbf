/*
 * Security, lines of section F of CONFORMANCE.md about AMF0: short, deep, many, crafted.
 * The address sanitizer sees each message in memory of exactly its size.
 */
#include "rtmp/amf0.h"
#include "table.h"

#include <string.h>

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

static const struct test tests[] = {
	{"F6 unexpected AMF", test_unexpected_amf},     {"F6 cut commands", test_cut_commands},
	{"F10 crafted AMF", test_crafted_amf},          {"F13 deep AMF", test_deep_amf},
	{"F13 many AMF values", test_many_amf},         {"F13 AMF elements", test_element_limit},
	{"F13 length of commands", test_command_limit}, {"F20 deep AMF", test_deep_amf},
	{"F20 depth of AMF", test_depth_limit},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_f_amf", tests);
}
