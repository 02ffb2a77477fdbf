/*
 * AMF3: every marker, references to strings, traits and objects, what is refused, and how AMF0
 * values and values in AMF3 stand side by side.
 */
#include "amf0_write.h"
#include "rtmp/amf3.h"
#include "rtmp/error.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1

/* Members "a" (sealed) of class "C", then "b" (dynamic), each true; both names are strings 1, 2. */
#define OBJECT         \
	"\x0a\x1b\x03" \
	"C"            \
	"\x03"         \
	"a"            \
	"\x03"         \
	"\x03"         \
	"b"            \
	"\x03\x01"

static const struct value {
	const char *bytes;
	size_t len;
} values[] = {
	{BYTES("\x00")},
	{BYTES("\x01")},
	{BYTES("\x02")},
	{BYTES("\x03")},
	{BYTES("\x04\x7f")},
	{BYTES("\x04\x81\x00")},
	{BYTES("\x04\xff\xff\xff\xff")},
	{BYTES("\x05\x40\x00\x00\x00\x00\x00\x00\x00")},
	{BYTES("\x06\x01")},
	{BYTES("\x06\x07xyz")},
	{BYTES("\x07\x07<x>")},
	{BYTES("\x08\x01\x01\x02\x03\x04\x05\x06\x07\x08")},
	{BYTES("\x09\x05\x01\x03\x02")},               /* [true, false] */
	{BYTES("\x09\x03\x03k\x04\x05\x01\x06\x03z")}, /* {k: 5, 0: "z"} */
	{BYTES(OBJECT)},
	{BYTES("\x0a\x0b\x01\x01")}, /* {} */
	{BYTES("\x0a\x07\x43"
	       "flex.messaging.io.ArrayCollection"
	       "\x09\x01\x01")},
	{BYTES("\x0b\x05<>")},
	{BYTES("\x0c\x07\x00\x01\x02")},
	{BYTES("\x0d\x03\x00\x00\x00\x00\x01")},
	{BYTES("\x0e\x05\x01\x00\x00\x00\x01\xff\xff\xff\xff")},
	{BYTES("\x0f\x03\x00\x40\x00\x00\x00\x00\x00\x00\x00")},
	{BYTES("\x10\x05\x00\x01\x03\x02")},
	{BYTES("\x11\x03\x00\x06\x03k\x03")},
};

#define VALUES (sizeof(values) / sizeof(values[0]))

/* In memory of its own size: the sanitizer sees what is read behind it. */
static uint8_t *exact(const char *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	return copy;
}

/* How many bytes skipping takes; -1: refused. */
static long skipped(const char *bytes, size_t len)
{
	uint8_t *copy = exact(bytes, len);
	struct amf3_reader r;
	long taken;

	amf3_reader_init(&r, copy, len);
	amf3_skip(&r);
	taken = r.error ? -1 : r.at - copy;
	free(copy);
	return taken;
}

static void test_every_marker(void)
{
	for (size_t i = 0; i < VALUES; i++) {
		CU_ASSERT_EQUAL(skipped(values[i].bytes, values[i].len), (long)values[i].len);
	}
}

/* Every beginning of every value is refused, and nothing behind it is read. */
static void test_truncated(void)
{
	for (size_t i = 0; i < VALUES; i++) {
		for (size_t len = 0; len < values[i].len; len++) {
			CU_ASSERT_EQUAL(skipped(values[i].bytes, len), -1);
		}
	}
}

