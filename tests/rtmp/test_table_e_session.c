/*
 * What encoders do, lines E11 to E19, E24 and E25 of CONFORMANCE.md: metadata, commands,
 * acknowledgements.
 */
#include "table.h"

#include <string.h>

/* E11: each sequence header is told as one, however often and whenever it comes. */
static void test_repeated_headers(void)
{
	static const uint8_t avc[] = {0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f};
	static const uint8_t aac[] = {0xaf, 0, 0x12, 0x10};
	static const uint8_t frame[] = {0x17, 1, 0, 0, 0, 9};

	table_live();
	for (int i = 0; i < 3; i++) {
		table_send(RTMP_TYPE_VIDEO, 6, 1, avc, sizeof(avc));
		table_send(RTMP_TYPE_AUDIO, 4, 1, aac, sizeof(aac));
		table_send(RTMP_TYPE_VIDEO, 6, 1, frame, sizeof(frame));
		table_expect(0, "media=9:9 media=8:4 media=9:6 ", "");
	}
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_VIDEO, avc, sizeof(avc)), RTMP_MEDIA_SEQUENCE_HEADER);
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_AUDIO, aac, sizeof(aac)), RTMP_MEDIA_SEQUENCE_HEADER);
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_VIDEO, frame, sizeof(frame)), RTMP_MEDIA_KEYFRAME);
}

#define SET "\x02\x00\x0d@setDataFrame"
#define ON  "\x02\x00\x0aonMetaData"
#define ONE "\x3f\xf0\x00\x00\x00\x00\x00\x00"
#define END "\x00\x00\x09"

#define D(bytes)                         \
	{                                \
		bytes, sizeof(bytes) - 1 \
	}

struct data {
	const char *bytes;
	uint32_t len;
};

/* E12, E13: what comes as metadata in the field. All of it is kept as metadata, byte by byte. */
static const struct data metadata[] = {
	D(SET ON "\x08\x00\x00\x00\x00" END),                     /* empty */
	D(SET ON "\x03" END),                                     /* empty Object */
	D(SET ON),                                                /* nothing */
	D(SET ON "\x03\x00\x05width\x00" ONE END),                /* width alone */
	D(SET ON "\x03\x00\x0cvideocodecid\x02\x00\x04hvc1" END), /* codec as text */
	D(SET ON "\x03\x00\x0c"
		 "audiocodecid\x00" ONE END),                      /* audio that never comes */
	D(ON "\x08\x00\x00\x00\x01\x00\x05width\x00" ONE END),     /* no @setDataFrame */
	D("\x00" ONE SET ON "\x03" END),                           /* a number before it */
	D(SET ON "\x08\xff\xff\xff\xff\x00\x05width\x00" ONE END), /* wrong count */
	D(SET ON "\x0a\x00\x00\x00\x02\x00" ONE "\x00" ONE),       /* strict array */
	D(SET ON "\x03\x00\x01"
		 "a\x06\x00\x01"
		 "b\x0d" END), /* undefined, unsupported */
	D(SET ON "\x03\x00\x01"
		 "d\x0b" ONE "\x00\x00" END),                   /* date */
	D(SET ON "\x03\x00\x01l\x0c\x00\x00\x00\x02xy" END),    /* long string */
	D(SET ON "\x03\x00\x01o\x03\x00\x01p\x03" END END END), /* nested */
	D(SET ON "\x03\x00\x08timecode\x02\x00\x0b"
		 "00:00:00:00" END),           /* FFmpeg */
	D(SET ON "\x03\x00\x05width\x00" ONE), /* not terminated */
};

static void test_metadata(void)
{
	for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
		const uint8_t *bytes = (const uint8_t *)metadata[i].bytes;

		table_live();
		table_send(RTMP_TYPE_DATA_AMF0, 4, 1, bytes, metadata[i].len);
		CU_ASSERT_FALSE(table_fails());
		CU_ASSERT_EQUAL(encoder.media_hash, hash_bytes(0, bytes, metadata[i].len));
		CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_DATA_AMF0, bytes, metadata[i].len),
				RTMP_MEDIA_METADATA);
	}
}

/* E12: nor is anything missing when none comes at all. */
static void test_no_metadata(void)
{
	static const uint8_t frame[] = {0x17, 1, 0, 0, 0, 9};

	table_live();
	table_send(RTMP_TYPE_VIDEO, 6, 1, frame, sizeof(frame));
	table_expect(0, "media=9:6 ", "");
}

