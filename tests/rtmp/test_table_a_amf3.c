/*
 * AMF3, lines A23, E15 and F11 of CONFORMANCE.md (Enhanced RTMP v2, "AMF3"; RTMP 1.0 section 7.1):
 * messages of types 15 and 17, and values behind the avmplus marker.
 */
#include "rtmp/amf3.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define ONE "\x3f\xf0\x00\x00\x00\x00\x00\x00"
#define TWO "\x40\x00\x00\x00\x00\x00\x00\x00"
#define END "\x00\x00\x09"

#define CONNECT        \
	"\x02\x00\x07" \
	"connect\x00" ONE
#define APP        \
	"\x00\x03" \
	"app\x02\x00\x04live"

static void send(uint8_t type, uint32_t stream_id, const char *bytes, size_t len)
{
	table_send(type, 3, stream_id, bytes, (uint32_t)len);
}

#define SEND(type, stream_id, bytes) send(type, stream_id, bytes, sizeof(bytes) - 1)

/* A23, E15: a whole publish in messages of type 17: selector 0, then AMF0. */
static void test_commands(void)
{
	table_begin();
	SEND(17, 0, "\x00" CONNECT "\x03" APP END);
	SEND(17, 0,
	     "\x00\x02\x00\x0c"
	     "createStream\x00" TWO "\x05");
	SEND(17, 1, "\x00\x02\x00\x07publish\x00" TWO "\x05\x02\x00\x03key");
	table_expect(0, "connected=live publish=live/key:1 ", NULL);
	CU_ASSERT_TRUE(table_said("NetStream.Publish.Start"));
}

/* A23: values in AMF3 behind the marker, and AMF0 again behind each: it does not stick. */
static void test_values(void)
{
	table_begin();
	/* {app: AMF3 "live", x: AMF3 1, y: AMF0 null, z: AMF3 {a: true}} */
	SEND(17, 0,
	     "\x00" CONNECT "\x03\x00\x03"
	     "app\x11\x06\x09live\x00\x01x\x11\x04\x01"
	     "\x00\x01y\x05\x00\x01z\x11\x0a\x13\x01\x03"
	     "a\x03" END);
	table_expect(0, "connected=live ", NULL);
	SEND(17, 0,
	     "\x00\x02\x00\x0c"
	     "createStream\x11\x04\x02\x11\x01");
	SEND(17, 1, "\x00\x02\x00\x07publish\x11\x04\x03\x11\x01\x11\x06\x07key");
	table_expect(0, "publish=live/key:1 ", NULL);
}

/* A23: the same in messages of type 20: the marker is a matter of values, not of messages. */
static void test_values_in_type_20(void)
{
	table_begin();
	SEND(20, 0,
	     CONNECT "\x03\x00\x03"
		     "app\x11\x06\x09live" END);
	table_expect(0, "connected=live ", NULL);
}

/* A23: who sends type 17 is answered in type 17 with the selector, others in type 20 without. */
static void test_answers(void)
{
	table_begin();
	SEND(17, 0, "\x00" CONNECT "\x03" APP END);
	table_expect(0, "connected=live ", NULL);
	CU_ASSERT_TRUE(table_said("\x11\x00\x00\x00\x00\x00\x02\x00\x07_result"));
	table_begin();
	SEND(20, 0, CONNECT "\x03" APP END);
	table_expect(0, "connected=live ", NULL);
	CU_ASSERT_TRUE(table_said("\x14\x00\x00\x00\x00\x02\x00\x07_result"));
}

/* A23: there is no selector in type 20: what looks like one is a number in the wrong place. */
static void test_no_selector_in_type_20(void)
{
	table_begin();
	SEND(20, 0, "\x00" CONNECT "\x03" APP END);
	table_expect(RTMP_ERR(AMF), "", "");
}

/* A23: integers of 29 bits with a sign, in one to four bytes. */
static void test_integers(void)
{
	static const struct {
		const char *bytes;
		uint32_t len;
		double value;
	} rows[] = {
		{"\x04\x7f", 2, 127},
		{"\x04\x81\x00", 3, 128},
		{"\x04\xff\xff\x7f", 4, 2097151},
		{"\x04\x80\xc0\x80\x00", 5, 2097152},
		{"\x04\xbf\xff\xff\xff", 5, 268435455},
		{"\x04\xc0\x80\x80\x00", 5, -268435456},
		{"\x04\xff\xff\xff\xff", 5, -1},
		{"\x05" ONE, 9, 1},
	};
	static struct amf3_reader r;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		amf3_reader_init(&r, rows[i].bytes, rows[i].len);
		CU_ASSERT_EQUAL(amf3_read_number(&r), rows[i].value);
		CU_ASSERT_FALSE(r.error);
		CU_ASSERT_PTR_EQUAL(r.at, r.end);
	}
}

/* A23: onMetaData of type 15, with and without the selector, is metadata and passed on whole. */
static void test_data(void)
{
	static const char data[] = "\x00\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x11\x0a\x0b"
				   "\x01\x0bwidth\x04\x85\x00\x01";
	uint32_t len = sizeof(data) - 1;

	table_live();
	table_send(RTMP_TYPE_DATA_AMF3, 4, 1, data, len);
	table_expect(0, "media=15:44 ", "");
	CU_ASSERT_EQUAL(encoder.media_hash, hash_bytes(0, (const uint8_t *)data, len));
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_DATA_AMF3, (const uint8_t *)data, len),
			RTMP_MEDIA_METADATA);
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_DATA_AMF3, (const uint8_t *)data + 1, len - 1),
			RTMP_MEDIA_METADATA);
}