static void test_refused(void)
{
	CU_ASSERT_EQUAL(skipped(BYTES("\x12")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\xff")), -1);
	/* CVE-2015-8270 to 8272: lengths, references and traits without what they promise. */
	CU_ASSERT_EQUAL(skipped(BYTES("\x06\xff\xff\xff\xff")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\x06\x00")), -1);                 /* no string 0 */
	CU_ASSERT_EQUAL(skipped(BYTES("\x0a\x00")), -1);                 /* no object 0 */
	CU_ASSERT_EQUAL(skipped(BYTES("\x0a\x01")), -1);                 /* no traits 0 */
	CU_ASSERT_EQUAL(skipped(BYTES("\x0a\xff\xff\xff\xf3\x01")), -1); /* 33 million members */
	CU_ASSERT_EQUAL(skipped(BYTES("\x09\xff\xff\xff\xff\x01")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\x0d\xff\xff\xff\xff\x00")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\x0f\xff\xff\xff\xff\x00")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\x11\xff\xff\xff\xff\x00")), -1);
	CU_ASSERT_EQUAL(skipped(BYTES("\x0a\x07\x03"
				      "X"
				      "\x01")),
			-1); /* externalizable */
}

static void test_scalars(void)
{
	static const struct {
		struct value value;
		double number;
	} numbers[] = {
		{{BYTES("\x04\x00")}, 0},
		{{BYTES("\x04\x7f")}, 127},
		{{BYTES("\x04\x81\x00")}, 128},
		{{BYTES("\x04\xff\x7f")}, 16383},
		{{BYTES("\x04\xbf\xff\xff\xff")}, 268435455},
		{{BYTES("\x04\xc0\x80\x80\x00")}, -268435456},
		{{BYTES("\x04\xff\xff\xff\xff")}, -1},
		{{BYTES("\x05\x40\x00\x00\x00\x00\x00\x00\x00")}, 2},
	};
	struct amf3_reader r;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		amf3_reader_init(&r, numbers[i].value.bytes, numbers[i].value.len);
		CU_ASSERT_EQUAL(amf3_read_number(&r), numbers[i].number);
		CU_ASSERT_EQUAL(amf3_peek(&r), -1);
		CU_ASSERT_FALSE(r.error);
	}
	amf3_reader_init(&r, BYTES("\x03\x02\x06\x07xyz\x06\x00"));
	CU_ASSERT_TRUE(amf3_read_boolean(&r));
	CU_ASSERT_FALSE(amf3_read_boolean(&r));
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "xyz"));
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "xyz"));
	CU_ASSERT_FALSE(r.error);
	CU_ASSERT_EQUAL(amf3_read_number(&r), 0); /* nothing left: and it sticks */
	CU_ASSERT_TRUE(r.error);
	CU_ASSERT_EQUAL(amf3_read_string(&r).len, 0);
	CU_ASSERT_FALSE(amf3_read_boolean(&r));
	CU_ASSERT_EQUAL(amf3_peek(&r), -1);
}

/* An object goes through its sealed members, then the others; an array the other way round. */
static void test_enter(void)
{
	struct amf0_string name;
	struct amf3_reader r;

	amf3_reader_init(&r, BYTES(OBJECT "\x09\x03\x03k\x04\x05\x01\x06\x06\x03"));
	amf3_enter(&r);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "a"));
	CU_ASSERT_TRUE(amf3_read_boolean(&r));
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "b"));
	CU_ASSERT_TRUE(amf3_read_boolean(&r));
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
	amf3_enter(&r);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "k"));
	CU_ASSERT_EQUAL(amf3_read_number(&r), 5);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_EQUAL(name.len, 0);
	/* Names count as strings: C, a, b, k. */
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "k"));
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf3_read_boolean(&r));
	CU_ASSERT_FALSE(r.error);
}

/* The second object names its class by reference, the third is the first one again. */
static void test_references(void)
{
	struct amf0_string name;
	struct amf3_reader r;

	/* {a: 7, b: true}: the name of the dynamic member is a reference, too. */
	amf3_reader_init(&r, BYTES(OBJECT "\x0a\x01\x04\x07\x04\x03\x01"));
	amf3_skip(&r);
	amf3_enter(&r);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "a"));
	CU_ASSERT_EQUAL(amf3_read_number(&r), 7);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "b"));
	CU_ASSERT_TRUE(amf3_read_boolean(&r));
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
	CU_ASSERT_FALSE(r.error);
	amf3_reader_init(&r, BYTES(OBJECT "\x0a\x01\x04\x07\x04\x03\x01\x0a\x00\x06\x04"));
	amf3_skip(&r);
	amf3_skip(&r);
	CU_ASSERT_EQUAL(r.strings_count, 3);
	amf3_enter(&r); /* told, not followed */
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "b"));
	CU_ASSERT_FALSE(r.error);
	amf3_reader_init(&r, BYTES(OBJECT "\x0a\x02"));
	amf3_skip(&r);
	CU_ASSERT_FALSE(r.error);
	amf3_skip(&r);
	CU_ASSERT_TRUE(r.error); /* object 1 was not sent */
}

