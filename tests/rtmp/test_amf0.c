/*
 * AMF0: every type, the liberties that encoders take, and what is refused.
 */
#include "amf0_write.h"
#include "rtmp/amf0.h"
#include "runner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1

static uint8_t buffer[1 << 17];
static struct rtmp_out out;

static void begin(void)
{
	out = (struct rtmp_out){.data = buffer, .cap = sizeof(buffer)};
}

static void test_round_trip(void)
{
	struct amf0_reader r;
	struct amf0_string name;

	begin();
	amf0_write_number(&out, -1.5);
	amf0_write_boolean(&out, true);
	amf0_write_string(&out, "publish");
	amf0_write_null(&out);
	amf0_write_object_begin(&out);
	amf0_write_name(&out, "app");
	amf0_write_string(&out, "live");
	amf0_write_name(&out, "n");
	amf0_write_number(&out, 3);
	amf0_write_object_end(&out);
	amf0_write_string(&out, "");
	amf0_reader_init(&r, buffer, out.len);
	CU_ASSERT_EQUAL(amf0_read_number(&r), -1.5);
	CU_ASSERT_TRUE(amf0_read_boolean(&r));
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "publish"));
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_NULL);
	amf0_skip(&r);
	amf0_enter(&r);
	CU_ASSERT_TRUE(amf0_next_property(&r, &name));
	CU_ASSERT_TRUE(amf0_string_equals(name, "app"));
	CU_ASSERT_TRUE(amf0_string_equals(amf0_read_string(&r), "live"));
	CU_ASSERT_TRUE(amf0_next_property(&r, &name));
	CU_ASSERT_EQUAL(amf0_read_number(&r), 3);
	CU_ASSERT_FALSE(amf0_next_property(&r, &name));
	CU_ASSERT_EQUAL(amf0_read_string(&r).len, 0);
	CU_ASSERT_EQUAL(amf0_peek(&r), -1);
	CU_ASSERT_FALSE(r.error);
}

static void test_long_string(void)
{
	static char text[70001];
	struct amf0_reader r;
	struct amf0_string s;

	memset(text, 'x', sizeof(text) - 1);
	begin();
	amf0_write_string(&out, text);
	amf0_reader_init(&r, buffer, out.len);
	CU_ASSERT_EQUAL(amf0_peek(&r), AMF0_LONG_STRING);
	s = amf0_read_string(&r);
	CU_ASSERT_TRUE(amf0_string_equals(s, text));
}

/* Each value is skipped exactly: a number behind it is found. */
static void check_skip(const char *bytes, size_t len)
{
	struct amf0_reader r;

	begin();
	rtmp_out_put(&out, bytes, len);
	amf0_write_number(&out, 42);
	amf0_reader_init(&r, buffer, out.len);
	amf0_skip(&r);
	CU_ASSERT_EQUAL(amf0_read_number(&r), 42);
	CU_ASSERT_FALSE(r.error);
}

static void test_skip_every_type(void)
{
	check_skip(BYTES("\x00\x01\x02\x03\x04\x05\x06\x07\x08"));
	check_skip(BYTES("\x01\x01"));
	check_skip(BYTES("\x02\x00\x03xyz"));
	check_skip(BYTES("\x03\x00\x01"
			 "a\x05\x00\x00\x09"));
	check_skip(BYTES("\x03\x00\x00\x09"));
	check_skip(BYTES("\x05"));
	check_skip(BYTES("\x06"));
	check_skip(BYTES("\x07\x00\x01"));
	check_skip(BYTES("\x08\xff\xff\xff\xff\x00\x01"
			 "a\x01\x00\x00\x00\x09")); /* a count that lies */
	check_skip(BYTES("\x0a\x00\x00\x00\x02\x05\x02\x00\x01z"));
	check_skip(BYTES("\x0a\x00\x00\x00\x00"));
	check_skip(BYTES("\x0b\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00"));
	check_skip(BYTES("\x0c\x00\x00\x00\x02xy"));
	check_skip(BYTES("\x0d"));
	check_skip(BYTES("\x0f\x00\x00\x00\x02<>"));
	check_skip(BYTES("\x10\x00\x01T\x00\x01"
			 "a\x06\x00\x00\x09"));
	check_skip(BYTES("\x11\x01"));                 /* AMF3 null */
	check_skip(BYTES("\x11\x04\xff\xff\xff\xff")); /* AMF3 integer */
	check_skip(BYTES("\x11\x04\x7f"));
	check_skip(BYTES("\x11\x05\x01\x02\x03\x04\x05\x06\x07\x08"));
	check_skip(BYTES("\x11\x06\x07xyz")); /* AMF3 string of 3 */
}

static bool skip_fails(const char *bytes, size_t len)
{
	/* In memory of its own size: the sanitizer sees what is read behind it. */
	uint8_t *copy = calloc(1, len != 0 ? len : 1);
	struct amf0_reader r;
	bool error;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	amf0_reader_init(&r, copy, len);
	amf0_skip(&r);
	error = r.error;
	free(copy);
	return error;
}

