/*
 * Enhanced RTMP v2, lines A1, A2, A4 to A8, A22 and A25 of CONFORMANCE.md: what is offered in
 * connect and answered, and the request to connect anew.
 */
#include "table.h"

#include <string.h>

#define END "\x00\x00\x09"
#define APP        \
	"\x00\x03" \
	"app\x02\x00\x04live"

/* FourCC maps and lists as they stand on the wire: CanForward is 4. */
#define FORWARD "\x00\x40\x10\x00\x00\x00\x00\x00\x00"
#define NUMBER1 "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00"
#define VIDEO   "\x00\x12videoFourCcInfoMap\x03"
#define AUDIO      \
	"\x00\x12" \
	"audioFourCcInfoMap\x03"
#define LIST       \
	"\x00\x0a" \
	"fourCcList\x0a\x00\x00\x00"

/* connect with this command object, and the answer to it. */
static void connect_with(const char *object, size_t len)
{
	struct command c;

	table_begin();
	command_begin(&c, "connect", 1);
	rtmp_out_put(&c.body, object, len);
	peer_send(&encoder, &c, 0);
	table_expect(0, "connected=live ", TABLE_CONNECTED);
}

#define CONNECT(object) connect_with(object, sizeof(object) - 1)

/* A4, Enhanced RTMP v1: names are answered by names, "*" by "*". */
static void test_list(void)
{
	CONNECT("\x03" APP LIST "\x02\x02\x00\x04"
		"av01\x02\x00\x04hvc1" END);
	CU_ASSERT_TRUE(table_said(LIST "\x02\x02\x00\x04"
				       "av01\x02\x00\x04hvc1"));
	CONNECT("\x03" APP LIST "\x01\x02\x00\x01*" END);
	CU_ASSERT_TRUE(table_said(LIST "\x01\x02\x00\x01*"));
}

/* A4: who offers nothing is told nothing. */
static void test_not_offered(void)
{
	CONNECT("\x03" APP END);
	CU_ASSERT_FALSE(table_said("FourCc"));
	CU_ASSERT_FALSE(table_said("fourCc"));
	CU_ASSERT_FALSE(table_said("capsEx"));
	CU_ASSERT_FALSE(table_said("videoFunction"));
	CU_ASSERT_EQUAL(encoder.server.caps_ex, 0);
}

/* A5: what was asked for can be forwarded: 4, and neither decoded nor encoded. */
static void test_maps(void)
{
	CONNECT("\x03" APP VIDEO "\x00\x04"
		"av01" NUMBER1 "\x00\x04vp09" NUMBER1 END AUDIO "\x00\x04Opus" NUMBER1 END END);
	CU_ASSERT_TRUE(table_said(VIDEO "\x00\x04"
					"av01" FORWARD "\x00\x04vp09" FORWARD END));
	CU_ASSERT_TRUE(table_said(AUDIO "\x00\x04Opus" FORWARD END));
	CONNECT("\x03" APP VIDEO "\x00\x01*" NUMBER1 END END);
	CU_ASSERT_TRUE(table_said(VIDEO "\x00\x01*" FORWARD END));
	CU_ASSERT_TRUE(table_said(AUDIO "\x00\x01*" FORWARD END));
}

/* A6: the four bits are answered to whom offered capsEx, and what was offered is kept. */
static void test_caps_ex(void)
{
	uint8_t answer[9];

	table_number(answer, 15);
	for (uint32_t offered = 0; offered < 32; offered++) {
		struct command c;
		const uint8_t *at;

		table_begin();
		command_begin(&c, "connect", 1);
		amf0_write_object_begin(&c.body);
		amf0_write_name(&c.body, "app");
		amf0_write_string(&c.body, "live");
		amf0_write_name(&c.body, "capsEx");
		amf0_write_number(&c.body, offered);
		amf0_write_object_end(&c.body);
		peer_send(&encoder, &c, 0);
		table_expect(0, "connected=live ", TABLE_CONNECTED);
		at = table_replied("\x00\x06"
				   "capsEx",
				   8);
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		CU_ASSERT_TRUE(at != NULL && memcmp(at, answer, sizeof(answer)) == 0);
		CU_ASSERT_EQUAL(encoder.server.caps_ex, offered);
	}
}

/* A7: HDR, metadata packets and large tiles pass; seeking is not what an ingest does. */
static void test_video_function(void)
{
	CONNECT("\x03" APP "\x00\x06"
		"capsEx" NUMBER1 "\x00\x0dvideoFunction\x00\x40\x2e\x00\x00"
		"\x00\x00\x00\x00" END); /* 15 */
	CU_ASSERT_TRUE(table_said("\x00\x0dvideoFunction\x00\x40\x2c\x00\x00\x00\x00\x00\x00"));
	CU_ASSERT_EQUAL(encoder.server.video_function, 15);
}

/* A8: 0 and 3 are answered as they are, all else as 0. */
static void test_object_encoding(void)
{
	CONNECT("\x03" APP "\x00\x0eobjectEncoding\x00\x40\x08\x00\x00\x00\x00\x00\x00" END);
	CU_ASSERT_TRUE(table_said("\x00\x0eobjectEncoding\x00\x40\x08"));
	CU_ASSERT_TRUE(encoder.server.amf3);
	CONNECT("\x03" APP "\x00\x0eobjectEncoding\x00\x00\x00\x00\x00\x00\x00\x00\x00" END);
	CU_ASSERT_TRUE(table_said("\x00\x0eobjectEncoding\x00\x00\x00"));
	CU_ASSERT_FALSE(encoder.server.amf3);
	CONNECT("\x03" APP "\x00\x0eobjectEncoding" NUMBER1 END);
	CU_ASSERT_TRUE(table_said("\x00\x0eobjectEncoding\x00\x00\x00"));
}