/* connect with these bytes behind name and transaction id. */
static void connect_with(const char *bytes, uint32_t len)
{
	struct command c;

	table_begin();
	command_begin(&c, "connect", 1);
	rtmp_out_put(&c.body, bytes, len);
	peer_send(&encoder, &c, 0);
}

#define APP        \
	"\x00\x03" \
	"app\x02\x00\x04live"

/* E13, E14: the command object of connect, in whatever shape it comes. */
static void test_connect_shapes(void)
{
	static const struct data shapes[] = {
		D("\x03" APP END),
		D("\x08\x00\x00\x00\x07" APP END), /* an array, and its count is wrong */
		D("\x10\x00\x01T" APP END),        /* of a class */
		D("\x03" APP),                     /* not terminated: Envivio */
		D("\x03" APP "\x00\x00"),
		D("\x03\x00\x01"
		  "a\x06\x00\x01"
		  "b\x0d\x00\x01"
		  "c\x05" APP END),
		D("\x03\x00\x01"
		  "d\x0b" ONE "\x00\x00" APP END),
		D("\x03\x00\x01"
		  "e\x0a\x00\x00\x00\x01\x00" ONE APP END),
		D("\x03\x00\x01"
		  "f\x03\x00\x01g\x08\x00\x00\x00\x00" END END APP END),
		D("\x03\x00\x03"
		  "app\x0c\x00\x00\x00\x04live" END),
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		connect_with(shapes[i].bytes, shapes[i].len);
		table_expect(0, "connected=live ", TABLE_CONNECTED);
	}
}

/* E15: type 17 with a leading 0, and without. */
static void test_type_17(void)
{
	for (uint32_t skip = 0; skip <= 1; skip++) {
		static const char body[] =
			"\x00\x02\x00\x07"
			"connect\x00" ONE "\x03" APP
			"\x00\x0eobjectEncoding\x00\x40\x08\x00\x00\x00\x00\x00\x00" END;

		table_begin();
		table_send(RTMP_TYPE_COMMAND_AMF3, 3, 0, body + skip, sizeof(body) - 1 - skip);
		table_expect(0, "connected=live ", NULL);
		CU_ASSERT_TRUE(table_said("NetConnection.Connect.Success"));
		CU_ASSERT_TRUE(table_said("objectEncoding\x00\x40\x08\x00\x00\x00\x00\x00\x00"));
	}
}

/* E16: publish without a type, transaction ids that are 0, wrong or no number. */
static void test_transactions(void)
{
	static const double ids[] = {0, 1, 4, -1, 1e300};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		table_connected();
		peer_command(&encoder, "releaseStream", ids[i], 0, "key");
		peer_command(&encoder, "createStream", ids[i], 0, NULL);
		peer_command(&encoder, "publish", ids[i], 1, "key");
		table_expect(0, "publish=live/key:1 ", NULL);
		CU_ASSERT_TRUE(table_said("NetStream.Publish.Start"));
	}
}

/* E16: an answer to releaseStream is expected only where there is a transaction id. */
static void test_no_answer_to_0(void)
{
	table_connected();
	peer_command(&encoder, "releaseStream", 0, 0, "key");
	peer_command(&encoder, "_checkbw", 0, 0, NULL);
	table_expect(0, "", "");
	peer_command(&encoder, "releaseStream", 9, 0, "key");
	table_expect(0, "", ">_result:9: ");
}

/* E17: FCPublish before createStream or after publish; its answer has its transaction id. */
static void test_fc_publish(void)
{
	table_connected();
	peer_command(&encoder, "FCPublish", 7, 0, "key");
	table_expect(0, "", ">_result:7: >onFCPublish:7: ");
	peer_command(&encoder, "createStream", 8, 0, NULL);
	peer_command(&encoder, "publish", 9, 1, "key");
	table_expect(0, "publish=live/key:1 ", NULL);
	table_connected();
	peer_command(&encoder, "createStream", 8, 0, NULL);
	peer_command(&encoder, "publish", 9, 1, "key");
	peer_command(&encoder, "FCPublish", 10, 0, "key");
	table_expect(0, "publish=live/key:1 ", NULL);
	CU_ASSERT_TRUE(table_said("onFCPublish\x00\x40\x24")); /* 10 */
}

/* E18: every way to end a publish is one end, in any order and number. */
static void test_ends(void)
{
	static const char *const orders[] = {"FD", "D", "C", "F", "CFD", "FF", "DF", "DD"};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		table_live();
		for (const char *at = orders[i]; *at != '\0'; at++) {
			if (*at == 'F') {
				peer_command(&encoder, "FCUnpublish", 6, 0, "key");
			} else if (*at == 'D') {
				peer_command_number(&encoder, "deleteStream", 0, 1);
			} else {
				peer_command(&encoder, "closeStream", 0, 1, NULL);
			}
		}
		table_expect(0, "unpublish=1 ", NULL);
	}
}

