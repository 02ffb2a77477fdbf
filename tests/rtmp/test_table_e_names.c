/*
 * What encoders do, lines E20 to E22 and E30 of CONFORMANCE.md: how the application and the stream
 * are named, and handshakes.
 */
#include "handshake.h"
#include "table.h"

#include <string.h>

/* connect with one text property. */
static void connect_by(const char *name, const char *value)
{
	struct command c;

	table_begin();
	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, name);
	amf0_write_string(&c.body, value);
	amf0_write_object_end(&c.body);
	peer_send(&encoder, &c, 0);
	peer_run(&encoder, UINT32_MAX, 0);
}

/* E20: where the application is found. NULL: nowhere, and the connection is refused. */
static void test_app(void)
{
	static const struct {
		const char *property;
		const char *value;
		const char *app;
	} rows[] = {
		{"app", "live", "live"},
		{"app", "live/", "live"},
		{"app", "live///", "live"},
		{"app", "a/b/c", "a/b/c"},
		{"app", "live?vhost=example.net", "live"},
		{"app", "live?a=1&b=x/y", "live"},
		{"APP", "live", "live"},
		{"tcUrl", "rtmp://host:1935/live", "live"},
		{"tcurl", "rtmp://host/live?x=/y", "live"},
		{"tcUrl", "'rtmp://host/live'", "live"},
		{"tcUrl", "rtmp://host/live/key", "live/key"},
		{"tcUrl", "rtmp://host/", NULL},
		{"tcUrl", "host/live", NULL},
		{"app", "", NULL},
		{"app", "/", NULL},
		{"app", "?key=1", NULL},
		{"swfUrl", "rtmp://host/live", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		connect_by(rows[i].property, rows[i].value);
		CU_ASSERT_EQUAL(encoder.error, rows[i].app != NULL ? 0 : RTMP_ERR(NAME));
		CU_ASSERT_STRING_EQUAL(encoder.server.app, rows[i].app != NULL ? rows[i].app : "");
	}
}

/* E20, E30: names come through as they are, query and all. */
static void test_names(void)
{
	static const char *const names[] = {
		"key?a=b",
		"?key=1",
		"a/b",
		"1234?s_bl=1&s_psm=1&s_sc=12&s_sw=0&s_vt=api-s&a=Abx-_9",
		"live_1_x?bandwidthtest=true",
		"key?clientConfigId=a-b&trackIds=0,1,2", /* OBS multitrack */
		"key?vhost=example.net",
		"key with blanks",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		static char events[PEER_LOG];

		table_connected();
		peer_command(&encoder, "createStream", 2, 0, NULL);
		peer_command(&encoder, "publish", 3, 1, names[i]);
		snprintf(events, sizeof(events), "publish=live/%s:1 ", names[i]);
		table_expect(0, events, NULL);
	}
}

/* E21: a plain C1 is echoed; a C1 that claims a digest and has none is answered as plain. */
static void test_s2(void)
{
	for (uint32_t version = 0; version <= 1; version++) {
		uint8_t c1[HANDSHAKE_SIZE];

		table_begin();
		encoder.tape.bytes[1 + 4] = (uint8_t)(version * 9);
		memcpy(c1, encoder.tape.bytes + 1, sizeof(c1));
		peer_connect(&encoder);
		table_expect(0, "connected=live ", TABLE_CONNECTED);
		CU_ASSERT_EQUAL(memcmp(encoder.replies + 1 + HANDSHAKE_SIZE, c1, sizeof(c1)), 0);
	}
}

/* E21: both layouts of the digest; S0, S1 and S2 go out together, C2 may come early and wrong. */
static void test_digests(void)
{
	for (int schema = SCHEMA_KEY_FIRST; schema <= SCHEMA_DIGEST_FIRST; schema++) {
		uint64_t random = 5;

		table_begin();
		handshake_make_digest(encoder.tape.bytes + 1, (enum handshake_schema)schema,
				      &random);
		encoder.tape.len = 1 + HANDSHAKE_SIZE;
		peer_run(&encoder, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(encoder.out.len, HANDSHAKE_REPLY_SIZE);
		CU_ASSERT_NOT_EQUAL(memcmp(encoder.replies + 1 + 4, "\0\0\0\0", 4), 0);
		tape_fill(&encoder.tape, 1, HANDSHAKE_SIZE);
		peer_connect(&encoder);
		table_expect(0, "connected=live ", TABLE_CONNECTED);
	}
}

/* E22: TLS on a port that speaks RTMP is told from its first byte. */
static void test_tls(void)
{
	table_begin();
	encoder.tape.bytes[0] = 22;
	encoder.tape.len = 1;
	peer_run(&encoder, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(encoder.error, RTMP_ERR(VERSION));
}

static const struct test tests[] = {
	{"E20 application", test_app},
	{"E20 names", test_names},
	{"E21 S2", test_s2},
	{"E21 digests", test_digests},
	{"E22 TLS on the wrong port", test_tls},
	{"E30 names of multitrack OBS", test_names},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_e_names", tests);
}