/* Steps over one value in memory of exactly its size. */
static bool skips(const void *bytes, size_t len)
{
	uint8_t *copy = calloc(1, len != 0 ? len : 1);
	static struct amf3_reader r;
	bool whole;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	amf3_reader_init(&r, copy, len);
	amf3_skip(&r);
	whole = !r.error && r.at == r.end;
	free(copy);
	return whole;
}

#define SKIPS(bytes) skips(bytes, sizeof(bytes) - 1)

/* F11, CVE-2015-8270: strings: lengths, references to what was not sent. */
static void test_strings(void)
{
	CU_ASSERT_TRUE(SKIPS("\x06\x05"
			     "ab"));
	CU_ASSERT_TRUE(SKIPS("\x06\x01"));
	CU_ASSERT_TRUE(SKIPS("\x09\x05\x01\x06\x05"
			     "ab\x06\x00"));
	CU_ASSERT_FALSE(SKIPS("\x06\x07"
			      "ab"));
	CU_ASSERT_FALSE(SKIPS("\x06\x00"));
	CU_ASSERT_FALSE(SKIPS("\x06\x02"));
	CU_ASSERT_FALSE(SKIPS("\x06\xff\xff\xff\xff"));
	CU_ASSERT_FALSE(SKIPS("\x06\xff\xff\xff\xfe"));
	CU_ASSERT_FALSE(SKIPS("\x06\x80\x80"));
}

/* F11, CVE-2015-8271, 8272: traits and objects: counts, references, members that are missing. */
static void test_objects(void)
{
	CU_ASSERT_TRUE(SKIPS("\x0a\x13\x01\x03"
			     "a\x04\x01"));
	CU_ASSERT_TRUE(SKIPS("\x0a\x0b\x01\x03"
			     "a\x01\x01"));
	CU_ASSERT_TRUE(SKIPS("\x09\x05\x01\x0a\x13\x03"
			     "C\x03"
			     "a\x01\x0a\x01\x02"));
	CU_ASSERT_FALSE(SKIPS("\x0a\x01\x01")); /* traits that were not sent */
	CU_ASSERT_FALSE(SKIPS("\x0a\x02"));     /* an object that was not sent */
	CU_ASSERT_FALSE(SKIPS("\x0a\x13\x01\x03"
			      "a"));            /* no value */
	CU_ASSERT_FALSE(SKIPS("\x0a\x13\x01")); /* no name */
	CU_ASSERT_FALSE(SKIPS("\x0a\xff\xff\xff\xf3\x01\x03"
			      "a\x01"));
	CU_ASSERT_FALSE(SKIPS("\x0a\x07\x05"
			      "Ex\x01")); /* a form that only its class knows */
	CU_ASSERT_FALSE(SKIPS("\x09\xff\xff\xff\xff\x01"));
	CU_ASSERT_FALSE(SKIPS("\x0d\xff\xff\xff\xff\x00\x01"));
	CU_ASSERT_FALSE(SKIPS("\x11\xff\xff\xff\xff\x00"));
	CU_ASSERT_FALSE(SKIPS("\x12"));
	CU_ASSERT_FALSE(SKIPS(""));
}

/* F11: arrays in arrays as deep as there are bytes. */
static void test_deep(void)
{
	static uint8_t deep[30000];

	for (size_t i = 0; i < sizeof(deep); i++) {
		static const uint8_t array[] = {AMF3_ARRAY, 3, 1};

		deep[i] = array[i % sizeof(array)];
	}
	CU_ASSERT_FALSE(skips(deep, sizeof(deep)));
}

/* F11: bytes changed by chance that repeats: an error or a value, in bounded time. */
static void test_noise(void)
{
	static const char value[] = "\x0a\x3b\x03"
				    "C\x03"
				    "a\x03"
				    "b\x03"
				    "c\x06\x05"
				    "xy\x09\x05\x03"
				    "k\x06\x02\x01\x04\x01\x05" ONE "\x08\x01" ONE "\x03"
				    "d\x0c\x05zz\x01\x0f\x03\x00" ONE "\x11\x03\x00\x06\x02\x03";
	uint32_t random = 1, good = 0;

	for (int round = 0; round < 50000; round++) {
		char changed[sizeof(value)];

		memcpy(changed, value, sizeof(value));
		for (int i = 0; i <= round % 3; i++) {
			random = random * 1664525u + 1013904223u;
			changed[(random >> 8) % (sizeof(value) - 1)] = (char)(random >> 24);
		}
		good += skips(changed, sizeof(value) - 1 - (uint32_t)round % 5);
	}
	CU_ASSERT_TRUE(good < 50000);
}

static const struct test tests[] = {
	{"A23 commands of type 17", test_commands},
	{"A23 values behind avmplus", test_values},
	{"A23 values in type 20", test_values_in_type_20},
	{"A23 answers", test_answers},
	{"A23 no selector in type 20", test_no_selector_in_type_20},
	{"A23 integers", test_integers},
	{"A23 data of type 15", test_data},
	{"E15 commands of type 17", test_commands},
	{"F11 strings", test_strings},
	{"F11 objects", test_objects},
	{"F11 nesting", test_deep},
	{"F11 noise", test_noise},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_a_amf3", tests);
}
