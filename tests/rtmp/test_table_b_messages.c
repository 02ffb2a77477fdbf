/*
 * RTMP 1.0, lines B1 and B9 to B17 of CONFORMANCE.md: the handshake (section 5.2), protocol control
 * (5.4), aggregates and shared objects (7.1), commands (7.2).
 */
#include "handshake.h"
#include "rtmp/chunk_reader.h"
#include "table.h"

#include <string.h>

/* B1, section 5.2.2: 3; deprecated and reserved versions are answered with 3, others refused. */
static void test_versions(void)
{
	for (int version = 0; version < 256; version++) {
		/* RTMPE in its three forms, and the first byte of TLS. */
		bool refused = version >= 32 || version == 6 || version == 8 || version == 9 ||
			       version == 22;

		table_begin();
		encoder.tape.bytes[0] = (uint8_t)version;
		peer_run(&encoder, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(encoder.error, refused ? RTMP_ERR(VERSION) : 0);
		CU_ASSERT_EQUAL(encoder.out.len, refused ? 0 : HANDSHAKE_REPLY_SIZE);
		CU_ASSERT_TRUE(refused || encoder.replies[0] == 3);
	}
}

/* B1, section 5.2.1: S0, S1 and S2 come when C1 is whole, and S2 echoes it. */
static void test_reply(void)
{
	uint8_t c1[HANDSHAKE_SIZE];

	table_begin();
	memcpy(c1, encoder.tape.bytes + 1, sizeof(c1));
	encoder.tape.len = HANDSHAKE_SIZE;
	peer_run(&encoder, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(encoder.out.len, 0);
	tape_byte(&encoder.tape, c1[HANDSHAKE_SIZE - 1]);
	peer_run(&encoder, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(encoder.out.len, HANDSHAKE_REPLY_SIZE);
	CU_ASSERT_EQUAL(memcmp(encoder.replies + 1 + HANDSHAKE_SIZE, c1, HANDSHAKE_SIZE), 0);
	CU_ASSERT_FALSE(rtmp_server_shook_hands(&encoder.server));
}

/* B1: data before S2 was seen: clients pipeline all there is to say. */
static void test_early_data(void)
{
	table_begin();
	peer_publish(&encoder);
	peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 3, 500);
	table_expect(0, "connected=live publish=live/key:1 media=9:500 ", NULL);
	CU_ASSERT_EQUAL(encoder.media_bytes, 500);
}

/* B1: C2 is not judged. */
static void test_any_c2(void)
{
	table_begin();
	memset(encoder.tape.bytes + 1 + HANDSHAKE_SIZE, 0xee, HANDSHAKE_SIZE);
	peer_connect(&encoder);
	table_expect(0, "connected=live ", TABLE_CONNECTED);
}

/* B9, section 5.4.3: an acknowledgement is told to whom it concerns. */
static void test_acknowledgement(void)
{
	table_connected();
	peer_control(&encoder, RTMP_TYPE_ACK, 0xfffffff0u);
	peer_control(&encoder, RTMP_TYPE_ACK, 5);
	table_expect(0, "ack=4294967280 ack=5 ", "");
}

/* B9, sections 5.4.3, 5.4.4: after each window of bytes, and the count wraps. */
static void test_window(void)
{
	table_live();
	encoder.server.acked = encoder.server.received;
	peer_control(&encoder, RTMP_TYPE_WINDOW_ACK_SIZE, 10000);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 9000);
	table_expect(0, "media=8:9000 ", "");
	encoder.server.received += 0x100000000u - encoder.server.received % 0x100000000u;
	encoder.server.acked = encoder.server.received;
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 9872);
	table_expect(0, "media=8:9872 ", "");
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 120);
	table_expect(0, "media=8:120 ", NULL);
	CU_ASSERT_EQUAL(encoder.server.acked, encoder.server.received);
	CU_ASSERT_TRUE((uint32_t)encoder.server.acked < 11000);
}

/* B9: exactly a window is a window; one byte less is not. */
static void test_exact_window(void)
{
	for (uint32_t less = 0; less <= 1; less++) {
		table_live();
		peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 500);
		encoder.server.acked = encoder.server.received;
		encoder.server.peer_window = encoder.tape.len + less;
		peer_run(&encoder, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(encoder.server.acked == encoder.server.received, less == 0);
	}
}