/* Going through sealed members reads their names once more, but they count once. */
static void test_names_count_once(void)
{
	struct amf0_string name;
	struct amf3_reader r;

	amf3_reader_init(&r, BYTES("\x0a\x23\x01\x05"
				   "n1"
				   "\x05"
				   "n2"
				   "\x06\x05"
				   "v1"
				   "\x06\x04"));
	amf3_enter(&r);
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "n1"));
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "v1"));
	CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "n2"));
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "v1")); /* string 2 */
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
	CU_ASSERT_FALSE(r.error);
}

/* `depth` times the bytes that open a value, then null. */
static bool nested_fails(const char *open, size_t len, uint32_t depth)
{
	static char bytes[1 << 15];
	size_t at = 0;

	for (uint32_t i = 0; i < depth; i++, at += len) {
		memcpy(bytes + at, open, len);
	}
	bytes[at++] = AMF3_NULL;
	return skipped(bytes, at) < 0;
}

static void test_depth(void)
{
	for (uint32_t depth = 1; depth < 2000; depth += depth < 20 ? 1 : depth) {
		bool refused = depth >= AMF0_DEPTH_MAX;

		CU_ASSERT_EQUAL(nested_fails(BYTES("\x09\x03\x01"), depth), refused);
		CU_ASSERT_EQUAL(nested_fails(BYTES("\x10\x03\x00\x01"), depth), refused);
		CU_ASSERT_EQUAL(nested_fails(BYTES("\x0a\x13\x01\x03x"), depth), refused);
	}
}

static void test_entered_too_deep(void)
{
	static const char nested[] = "\x0a\x13\x01\x03x\x0a\x01\x0a\x01\x0a\x01\x0a\x01\x01";
	struct amf0_string name;
	struct amf3_reader r;

	amf3_reader_init(&r, BYTES(nested));
	for (uint32_t i = 0; i < AMF3_ENTERED_MAX; i++) {
		amf3_enter(&r);
		CU_ASSERT_TRUE(amf3_next_property(&r, &name));
	}
	CU_ASSERT_FALSE(r.error);
	amf3_enter(&r);
	CU_ASSERT_TRUE(r.error);
	CU_ASSERT_FALSE(amf3_next_property(&r, &name));
}

/* More strings and classes than are kept: those beyond are read, and cannot be referred to. */
static void test_tables_full(void)
{
	static char bytes[1024];
	struct amf3_reader r;
	size_t at = 0;

	for (uint32_t i = 0; i <= AMF3_STRINGS_MAX; i++) {
		memcpy(bytes + at, "\x06\x05", 2);
		bytes[at + 2] = (char)('0' + i / 10);
		bytes[at + 3] = (char)('0' + i % 10);
		at += 4;
	}
	bytes[at++] = AMF3_STRING;
	bytes[at++] = (char)((AMF3_STRINGS_MAX - 1) << 1);
	bytes[at++] = AMF3_STRING;
	bytes[at++] = (char)0x81; /* 64 << 1 */
	bytes[at++] = 0x00;
	amf3_reader_init(&r, bytes, at);
	for (uint32_t i = 0; i <= AMF3_STRINGS_MAX; i++) {
		amf3_skip(&r);
	}
	CU_ASSERT_TRUE(amf0_string_equals(amf3_read_string(&r), "63"));
	CU_ASSERT_FALSE(r.error);
	amf3_skip(&r);
	CU_ASSERT_TRUE(r.error);
	at = 0;
	for (uint32_t i = 0; i <= AMF3_TRAITS_MAX; i++, at += 3) {
		memcpy(bytes + at, "\x0a\x03\x01", 3);
	}
	memcpy(bytes + at, "\x0a\x3d\x0a\x41", 4); /* the last that is kept, the one beyond */
	amf3_reader_init(&r, bytes, at + 4);
	for (uint32_t i = 0; i <= AMF3_TRAITS_MAX + 1; i++) {
		amf3_skip(&r);
	}
	CU_ASSERT_FALSE(r.error);
	amf3_skip(&r);
	CU_ASSERT_TRUE(r.error);
}

