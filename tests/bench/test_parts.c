/*
 * Parts of penstock-sink by themselves.
 */
#include "assembly.h"
#include "bench/common/crc32.h"
#include "record.h"
#include "report.h"

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

/* The check value of CRC-32 (every catalogue has it), whole and at every split. */
static void test_crc32(void)
{
	static const char digits[] = "123456789";
	static const char text[] = "The quick brown fox jumps over the lazy dog";

	sink_crc32_init();
	CU_ASSERT_EQUAL(sink_crc32(0, digits, 9), 0xcbf43926);
	CU_ASSERT_EQUAL(sink_crc32(0, "", 0), 0);
	for (size_t at = 0; at <= sizeof(text) - 1; at++) {
		uint32_t crc = sink_crc32(0, text, at);
		CU_ASSERT_EQUAL(sink_crc32(crc, text + at, sizeof(text) - 1 - at), 0x414fa339);
	}
}

static void expect_name(const char *app, const char *name, unsigned int copy, const char *expected)
{
	char file[FLV_FILE_NAME_MAX];

	flv_file_name(app, name, copy, file);
	CU_ASSERT_STRING_EQUAL(file, expected);
}

static void test_file_names(void)
{
	char longest[600];
	char file[FLV_FILE_NAME_MAX];

	expect_name("live", "cam1", 1, "live_cam1.flv");
	expect_name("live", "cam1", 12, "live_cam1-12.flv");
	expect_name("..", "..", 1, "_.__..flv");
	expect_name("a/b", "/etc/passwd", 1, "a_b__etc_passwd.flv");
	expect_name("", "", 1, "_.flv");
	expect_name("a\n", "b\xff", 1, "a__b_.flv");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	flv_file_name(longest, longest, 4000000000u, file);
	CU_ASSERT_TRUE(strlen(file) < FLV_FILE_NAME_MAX);
	CU_ASSERT_STRING_EQUAL(file + strlen(file) - 15, "-4000000000.flv");
}

static void expect_json(const char *text, const char *expected)
{
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	report_string(out, text);
	CU_ASSERT_EQUAL(fclose(out), 0);
	CU_ASSERT_STRING_EQUAL(got, expected);
	free(got);
}

static void test_json_strings(void)
{
	expect_json("", "\"\"");
	expect_json("a b~", "\"a b~\"");
	expect_json("\"\\", "\"\\u0022\\u005c\"");
	expect_json("\n\x1b\x7f", "\"\\u000a\\u001b\\u007f\"");
	expect_json("\xc3\xa9", "\"\\u00e9\"");
	expect_json("\xe2\x82\xac", "\"\\u20ac\"");
	expect_json("\xf0\x9f\x98\x80", "\"\\ud83d\\ude00\"");
	/* Broken: alone, cut, overlong, surrogate, above U+10FFFF. */
	expect_json("\x80", "\"\\ufffd\"");
	expect_json("\xc3", "\"\\ufffd\"");
	expect_json("\xe2\x82", "\"\\ufffd\\ufffd\"");
	expect_json("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	expect_json("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	expect_json("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

static void test_timestamps_wrap(void)
{
	static const uint8_t frame[] = {0x27, 1, 0, 0, 0, 1};
	struct record r = {.number = 1};

	record_message(&r, RTMP_TYPE_VIDEO, 0xffffff00, frame, sizeof(frame));
	record_message(&r, RTMP_TYPE_VIDEO, 0x00000010, frame, sizeof(frame));
	CU_ASSERT_EQUAL(r.counts[RECORD_VIDEO].backward, 0);
	CU_ASSERT_EQUAL(r.counts[RECORD_VIDEO].gaps, 0);
	CU_ASSERT_EQUAL(record_duration_ms(&r), 0x110);
	record_message(&r, RTMP_TYPE_VIDEO, 0xffffff00, frame, sizeof(frame));
	CU_ASSERT_EQUAL(r.counts[RECORD_VIDEO].backward, 1);
	CU_ASSERT_EQUAL(record_duration_ms(&r), 0);
}

static void test_empty_messages(void)
{
	struct record r = {.number = 1, .checksum = true};

	/* Enhanced RTMP: an audio message of length 0 is silence. */
	record_message(&r, RTMP_TYPE_AUDIO, 10, NULL, 0);
	record_message(&r, 99, 10, NULL, 0);
	CU_ASSERT_EQUAL(r.counts[RECORD_AUDIO].messages, 1);
	CU_ASSERT_EQUAL(r.other_messages, 1);
	CU_ASSERT_EQUAL(record_bytes(&r), 0);
}

/* A message of `len` bytes in pieces of `step`. */
static void assemble(struct assembly *a, uint32_t len, uint32_t step)
{
	static uint8_t bytes[100000];
	const struct rtmp_message msg = {.length = len, .stream_id = 1, .type = RTMP_TYPE_VIDEO};
	const uint8_t *data = NULL;
	enum assembly_result result = ASSEMBLY_MORE;

	for (uint32_t i = 0; i < len; i++) {
		bytes[i] = (uint8_t)(i * 31);
	}
	for (uint32_t at = 0; at < len; at += step) {
		const uint32_t n = len - at < step ? len - at : step;
		const struct rtmp_piece piece = {.msg = &msg,
						 .data = bytes + at,
						 .len = n,
						 .slot = 3,
						 .first = at == 0,
						 .last = at + n == len};
		CU_ASSERT_EQUAL(result, ASSEMBLY_MORE);
		result = assembly_add(a, &piece, 1, &data);
	}
	CU_ASSERT_EQUAL_FATAL(result, ASSEMBLY_COMPLETE);
	CU_ASSERT_EQUAL(memcmp(data, bytes, len), 0);
	assembly_release(a, 3);
}

static void test_assembly(void)
{
	struct assembly a = {.slots = {{.data = NULL}}};

	assemble(&a, 100000, 128);
	CU_ASSERT_EQUAL(a.slots[3].cap, 0); /* a large buffer was given back */
	assemble(&a, 1000, 1);
	CU_ASSERT_TRUE(a.slots[3].cap > 0); /* a small one was kept */
	assemble(&a, 1000, 1000);
	assemble(&a, 5000, 4999);
	assembly_fini(&a);
}

static void test_short_message(void)
{
	struct assembly a = {.slots = {{.data = NULL}}};
	const struct rtmp_message msg = {.length = 3};
	uint8_t byte = 0;
	struct rtmp_piece piece = {.msg = &msg, .data = &byte, .len = 1, .first = true};
	const uint8_t *data;

	CU_ASSERT_EQUAL(assembly_add(&a, &piece, 1, &data), ASSEMBLY_MORE);
	piece.first = false;
	piece.last = true;
	CU_ASSERT_EQUAL(assembly_add(&a, &piece, 1, &data), ASSEMBLY_SHORT);
	assembly_fini(&a);
}

int main(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 1;
	}
	CU_pSuite suite = CU_add_suite("sink parts", NULL, NULL);
	CU_ADD_TEST(suite, test_crc32);
	CU_ADD_TEST(suite, test_file_names);
	CU_ADD_TEST(suite, test_json_strings);
	CU_ADD_TEST(suite, test_timestamps_wrap);
	CU_ADD_TEST(suite, test_empty_messages);
	CU_ADD_TEST(suite, test_assembly);
	CU_ADD_TEST(suite, test_short_message);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0 ? 1 : 0;
}
