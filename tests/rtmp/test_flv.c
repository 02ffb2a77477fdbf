/*
 * FLV: bytes as the specification has them (annex E), and what of a message becomes a tag.
 */
#include "rtmp/flv.h"
#include "runner.h"

#include <string.h>

static void test_bytes(void)
{
	static const uint8_t file[] = {'F', 'L', 'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0};
	static const uint8_t tag[] = {9, 0x01, 0x02, 0x03, 0xbb, 0xcc, 0xdd, 0xaa, 0, 0, 0};
	static const uint8_t trailer[] = {0, 0x01, 0x02, 0x0e};
	uint8_t out[RTMP_FLV_FILE_HEADER];

	rtmp_flv_file_header(out, RTMP_FLV_HAS_AUDIO | RTMP_FLV_HAS_VIDEO);
	CU_ASSERT_EQUAL(memcmp(out, file, sizeof(file)), 0);
	rtmp_flv_tag_header(out, 9, 0xaabbccdd, 0x010203);
	CU_ASSERT_EQUAL(memcmp(out, tag, sizeof(tag)), 0);
	rtmp_flv_tag_trailer(out, 0x010203);
	CU_ASSERT_EQUAL(memcmp(out, trailer, sizeof(trailer)), 0);
}

static void expect(uint8_t type, const void *data, uint32_t length, uint8_t tag_type,
		   uint32_t skipped)
{
	struct rtmp_flv_tag tag = rtmp_flv_tag(type, data, length);

	CU_ASSERT_EQUAL(tag.type, tag_type);
	if (tag_type != 0) {
		CU_ASSERT_EQUAL(tag.skipped, skipped);
		CU_ASSERT_EQUAL(tag.length, length - skipped);
	}
}

static void test_tags(void)
{
	static const char set[] = "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData";
	static const char amf3[] = "\x00\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData";

	expect(RTMP_TYPE_AUDIO, "\xaf\x01", 2, 8, 0);
	expect(RTMP_TYPE_VIDEO, NULL, 0, 9, 0);
	expect(RTMP_TYPE_DATA_AMF0, set, sizeof(set) - 1, 18, 16);
	expect(RTMP_TYPE_DATA_AMF0, set, 16, 18, 16);
	expect(RTMP_TYPE_DATA_AMF0, set, 15, 18, 0);
	expect(RTMP_TYPE_DATA_AMF0, set + 16, 13, 18, 0);
	expect(RTMP_TYPE_DATA_AMF0, NULL, 0, 18, 0);
	expect(RTMP_TYPE_DATA_AMF3, amf3, sizeof(amf3) - 1, 18, 17);
	expect(RTMP_TYPE_DATA_AMF3, amf3 + 17, 13, 18, 0);
	expect(RTMP_TYPE_VIDEO, set, RTMP_FLV_BODY_MAX, 9, 0);
	expect(RTMP_TYPE_VIDEO, set, RTMP_FLV_BODY_MAX + 1, 0, 0);
	expect(RTMP_TYPE_AGGREGATE, set, 16, 0, 0);
	expect(RTMP_TYPE_COMMAND_AMF0, set, 16, 0, 0);
}

int main(void)
{
	const struct test tests[] = {{"bytes", test_bytes}, {"tags", test_tags}};

	return RUN_TESTS("flv", tests);
}