/* B8, section 5.4.2: what is told of an abort, and that it is told once. */
static void test_abort_of_media(void)
{
	table_live();
	for (int i = 0; i < 2; i++) {
		tape_fmt0(&encoder.tape, 6, 0, 200, RTMP_TYPE_VIDEO, 1);
		tape_fill(&encoder.tape, 0, 128);
		peer_control(&encoder, RTMP_TYPE_ABORT, 6);
		table_expect(0, "media=9:200 abort=1 ", "");
		peer_control(&encoder, RTMP_TYPE_ABORT, 6);
		table_expect(0, "", "");
		/* Something else on that chunk stream is nobody's. */
		tape_fmt0(&encoder.tape, 6, 0, 200, RTMP_TYPE_SHARED_OBJECT_AMF0, 1);
		tape_fill(&encoder.tape, 0, 128);
		peer_control(&encoder, RTMP_TYPE_ABORT, 6);
		table_expect(0, "ignored=19 ", "");
	}
}

/* B10, section 5.4.5: all limit types are read; they do not change what we ask for. */
static void test_peer_bandwidth(void)
{
	tape_reset(&tape);
	for (uint8_t limit = 0; limit <= 3; limit++) {
		tape_fmt0(&tape, 2, 0, 5, RTMP_TYPE_SET_PEER_BANDWIDTH, 0);
		tape_be32(&tape, 0x1000u + limit);
		tape_byte(&tape, limit);
	}
	table_read();
	table_end(4, 0);
	for (uint32_t limit = 0; limit <= 3; limit++) {
		table_control(limit, RTMP_TYPE_SET_PEER_BANDWIDTH, 0x1000 + limit);
		CU_ASSERT_EQUAL(record.entries[limit].ctl.limit, limit);
	}
	table_connected();
	for (uint8_t limit = 0; limit <= 3; limit++) {
		uint8_t body[5] = {0, 0, 0x10, 0, limit};

		table_send(RTMP_TYPE_SET_PEER_BANDWIDTH, 2, 0, body, sizeof(body));
	}
	table_expect(0, "", "");
}

static void put_event(uint16_t event, uint32_t len)
{
	uint8_t body[10] = {(uint8_t)(event >> 8), (uint8_t)event, 0, 0, 0, 9};

	table_send(RTMP_TYPE_USER_CONTROL, 2, 0, body, len);
}

/* B11, section 7.1.7: PingRequest is answered with its own time; all others change nothing. */
static void test_user_control(void)
{
	table_connected();
	for (uint16_t event = 0; event < 70; event++) {
		put_event(event, event == RTMP_USER_SET_BUFFER_LENGTH ? 10 : 6);
	}
	put_event(31, 2);
	put_event(0xffff, 6);
	table_expect(0, "", ">4=7009 ");
	put_event(RTMP_USER_PING_RESPONSE, 6);
	table_expect(0, "", "");
}

/* B13: the commands of section 7.2 and those that encoders send beside them. */
static void test_commands(void)
{
	table_connected();
	peer_command(&encoder, "createStream", 2, 0, NULL);
	peer_command(&encoder, "releaseStream", 3, 0, "key");
	peer_command(&encoder, "FCPublish", 4, 0, "key");
	peer_command(&encoder, "_checkbw", 5, 0, NULL);
	peer_command(&encoder, "getStreamLength", 6, 0, "key");
	peer_command(&encoder, "call", 7, 0, NULL);
	table_expect(0, NULL,
		     ">number=1 >_result:2: >_result:3: >_result:4: >onFCPublish:4: >_result:5: "
		     ">number=0 >_result:6: >_result:7: ");
	peer_command(&encoder, "publish", 0, 1, "key");
	table_expect(0, "publish=live/key:1 ",
		     ">onFCPublish:0:NetStream.Publish.Start >4=1 "
		     ">onStatus:0:NetStream.Publish.Start ");
	peer_command(&encoder, "FCUnpublish", 8, 0, "key");
	peer_command(&encoder, "closeStream", 0, 1, NULL);
	peer_command_number(&encoder, "deleteStream", 0, 1);
	table_expect(0, "unpublish=1 ", NULL);
	CU_ASSERT_TRUE(table_said("onFCUnpublish"));
}