/* Behind avmplus any value reads like one of AMF0, and what follows it is AMF0 again. */
static void test_within_amf0(void)
{
	static const char bytes[] = "\x02\x00\x03"
				    "cmd"
				    "\x11\x04\x05\x11\x06\x07xyz\x11\x03"
				    "\x11\x0a\x0b\x01\x03k\x06\x00\x03l\x0a\x0b\x01\x03m\x04\x09"
				    "\x01\x01\x11\x06\x00\x05\x01\x01\x11\x0c\x03\x09\x11\x08\x01"
				    "\x00\x00\x00\x00\x00\x00\x00\x00";
	struct amf3_reader amf3;
	struct amf0_string name;
	struct amf0_reader r;

	amf3_reader_init(&amf3, BYTES(bytes));
	amf0_reader_init(&r, BYTES(bytes));
	r.amf3 = &amf3;
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "cmd"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_NUMBER);
	CU_ASSERT_EQUAL(amf0_read_number(&r), 5);
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_STRING);
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "xyz"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_BOOLEAN);
	CU_ASSERT_TRUE(amf0_read_boolean(&r));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_OBJECT);
	amf0_enter(&r);
	CU_ASSERT_TRUE(amf0_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "k"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_STRING);
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "xyz"));
	CU_ASSERT_TRUE(amf0_next_property(&r, &name));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_OBJECT);
	amf0_enter(&r);
	CU_ASSERT_TRUE(amf0_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "m"));
	CU_ASSERT_EQUAL(amf0_read_number(&r), 9);
	CU_ASSERT_FALSE(amf0_next_property(&r, &name));
	CU_ASSERT_FALSE(amf0_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "xyz"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_NULL);
	amf0_skip(&r);
	CU_ASSERT_TRUE(amf0_read_boolean(&r));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_UNSUPPORTED);
	amf0_skip(&r);
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_DATE);
	amf0_skip(&r);
	CU_ASSERT_EQUAL(amf0_peek(&r), -1);
	CU_ASSERT_FALSE(r.error);
}

/* Values in AMF3 count like others, and nest no deeper. */
static void test_limits(void)
{
	static const char bytes[] = "\x11\x09\x05\x01\x03\x03\x11\x03\x11\x03";
	struct amf0_reader r;

	for (uint32_t max = 1; max < 6; max++) {
		amf0_reader_init(&r, BYTES(bytes));
		amf0_reader_limit(&r, 0, max);
		amf0_skip(&r);
		CU_ASSERT_EQUAL(amf0_error(&r), max < 3 ? RTMP_ERR(AMF_ELEMENTS) : 0);
		(void)amf0_read_boolean(&r);
		CU_ASSERT_EQUAL(amf0_error(&r), max < 4 ? RTMP_ERR(AMF_ELEMENTS) : 0);
		amf0_skip(&r);
		CU_ASSERT_EQUAL(amf0_error(&r), max < 5 ? RTMP_ERR(AMF_ELEMENTS) : 0);
	}
	for (uint32_t max = 1; max < 3; max++) {
		amf0_reader_init(&r, BYTES(bytes));
		amf0_reader_limit(&r, max, 0);
		amf0_skip(&r);
		CU_ASSERT_EQUAL(amf0_error(&r), max < 2 ? RTMP_ERR(AMF_DEPTH) : 0);
	}
}

/* Without tables each value stands for itself. */
static void test_within_amf0_alone(void)
{
	struct amf0_reader r;

	amf0_reader_init(&r, BYTES("\x11\x06\x07xyz\x11\x06\x00"));
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "xyz"));
	CU_ASSERT_FALSE(r.error);
	amf0_skip(&r);
	CU_ASSERT_TRUE(r.error);
	amf0_reader_init(&r, BYTES("\x11\x0a\x0b\x01\x01"));
	amf0_enter(&r);
	CU_ASSERT_TRUE(r.error);
	amf0_reader_init(&r, BYTES("\x11"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_AVMPLUS);
	amf0_skip(&r);
	CU_ASSERT_TRUE(r.error);
	amf0_reader_init(&r, BYTES("\x11\x12"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_AVMPLUS);
}

static const struct test tests[] = {
	{"every marker", test_every_marker},
	{"truncated", test_truncated},
	{"refused", test_refused},
	{"scalars", test_scalars},
	{"objects and arrays", test_enter},
	{"references", test_references},
	{"names count once", test_names_count_once},
	{"depth", test_depth},
	{"entered too deep", test_entered_too_deep},
	{"tables full", test_tables_full},
	{"within AMF0", test_within_amf0},
	{"within AMF0, alone", test_within_amf0_alone},
	{"limits", test_limits},
};

int main(void)
{
	return RUN_TESTS("rtmp/amf3", tests);
}