static void test_refused(void)
{
	CU_ASSERT_TRUE(skip_fails(BYTES("")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x04")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x09")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x0e")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x12")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\xff")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x0c\xff\xff\xff\xff"))); /* 4 GiB of nothing */
	CU_ASSERT_TRUE(skip_fails(BYTES("\x0a\xff\xff\xff\xff\x05")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x03\x00\x01"
					"a\x04")));
	/* CVE-2015-8270 to 8272: AMF3 lengths and objects without the bytes they promise. */
	CU_ASSERT_TRUE(skip_fails(BYTES("\x11\x06\xff\xff\xff\xff")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x11\x06\x81")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x11\x0a\x0b\x01")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x11")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x11\x06\x06"))); /* string 3 of a value that has none */
}

/* Every beginning of every value that has a length is refused, and nothing behind it is read. */
static void test_truncated(void)
{
	static const char value[] = "\x02\x00\x03xyz";
	static const char date[] = "\x0b\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00";
	static const char array[] = "\x0a\x00\x00\x00\x02\x05\x01\x01";

	for (size_t len = 0; len < sizeof(value) - 1; len++) {
		CU_ASSERT_TRUE(skip_fails(value, len));
	}
	for (size_t len = 0; len < sizeof(date) - 1; len++) {
		CU_ASSERT_TRUE(skip_fails(date, len));
	}
	for (size_t len = 0; len < sizeof(array) - 1; len++) {
		CU_ASSERT_TRUE(skip_fails(array, len));
	}
}

/* Quirk 14: Envivio leaves the end of an object out when the message ends there. */
static void test_unterminated(void)
{
	CU_ASSERT_FALSE(skip_fails(BYTES("\x03\x00\x01"
					 "a\x01\x01")));
	CU_ASSERT_FALSE(skip_fails(BYTES("\x08\x00\x00\x00\x01\x00\x01"
					 "a\x01\x01")));
	CU_ASSERT_FALSE(skip_fails(BYTES("\x03")));
	CU_ASSERT_FALSE(skip_fails(BYTES("\x03\x00\x00")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x03\x00")));
	CU_ASSERT_TRUE(skip_fails(BYTES("\x03\x00\x02"
					"a")));
}

/* `depth` times the bytes that open a value, then null. */
static bool nested_fails(const char *open, size_t len, uint32_t depth)
{
	struct amf0_reader r;

	begin();
	for (uint32_t i = 0; i < depth; i++) {
		rtmp_out_put(&out, open, len);
	}
	amf0_write_null(&out);
	amf0_reader_init(&r, buffer, out.len);
	amf0_skip(&r);
	return r.error;
}

/* Nesting is bounded: arrays, objects; the deepest that is allowed is read. */
static void test_depth(void)
{
	for (uint32_t depth = 1; depth < 4096; depth += depth < 20 ? 1 : depth) {
		bool refused = depth >= AMF0_DEPTH_MAX;

		CU_ASSERT_EQUAL(nested_fails(BYTES("\x0a\x00\x00\x00\x01"), depth), refused);
		CU_ASSERT_EQUAL(nested_fails(BYTES("\x03\x00\x01x"), depth), refused);
	}
}

/* The error sticks, and reading the wrong type is one. */
static void test_error_sticks(void)
{
	struct amf0_reader r;
	struct amf0_string name;

	begin();
	amf0_write_string(&out, "x");
	amf0_write_number(&out, 1);
	amf0_reader_init(&r, buffer, out.len);
	CU_ASSERT_EQUAL(amf0_read_number(&r), 0);
	CU_ASSERT_TRUE(r.error);
	CU_ASSERT_EQUAL(amf0_read_string(&r).len, 0);
	CU_ASSERT_EQUAL(amf0_peek(&r), -1);
	CU_ASSERT_FALSE(amf0_read_boolean(&r));
	amf0_enter(&r);
	CU_ASSERT_FALSE(amf0_next_property(&r, &name));
	amf0_skip(&r);
	CU_ASSERT_TRUE(r.error);
}

static void test_special_numbers(void)
{
	struct amf0_reader r;

	begin();
	amf0_write_number(&out, NAN);
	amf0_write_number(&out, INFINITY);
	amf0_reader_init(&r, buffer, out.len);
	CU_ASSERT_TRUE(isnan(amf0_read_number(&r)));
	CU_ASSERT_TRUE(isinf(amf0_read_number(&r)));
}

static void test_full_buffer(void)
{
	uint8_t small[4];
	struct rtmp_out o = {.data = small, .cap = sizeof(small)};

	amf0_write_number(&o, 1);
	CU_ASSERT_TRUE(o.overflow);
	CU_ASSERT_EQUAL(o.len, 0);
	amf0_write_null(&o); /* would fit, but comes after something that is missing */
	CU_ASSERT_EQUAL(o.len, 0);
}

static const struct test tests[] = {
	{"round trip", test_round_trip},
	{"long string", test_long_string},
	{"skip every type", test_skip_every_type},
	{"refused", test_refused},
	{"truncated", test_truncated},
	{"unterminated objects", test_unterminated},
	{"depth", test_depth},
	{"error sticks", test_error_sticks},
	{"special numbers", test_special_numbers},
	{"full buffer", test_full_buffer},
};

int main(void)
{
	return RUN_TESTS("rtmp/amf0", tests);
}