/* B13, section 7.2.2.6: live, record and append are all live here; the type may be missing. */
static void test_publish_types(void)
{
	static const char *const types[] = {"live", "record", "append", "nonsense", ""};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct command c;

		table_connected();
		peer_command(&encoder, "createStream", 2, 0, NULL);
		command_begin(&c, "publish", 3);
		amf0_write_null(&c.body);
		amf0_write_string(&c.body, "key");
		amf0_write_string(&c.body, types[i]);
		peer_send(&encoder, &c, 1);
		table_expect(0, "publish=live/key:1 ", NULL);
		CU_ASSERT_TRUE(table_said("NetStream.Publish.Start"));
	}
}

/* B13: data messages of encoders are handed on as they are. */
static void test_data_frames(void)
{
	static const char set[] = "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x05";
	static const char clear[] = "\x02\x00\x0f@clearDataFrame\x02\x00\x0aonMetaData";
	uint64_t hash;

	table_live();
	table_send(RTMP_TYPE_DATA_AMF0, 4, 1, set, sizeof(set) - 1);
	table_send(RTMP_TYPE_DATA_AMF0, 4, 1, clear, sizeof(clear) - 1);
	table_expect(0, "media=18:30 media=18:31 ", "");
	hash = hash_bytes(0, (const uint8_t *)set, sizeof(set) - 1);
	hash = hash_bytes(hash, (const uint8_t *)clear, sizeof(clear) - 1);
	CU_ASSERT_EQUAL(encoder.media_hash, hash);
}

/* B13: what players ask for while nobody plays is no error. */
static void test_player_commands(void)
{
	table_live();
	peer_command(&encoder, "pause", 0, 1, NULL);
	peer_command(&encoder, "seek", 0, 1, NULL);
	peer_command(&encoder, "receiveAudio", 0, 1, NULL);
	peer_command(&encoder, "receiveVideo", 0, 1, NULL);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 10);
	CU_ASSERT_FALSE(table_fails());
	CU_ASSERT_EQUAL(encoder.media_bytes, 10);
}

/* B14, section 7.1.3: shared objects are read and set aside, of any content. */
static void test_shared_objects(void)
{
	table_live();
	peer_message(&encoder, RTMP_TYPE_SHARED_OBJECT_AMF0, 3, 0, 0, 2, 300);
	peer_message(&encoder, RTMP_TYPE_SHARED_OBJECT_AMF3, 3, 0, 0, 2, 0);
	peer_message(&encoder, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 10);
	table_expect(0, "ignored=19 ignored=16 media=9:10 ", "");
}

/* B15: several message streams and publishes, at once and one after the other. */
static void test_several_publishes(void)
{
	table_connected();
	peer_command(&encoder, "createStream", 2, 0, NULL);
	peer_command(&encoder, "createStream", 3, 0, NULL);
	peer_command(&encoder, "publish", 4, 1, "one");
	peer_command(&encoder, "publish", 5, 2, "two");
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 3);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 5, 2, 0, 2, 4);
	peer_command(&encoder, "closeStream", 0, 1, NULL);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 5, 2, 0, 2, 5);
	peer_command(&encoder, "publish", 6, 1, "three");
	table_expect(0,
		     "publish=live/one:1 publish=live/two:2 media=8:3 media=8:4 unpublish=1 "
		     "media=8:5 publish=live/three:1 ",
		     NULL);
}

/* Two publishes, on message streams 1 and 2. */
static void two_publishes(void)
{
	table_connected();
	peer_command(&encoder, "createStream", 2, 0, NULL);
	peer_command(&encoder, "createStream", 3, 0, NULL);
	peer_command(&encoder, "publish", 4, 1, "one");
	peer_command(&encoder, "publish", 5, 2, "two");
	table_expect(0, "publish=live/one:1 publish=live/two:2 ", NULL);
}

