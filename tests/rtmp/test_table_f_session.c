/*
 * Security, lines of section F of CONFORMANCE.md about sessions: what may be said when, how often,
 * how long, and by which names.
 */
#include "handshake.h"
#include "table.h"

#include <string.h>

/* F1: nothing is published by itself: the library asks, and says Start only when told. */
static void test_nobody_decides(void)
{
	table_begin();
	encoder.accepts = false;
	peer_publish(&encoder);
	for (int i = 0; i < 50; i++) {
		peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 1, 1000);
	}
	CU_ASSERT_FALSE(table_fails());
	CU_ASSERT_FALSE(table_said("NetStream.Publish.Start"));
	CU_ASSERT_EQUAL(encoder.server.streams[0].publish, RTMP_PUBLISH_PENDING);
}

/* connect with one property of `len` bytes. */
static void connect_long(const char *property, uint32_t len)
{
	char value[RTMP_COMMAND_MAX];
	struct command c;

	memset(value, 'x', sizeof(value));
	table_begin();
	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	if (strcmp(property, "app") != 0) {
		amf0_write_name(&c.body, "app");
		amf0_write_string(&c.body, "live");
	}
	amf0_write_name(&c.body, property);
	amf0_write_string_n(&c.body, value, len);
	amf0_write_object_end(&c.body);
	peer_send(&encoder, &c, 0);
}

/* F4: application, flashVer and the rest: too long is refused or cut, never written over. */
static void test_long_strings(void)
{
	static const char *const others[] = {"flashVer", "tcUrl", "swfUrl", "pageUrl", "x"};

	connect_long("app", RTMP_APP_MAX - 1);
	CU_ASSERT_FALSE(table_fails());
	connect_long("app", RTMP_APP_MAX);
	CU_ASSERT_TRUE(table_fails());
	connect_long("app", 4000);
	CU_ASSERT_TRUE(table_fails());
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		connect_long(others[i], 3900);
		table_expect(0, "connected=live ", NULL);
	}
}

static void publish_bytes(const char *name, uint32_t len)
{
	struct command c;

	table_connected();
	peer_command(&encoder, "createStream", 2, 0, NULL);
	command_begin(&c, "publish", 3);
	amf0_write_null(&c.body);
	amf0_write_string_n(&c.body, name, len);
	peer_send(&encoder, &c, 1);
}

/* F4: names one byte shorter than the limit, at it, and far beyond. */
static void test_long_names(void)
{
	static const uint32_t lengths[] = {RTMP_NAME_MAX - 1, RTMP_NAME_MAX, RTMP_NAME_MAX + 1,
					   3900};
	char name[RTMP_COMMAND_MAX];

	memset(name, 'n', sizeof(name));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		publish_bytes(name, lengths[i]);
		CU_ASSERT_EQUAL(table_fails(), lengths[i] >= RTMP_NAME_MAX);
	}
}

/* F14: a NUL would make two names one: "a\0b" is no name. */
static void test_nul_names(void)
{
	static const char *const names[] = {"a\0b", "\0ab", "ab\0"};
	struct command c;

	for (size_t i = 0; i < 3; i++) {
		publish_bytes(names[i], 3);
		table_expect(RTMP_ERR(NAME), NULL, NULL);
		table_begin();
		command_begin(&c, "connect", 1);
		amf0_write_object_begin(&c.body);
		amf0_write_name(&c.body, "app");
		amf0_write_string_n(&c.body, names[i], 3);
		amf0_write_object_end(&c.body);
		peer_send(&encoder, &c, 0);
		table_expect(RTMP_ERR(NAME), "", NULL);
	}
}

/* F14: FCUnpublish and closeStream end a publish once; a second one is another publish. */
static void test_ownership(void)
{
	table_live();
	peer_command(&encoder, "FCUnpublish", 0, 0, "key");
	peer_command(&encoder, "closeStream", 0, 1, NULL);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 10);
	peer_command(&encoder, "publish", 0, 1, "other");
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 10);
	table_expect(0, "unpublish=1 ignored=8 publish=live/other:1 media=8:10 ", NULL);
}