/* E19: media before the decision reaches who keeps it, and Start is not said before. */
static void test_early_media(void)
{
	static const uint8_t header[] = {0x17, 0, 0, 0, 0, 1};

	table_begin();
	encoder.accepts = false;
	peer_publish(&encoder);
	table_send(RTMP_TYPE_VIDEO, 6, 1, header, sizeof(header));
	table_expect(0, "connected=live publish=live/key:1 media=9:6 ", NULL);
	CU_ASSERT_FALSE(table_said("NetStream.Publish.Start"));
	CU_ASSERT_EQUAL(rtmp_server_accept(&encoder.server, 1, &encoder.out), 0);
	CU_ASSERT_TRUE(table_said("NetStream.Publish.Start"));
}

/* E24: who does not ask for acknowledgements gets them for the bandwidth that we set. */
static void test_unasked_acks(void)
{
	uint64_t before;

	table_live();
	before = encoder.server.acked;
	for (int i = 0; i < 40; i++) {
		peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 1, 65000);
		table_expect(0, "media=9:65000 ", NULL);
	}
	CU_ASSERT_TRUE(encoder.server.acked - before >= 2500000);
}

/* E24: behind 4 GiB the count goes on modulo 2^32. */
static void test_four_gib(void)
{
	table_live();
	encoder.server.received = 0x1fffffff0u;
	encoder.server.acked = encoder.server.received - 2500000;
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 88);
	table_expect(0, "media=8:88 ", ">3=84 ");
	CU_ASSERT_EQUAL(encoder.server.acked, 0x200000054u);
}

/* E24: a window of one byte is one acknowledgement a span, of none none. */
static void test_tiny_window(void)
{
	table_live();
	peer_control(&encoder, RTMP_TYPE_WINDOW_ACK_SIZE, 0);
	table_expect(0, "", "");
	peer_control(&encoder, RTMP_TYPE_WINDOW_ACK_SIZE, 1);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 5000);
	table_expect(0, "media=8:5000 ", NULL);
	CU_ASSERT_EQUAL(encoder.server.acked, encoder.server.received);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 50);
	table_expect(0, "media=8:50 ", NULL);
}

/* E25: events of Flash Media Server, messages of type 0 and of types nobody knows, commands. */
static void test_unknown(void)
{
	static const uint8_t types[] = {0, 7, 10, 11, 12, 13, 14, 21, 23, 255};

	table_live();
	for (uint8_t event = 31; event <= 32; event++) {
		uint8_t body[6] = {0, event, 0, 0, 0, 1};

		table_send(RTMP_TYPE_USER_CONTROL, 2, 0, body, sizeof(body));
	}
	table_expect(0, "", "");
	for (size_t i = 0; i < sizeof(types); i++) {
		char events[32];

		peer_message(&encoder, types[i], 5, 1, 0, 1, i % 2 != 0 ? 300 : 1);
		snprintf(events, sizeof(events), "ignored=%u ", types[i]);
		table_expect(0, events, "");
	}
	peer_command(&encoder, "onPlayCtrl", 0, 1, NULL);
	table_expect(0, NULL, "");
	peer_command(&encoder, "setPeerInfo", 11, 0, NULL);
	table_expect(0, NULL, ">_result:11: ");
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 1, 50);
	table_expect(0, "media=8:50 ", "");
}

static const struct test tests[] = {
	{"E11 repeated sequence headers", test_repeated_headers},
	{"E12 no metadata", test_no_metadata},
	{"E12 shapes of metadata", test_metadata},
	{"E13 shapes of metadata", test_metadata},
	{"E13 shapes of connect", test_connect_shapes},
	{"E14 objects without an end", test_connect_shapes},
	{"E15 type 17", test_type_17},
	{"E16 transaction ids", test_transactions},
	{"E16 no answer to transaction 0", test_no_answer_to_0},
	{"E17 FCPublish", test_fc_publish},
	{"E18 ends", test_ends},
	{"E19 early media", test_early_media},
	{"E24 unasked acknowledgements", test_unasked_acks},
	{"E24 four GiB", test_four_gib},
	{"E24 tiny window", test_tiny_window},
	{"E25 unknown", test_unknown},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_e_session", tests);
}