/* B15: message stream 0 means the only publish; where there are two it means none. */
static void test_stream_0(void)
{
	table_live();
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 0, 0, 2, 3);
	table_expect(0, "media=8:3 ", "");
	two_publishes();
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 0, 0, 2, 3);
	peer_command(&encoder, "FCUnpublish", 0, 0, "one");
	table_expect(0, "ignored=8 ", NULL);
	peer_command(&encoder, "closeStream", 0, 1, NULL);
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 0, 0, 2, 3);
	table_expect(0, "unpublish=1 media=8:3 ", NULL);
}

/* B15: a publish that ends takes its message under way with it, and none of another. */
static void test_end_in_messages(void)
{
	two_publishes();
	for (uint8_t id = 1; id <= 2; id++) {
		tape_fmt0(&encoder.tape, (uint8_t)(8 + id), 0, 200, RTMP_TYPE_VIDEO, id);
		tape_fill(&encoder.tape, 0, 128);
	}
	peer_command(&encoder, "closeStream", 0, 1, NULL);
	table_expect(0, "media=9:200 media=9:200 unpublish=1 ", NULL);
	CU_ASSERT_EQUAL(encoder.media_bytes, 256);
	for (uint8_t id = 1; id <= 2; id++) {
		tape_fmt3(&encoder.tape, (uint8_t)(8 + id));
		tape_fill(&encoder.tape, 128, 72);
	}
	table_expect(0, "", "");
	CU_ASSERT_EQUAL(encoder.media_bytes, 256 + 72);
}

/* B15: a stream that was deleted makes room for another; ids are not used twice. */
static void test_deleted_streams(void)
{
	table_connected();
	for (uint32_t i = 0; i < 3 * RTMP_SERVER_STREAMS; i++) {
		char reply[64];

		peer_command(&encoder, "createStream", 2, 0, NULL);
		snprintf(reply, sizeof(reply), ">number=%u >_result:2: ", i + 1);
		table_expect(0, NULL, reply);
		peer_command_number(&encoder, "deleteStream", 0, i + 1);
		table_expect(0, NULL, "");
	}
}

/* B15: ids that no stream has: nothing ends. */
static void test_deleted_nothing(void)
{
	static const double ids[] = {0, 2, -1, 0.5, 4294967297.0, 1e300, -1e300};

	table_live();
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		peer_command_number(&encoder, "deleteStream", 0, ids[i]);
	}
	peer_message(&encoder, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 4);
	table_expect(0, "media=8:4 ", "");
}

/* B16: HTTP (RTMPT), TLS (RTMPS) and RTMPE are told from the first byte and refused. */
static void test_other_transports(void)
{
	static const uint8_t first[] = {'P', 'G', 0x16, 6, 8, 9};

	for (size_t i = 0; i < sizeof(first); i++) {
		table_begin();
		encoder.tape.bytes[0] = first[i];
		encoder.tape.len = 1;
		peer_run(&encoder, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(encoder.error, RTMP_ERR(VERSION));
		CU_ASSERT_EQUAL(encoder.out.len, 0);
	}
}

static const struct test tests[] = {
	{"B1 versions", test_versions},
	{"B1 reply", test_reply},
	{"B1 early data", test_early_data},
	{"B1 any C2", test_any_c2},
	{"B9 acknowledgement", test_acknowledgement},
	{"B9 window", test_window},
	{"B8 abort of media", test_abort_of_media},
	{"B9 exactly a window", test_exact_window},
	{"B10 peer bandwidth", test_peer_bandwidth},
	{"B11 user control", test_user_control},
	{"B13 commands", test_commands},
	{"B13 types of publish", test_publish_types},
	{"B13 data frames", test_data_frames},
	{"B13 commands of players", test_player_commands},
	{"B14 shared objects", test_shared_objects},
	{"B15 several publishes", test_several_publishes},
	{"B15 message stream 0", test_stream_0},
	{"B15 end in the middle of messages", test_end_in_messages},
	{"B15 deleted streams", test_deleted_streams},
	{"B15 deleted is what is not there", test_deleted_nothing},
	{"B16 other transports", test_other_transports},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_b_messages", tests);
}