/* A1: properties that nobody knows, FourCCs of no codec, of wrong length, flags beyond those that
 * are defined. */
static void test_unknown_values(void)
{
	CONNECT("\x03" APP "\x00\x08"
		"brandNew\x02\x00\x01x" END);
	CONNECT("\x03" APP LIST "\x03\x02\x00\x04zzzz\x02\x00\x02zz\x05" END);
	CU_ASSERT_TRUE(table_said("zzzz"));
	CONNECT("\x03" APP VIDEO "\x00\x04zzzz\x02\x00\x01x" END END);
	CU_ASSERT_TRUE(table_said("zzzz" FORWARD));
	CONNECT("\x03" APP "\x00\x06"
		"capsEx\x02\x00\x01x" END);
	CU_ASSERT_EQUAL(encoder.server.caps_ex, 0);
	CONNECT("\x03" APP "\x00\x06"
		"capsEx\x00\xbf\xf0\x00\x00\x00\x00\x00\x00" END); /* -1 */
	CU_ASSERT_EQUAL(encoder.server.caps_ex, 0);
	CONNECT("\x03" APP "\x00\x06"
		"capsEx\x00\x7f\xf8\x00\x00\x00\x00\x00\x00" END); /* NaN */
	CU_ASSERT_EQUAL(encoder.server.caps_ex, 0);
}

/* A2: maps and lists as ECMA array, too; we write Objects. */
static void test_ecma_or_object(void)
{
	CONNECT("\x08\x00\x00\x00\x00" APP "\x00\x12videoFourCcInfoMap\x08\x00\x00\x00\x01\x00\x04"
		"av01" NUMBER1 END "\x00\x0a"
		"fourCcList\x08\x00\x00\x00\x01\x00\x01"
		"0\x02\x00\x04hvc1" END END);
	CU_ASSERT_TRUE(table_said(VIDEO "\x00\x04"
					"av01" FORWARD END));
	CU_ASSERT_TRUE(table_said(LIST "\x01\x02\x00\x04hvc1"));
}

/* A publisher that offered these capabilities. */
static void live_with(uint32_t caps_ex)
{
	struct command c;

	table_begin();
	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "capsEx");
	amf0_write_number(&c.body, caps_ex);
	amf0_write_object_end(&c.body);
	peer_send(&encoder, &c, 0);
	peer_command(&encoder, "createStream", 4, 0, NULL);
	peer_command(&encoder, "publish", 5, 1, "key");
	table_expect(0, "connected=live publish=live/key:1 ", NULL);
}

/* A22: an onStatus of the connection, transaction 0; the publish goes on until the client leaves.
 */
static void test_reconnect(void)
{
	static const char url[] = "\x00\x05tcUrl\x02\x00\x12rtmp://other/live2";

	live_with(1);
	CU_ASSERT_TRUE(rtmp_server_reconnect(&encoder.server, "rtmp://other/live2", "draining",
					     &encoder.out));
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 10);
	table_expect(0, "media=8:10 ", ">onStatus:0:NetConnection.Connect.ReconnectRequest ");
	CU_ASSERT_PTR_NOT_NULL(table_replied(url, sizeof(url) - 1));
	CU_ASSERT_TRUE(table_said("\x00\x0b"
				  "description\x02\x00\x08"
				  "draining"));
	CU_ASSERT_TRUE(table_said("onStatus\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x03"));
}

/* A22: without a target there is no tcUrl: the client connects anew to where it is. */
static void test_reconnect_here(void)
{
	live_with(15);
	CU_ASSERT_TRUE(rtmp_server_reconnect(&encoder.server, "", "restart", &encoder.out));
	table_expect(0, "", ">onStatus:0:NetConnection.Connect.ReconnectRequest ");
	CU_ASSERT_FALSE(table_said("tcUrl"));
}

/* A22: only who offered it is asked. */
static void test_reconnect_not_offered(void)
{
	static const uint32_t offers[] = {0, 2, 14, 16};

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		live_with(offers[i]);
		CU_ASSERT_FALSE(rtmp_server_reconnect(&encoder.server, "rtmp://other/live", "x",
						      &encoder.out));
		table_expect(0, "", "");
	}
}

/* A25: the open question of the extended field in fmt 1 and 2: a delta, as RTMP 1.0 says. */
static void test_delta_or_absolute(void)
{
	tape_reset(&tape);
	tape_fmt0(&tape, 4, 0x01000000, 1, RTMP_TYPE_VIDEO, 1);
	tape_fill(&tape, 0, 1);
	tape_fmt1(&tape, 4, 0x01000028, 1, RTMP_TYPE_VIDEO);
	tape_fill(&tape, 0, 1);
	tape_fmt2(&tape, 4, 0x01000028);
	tape_fill(&tape, 0, 1);
	table_read();
	table_end(3, 0);
	table_message(1, 0x02000028, RTMP_TYPE_VIDEO, 1, 0);
	table_message(2, 0x03000050, RTMP_TYPE_VIDEO, 1, 0);
}

static const struct test tests[] = {
	{"A1 unknown values", test_unknown_values},
	{"A2 ECMA array or Object", test_ecma_or_object},
	{"A4 list of FourCCs", test_list},
	{"A4 nothing offered", test_not_offered},
	{"A5 maps of FourCCs", test_maps},
	{"A6 capsEx", test_caps_ex},
	{"A7 videoFunction", test_video_function},
	{"A8 objectEncoding", test_object_encoding},
	{"A22 reconnect", test_reconnect},
	{"A22 reconnect to the same place", test_reconnect_here},
	{"A22 reconnect not offered", test_reconnect_not_offered},
	{"A25 delta or absolute", test_delta_or_absolute},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_a_connect", tests);
}