/* F15: each message type with bodies of all short lengths, in each state of a session. */
static void test_all_types(void)
{
	for (int state = 0; state < 3; state++) {
		for (uint32_t type = 0; type < 256; type++) {
			for (uint32_t len = 0; len < 12; len++) {
				if (state == 0) {
					table_begin();
				} else if (state == 1) {
					table_connected();
				} else {
					table_live();
				}
				peer_message(&encoder, (uint8_t)type, 3, 1, 0, 0, len);
				table_fails();
				CU_ASSERT_TRUE(state > 0 || !encoder.server.connected);
				CU_ASSERT_EQUAL(encoder.media_bytes != 0 && state < 2, 0);
			}
		}
	}
}

/* F16, ZLMediaKit #1839: windows of 0 and 1 byte: at most one acknowledgement for each span. */
static void test_tiny_windows(void)
{
	for (uint32_t window = 0; window <= 1; window++) {
		size_t before;

		table_live();
		peer_control(&encoder, RTMP_TYPE_WINDOW_ACK_SIZE, window);
		peer_run(&encoder, UINT32_MAX, 0);
		before = encoder.out.len;
		peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 1, 60000);
		peer_run(&encoder, 1000, 0);
		CU_ASSERT_EQUAL(encoder.error, 0);
		CU_ASSERT_TRUE(encoder.out.len - before <= (size_t)61 * 16 * window);
	}
}

/* F24: replies that nobody reads end in an error, pings are left out before that. */
static void test_unread_replies(void)
{
	table_begin();
	encoder.out.cap = 4000;
	peer_connect(&encoder);
	for (int i = 0; i < 100; i++) {
		peer_command(&encoder, "_checkbw", 1, 0, NULL);
	}
	table_expect(RTMP_ERR(OUTPUT), NULL, NULL);
	CU_ASSERT_TRUE(encoder.out.len <= 4000);
}

/* F24: pings are answered while there is room for more important replies, and then no more. */
static void test_ping_flood(void)
{
	static const uint8_t ping[6] = {0, RTMP_USER_PING_REQUEST, 0, 0, 0, 9};

	table_begin();
	encoder.out.cap = 8192;
	peer_connect(&encoder);
	for (int i = 0; i < 5000; i++) {
		table_send(RTMP_TYPE_USER_CONTROL, 2, 0, ping, sizeof(ping));
	}
	peer_command(&encoder, "createStream", 2, 0, NULL);
	peer_run(&encoder, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(encoder.error, 0);
	CU_ASSERT_FALSE(encoder.out.overflow);
	CU_ASSERT_EQUAL(encoder.server.streams[0].id, 1);
}

/* F25: what needs connect, before it; connect twice; publish without a message stream. */
static void test_order(void)
{
	static const char *const names[] = {"createStream",  "publish",   "play",
					    "releaseStream", "FCPublish", "anything"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		table_begin();
		peer_command(&encoder, names[i], 1, 1, "key");
		table_expect(RTMP_ERR(COMMAND_ORDER), "", "");
	}
	table_connected();
	peer_connect(&encoder);
	table_expect(RTMP_ERR(COMMAND_ORDER), "", "");
	table_connected();
	peer_command(&encoder, "publish", 1, 1, "key");
	CU_ASSERT_TRUE(table_fails() || encoder.server.streams[0].publish == RTMP_PUBLISH_NONE);
	table_begin();
	peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 1, 100);
	peer_message(&encoder, RTMP_TYPE_DATA_AMF0, 6, 0, 0, 1, 100);
	table_expect(0, "ignored=9 ignored=18 ", "");
}

/* F25: message streams are bounded, however many are asked for. */
static void test_stream_flood(void)
{
	table_connected();
	for (int i = 0; i < 200; i++) {
		peer_command(&encoder, "createStream", 2, 0, NULL);
		peer_run(&encoder, UINT32_MAX, 0);
	}
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		CU_ASSERT_TRUE(encoder.server.streams[i].id <= RTMP_SERVER_STREAMS);
	}
}

/* Commands that are taken until the session ends; a hundred thousand when it does not. */
static uint32_t count_commands(const char *name)
{
	uint32_t taken = 0;

	while (taken < 100000 && encoder.error == 0) {
		encoder.out.len = HANDSHAKE_REPLY_SIZE;
		peer_command(&encoder, name, 0, 0, NULL);
		peer_run(&encoder, UINT32_MAX, 0);
		encoder.log[0] = '\0';
		taken++;
	}
	return taken;
}

/* F25: commands without end, before a publish and, a second, behind one. */
static void test_command_flood(void)
{
	static struct rtmp_server_config config;

	config = peer_config;
	config.limits.early_commands = 300;
	config.limits.commands = 100;
	table_begin();
	encoder.server.config = &config;
	peer_connect(&encoder);
	CU_ASSERT_EQUAL(count_commands("onStatus"), 300);
	CU_ASSERT_EQUAL(encoder.error, RTMP_ERR(EARLY_COMMANDS));
	table_live();
	encoder.server.config = &config;
	rtmp_server_begin_second(&encoder.server);
	CU_ASSERT_EQUAL(count_commands("getStreamLength"), 101);
	CU_ASSERT_EQUAL(encoder.error, RTMP_ERR(COMMAND_RATE));
}

/* F25: a thousand publishes on one connection, one after the other, as fast as they come. */
static void test_publish_flood(void)
{
	static struct rtmp_server_config config;
	uint32_t publishes = 0;

	config = peer_config;
	config.limits.commands = 100;
	table_live();
	encoder.server.config = &config;
	rtmp_server_begin_second(&encoder.server);
	while (publishes < 1000 && encoder.error == 0) {
		encoder.out.len = HANDSHAKE_REPLY_SIZE;
		encoder.log[0] = '\0';
		peer_command(&encoder, "closeStream", 0, 1, NULL);
		peer_command(&encoder, "publish", 0, 1, "key");
		peer_run(&encoder, UINT32_MAX, 0);
		publishes++;
	}
	CU_ASSERT_TRUE(publishes >= 50 && publishes <= 52);
	CU_ASSERT_EQUAL(encoder.error, RTMP_ERR(COMMAND_RATE));
}

/* F27: nobody stands in front of us: a PROXY header is the beginning of another protocol. */
static void test_proxy_header(void)
{
	static const char text[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 1935\r\n";
	static const uint8_t binary[] = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};

	table_begin();
	tape_reset(&encoder.tape);
	tape_put(&encoder.tape, text, sizeof(text) - 1);
	table_expect(RTMP_ERR(VERSION), "", NULL);
	/* Its binary form looks like a handshake, which is then not where it should be. */
	table_begin();
	memmove(encoder.tape.bytes + 28, encoder.tape.bytes, encoder.tape.len);
	memcpy(encoder.tape.bytes, binary, sizeof(binary));
	encoder.tape.len += 28;
	peer_connect(&encoder);
	table_fails();
	CU_ASSERT_FALSE(encoder.server.connected);
}

static const struct test tests[] = {
	{"F1 nobody decides", test_nobody_decides},
	{"F4 long strings", test_long_strings},
	{"F4 long names", test_long_names},
	{"F14 NUL in names", test_nul_names},
	{"F14 who owns a publish", test_ownership},
	{"F15 all message types", test_all_types},
	{"F16 tiny windows", test_tiny_windows},
	{"F24 unread replies", test_unread_replies},
	{"F24 flood of pings", test_ping_flood},
	{"F25 order of commands", test_order},
	{"F25 flood of message streams", test_stream_flood},
	{"F25 flood of commands", test_command_flood},
	{"F25 flood of publishes", test_publish_flood},
	{"F27 PROXY headers", test_proxy_header},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_f_session", tests);
}
