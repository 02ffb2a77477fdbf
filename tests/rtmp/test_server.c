/*
 * Server side: the dialogues of real encoders, their quirks, and those of attackers.
 */
#include "handshake.h"
#include "peer.h"
#include "rtmp/heap_buffers.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;

/* Runs what is on the tape in one span and compares events and replies. */
static void expect(int error, const char *log)
{
	peer_run(&peer, UINT32_MAX, 0);
	peer_read_replies(&peer);
	if (peer.error != error || strcmp(peer.log, log) != 0) {
		printf("\n    error %d (%s)\n    got  %s\n    want %s\n", peer.error,
		       rtmp_error_sentence(peer.error), peer.log, log);
	}
	CU_ASSERT_EQUAL(peer.error, error);
	CU_ASSERT_STRING_EQUAL(peer.log, log);
}

#define CONNECT_REPLY ">5=2500000 >6=2500000 >1=4096 >_result:1:NetConnection.Connect.Success "
#define CREATE_REPLY  ">_result:2: >_result:3: >onFCPublish:3: >number=1 >_result:4: "
#define START_REPLY \
	">onFCPublish:0:NetStream.Publish.Start >4=1 >onStatus:0:NetStream.Publish.Start "

/* OBS, ffmpeg, rtmpsink: from connect to the end. */
static void test_publish(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	peer_message(&peer, RTMP_TYPE_DATA_AMF0, 4, 1, 0, 1, 300);
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 1000);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 20, 3, 0);
	peer_command(&peer, "FCUnpublish", 6, 0, "key");
	peer_command_number(&peer, "deleteStream", 7, 1);
	expect(0, "connected=live publish=live/key:1 media=18:300 media=9:1000 media=8:0 "
		  "unpublish=1 " CONNECT_REPLY CREATE_REPLY START_REPLY
		  ">onFCUnpublish:0:NetStream.Unpublish.Success >_result:6: "
		  ">onStatus:0:NetStream.Unpublish.Success ");
	CU_ASSERT_EQUAL(peer.media_bytes, 1300);
}

/* The same dialogue, cut at every byte and in small steps, gives the same events and replies. */
static void build_dialogue(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 300);
	peer_control(&peer, RTMP_TYPE_SET_CHUNK_SIZE, 77);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0x01020304, 3, 200);
	peer_control(&peer, RTMP_TYPE_ACK, 9);
	peer_command(&peer, "_checkbw", 8, 0, NULL);
	peer_command_number(&peer, "deleteStream", 7, 1);
}

static void test_every_cut(void)
{
	static char log[PEER_LOG];
	uint64_t hash;
	uint32_t len;

	build_dialogue();
	len = peer.tape.len;
	peer_run(&peer, UINT32_MAX, 0);
	peer_read_replies(&peer);
	CU_ASSERT_EQUAL(peer.error, 0);
	memcpy(log, peer.log, sizeof(log));
	hash = peer.media_hash;
	for (uint32_t cut = 1; cut < len; cut++) {
		build_dialogue();
		peer_run(&peer, UINT32_MAX, cut);
		peer_read_replies(&peer);
		CU_ASSERT_TRUE(strcmp(peer.log, log) == 0 && peer.media_hash == hash);
	}
	for (uint32_t step = 1; step < 9; step++) {
		build_dialogue();
		peer_run(&peer, step, 0);
		peer_read_replies(&peer);
		CU_ASSERT_TRUE(strcmp(peer.log, log) == 0 && peer.media_hash == hash);
	}
}

static void test_every_truncation(void)
{
	uint32_t len;

	build_dialogue();
	len = peer.tape.len;
	for (uint32_t end = 0; end < len; end += end < 3000 ? 101 : 1) {
		build_dialogue();
		peer.tape.len = end;
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(peer.error, 0);
	}
}

/* SRS #4037: never Publish.Start before the decision; media that comes early is handed on. */
static void test_pending(void)
{
	peer_init(&peer);
	peer.accepts = false;
	peer_publish(&peer);
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 10);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_PTR_NULL(memmem(peer.replies, peer.out.len, "Publish.Start", 13));
	CU_ASSERT_EQUAL(peer.media_bytes, 10);
	CU_ASSERT_EQUAL(rtmp_server_accept(&peer.server, 2, &peer.out), RTMP_ERR(COMMAND_ORDER));
	CU_ASSERT_EQUAL(rtmp_server_accept(&peer.server, 1, &peer.out), 0);
	CU_ASSERT_EQUAL(rtmp_server_accept(&peer.server, 1, &peer.out), RTMP_ERR(COMMAND_ORDER));
	expect(0, "connected=live publish=live/key:1 media=9:10 " CONNECT_REPLY CREATE_REPLY
			  START_REPLY);
}

static void test_reject(void)
{
	peer_init(&peer);
	peer.accepts = false;
	peer_publish(&peer);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(rtmp_server_reject(&peer.server, 1, RTMP_REJECT_AUTH, &peer.out), 0);
	CU_ASSERT_EQUAL(rtmp_server_reject(&peer.server, 1, RTMP_REJECT_AUTH, &peer.out),
			RTMP_ERR(COMMAND_ORDER));
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 10);
	expect(0, "connected=live publish=live/key:1 ignored=9 " CONNECT_REPLY CREATE_REPLY
		  ">onStatus:0:NetStream.Publish.Denied ");
	for (int why = 0; why < RTMP_REJECT_COUNT; why++) {
		CU_ASSERT_TRUE(strlen(rtmp_reject_code((enum rtmp_reject)why)) > 0);
		CU_ASSERT_TRUE(strlen(rtmp_reject_text((enum rtmp_reject)why)) > 0);
	}
}

/* Media without a publish, with one on another stream, and with the stream id lost. */
static void test_media_routing(void)
{
	peer_init(&peer);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 200);
	peer_publish(&peer);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 9, 0, 2, 200);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 0, 0, 2, 200);
	peer_message(&peer, 0, 5, 1, 0, 2, 1);
	peer_message(&peer, RTMP_TYPE_SHARED_OBJECT_AMF0, 5, 1, 0, 2, 200);
	peer_message(&peer, RTMP_TYPE_DATA_AMF3, 5, 1, 0, 2, 20);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_STRING_EQUAL(peer.log,
			       "ignored=8 connected=live publish=live/key:1 ignored=8 media=8:200 "
			       "ignored=0 ignored=19 media=15:20 ");
}

/* A message belongs to the publish that was there when it began. */
static void test_media_across_unpublish(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	tape_fmt0(&peer.tape, 6, 0, 200, RTMP_TYPE_VIDEO, 1);
	tape_fill(&peer.tape, 0, 128);
	peer_command(&peer, "FCUnpublish", 0, 0, "key");
	peer_command(&peer, "publish", 0, 1, "again");
	tape_fmt3(&peer.tape, 6);
	tape_fill(&peer.tape, 128, 72);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_STRING_EQUAL(peer.log,
			       "connected=live publish=live/key:1 media=9:200 unpublish=1 "
			       "publish=live/again:1 ");
	CU_ASSERT_EQUAL(peer.media_bytes, 128);
}

static void test_abort(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	tape_fmt0(&peer.tape, 6, 0, 200, RTMP_TYPE_VIDEO, 1);
	tape_fill(&peer.tape, 0, 128);
	peer_control(&peer, RTMP_TYPE_ABORT, 6);
	tape_fmt0(&peer.tape, 7, 0, 200, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_fill(&peer.tape, 0, 128);
	peer_control(&peer, RTMP_TYPE_ABORT, 7);
	peer_command(&peer, "getStreamLength", 9, 0, "key");
	/* What was media on this slot is complete: aborting something else there is no event. */
	peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 10);
	tape_fmt0(&peer.tape, 6, 0, 200, RTMP_TYPE_SHARED_OBJECT_AMF0, 0);
	tape_fill(&peer.tape, 0, 128);
	peer_control(&peer, RTMP_TYPE_ABORT, 6);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_STRING_EQUAL(peer.log,
			       "connected=live publish=live/key:1 media=9:200 abort=1 media=9:10 "
			       "ignored=19 ");
}

/* Quirks 16, 17: no type, transaction ids 0, FCPublish after publish, commands nobody knows. */
static void test_odd_order(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	peer_command(&peer, "createStream", 0, 0, NULL);
	peer_command(&peer, "publish", 0, 1, "key?a=b");
	peer_command(&peer, "FCPublish", 8, 0, "key");
	peer_command(&peer, "releaseStream", 0, 0, "key");
	peer_command(&peer, "onPlayCtrl", 0, 0, NULL);
	peer_command(&peer, "setPeerInfo", 9, 0, NULL);
	peer_command(&peer, "_result", 9, 0, NULL);
	expect(0, "connected=live publish=live/key?a=b:1 ignored=20 ignored=20 "
		  "ignored=20 " CONNECT_REPLY
		  ">number=1 >_result:0: >4=1 >onStatus:0:NetStream.Publish.Start >_result:8: "
		  ">onFCPublish:8: >_result:9: ");
}

/* Quirk 18: every way to end; the event comes once. */
static void test_ends(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	peer_command(&peer, "closeStream", 0, 1, NULL);
	peer_command(&peer, "FCUnpublish", 0, 0, "key");
	peer_command_number(&peer, "deleteStream", 0, 1);
	peer_command_number(&peer, "deleteStream", 0, 1);
	peer_command_number(&peer, "deleteStream", 0, 1e300);
	peer_command_number(&peer, "deleteStream", 0, -1);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_STRING_EQUAL(peer.log, "connected=live publish=live/key:1 unpublish=1 ");
	CU_ASSERT_EQUAL(peer.error, 0);
}

/* Several streams on one connection, more than one publish on one stream after another. */
static void test_several_streams(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		peer_command(&peer, "createStream", 2, 0, NULL);
	}
	peer_command(&peer, "publish", 3, 1, "one");
	peer_command(&peer, "publish", 4, 3, "three");
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 3, 0, 2, 3);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 0, 0, 2, 4); /* whose? nobody's */
	peer_command_number(&peer, "deleteStream", 0, 1);
	peer_command(&peer, "createStream", 5, 0, NULL);
	peer_command(&peer, "publish", 6, 5, "five");
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_STRING_EQUAL(peer.log,
			       "connected=live publish=live/one:1 publish=live/three:3 media=8:3 "
			       "ignored=8 unpublish=1 publish=live/five:5 ");
	CU_ASSERT_EQUAL(peer.error, 0);
	/* One too many is refused; the others go on. */
	peer.log[0] = '\0';
	peer.out.len = HANDSHAKE_REPLY_SIZE;
	peer_command(&peer, "createStream", 7, 0, NULL);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 3, 0, 2, 3);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_STRING_EQUAL(peer.log, "media=8:3 ");
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_STREAM_REFUSED], 1);
	CU_ASSERT_PTR_NOT_NULL(memmem(peer.replies, peer.out.len, "NetConnection.Call.Failed", 25));
}

/* What is set aside is counted, each kind by its name. */
static void test_notes(void)
{
	static const uint8_t event[6] = {0, 31, 0, 0, 0, 9};

	peer_init(&peer);
	peer_connect(&peer);
	tape_fmt0(&peer.tape, 2, 0, 6, RTMP_TYPE_USER_CONTROL, 0);
	tape_put(&peer.tape, event, sizeof(event));
	tape_fmt0(&peer.tape, 2, 0, 5, RTMP_TYPE_SET_PEER_BANDWIDTH, 0);
	tape_put(&peer.tape, event, 5);
	peer_control(&peer, RTMP_TYPE_ABORT, 9);
	peer_message(&peer, 0, 5, 1, 0, 2, 1);
	peer_message(&peer, RTMP_TYPE_SHARED_OBJECT_AMF0, 5, 1, 0, 2, 200);
	peer_message(&peer, RTMP_TYPE_SHARED_OBJECT_AMF3, 5, 1, 0, 2, 200);
	peer_message(&peer, RTMP_TYPE_AUDIO, 5, 1, 0, 2, 200);
	peer_command(&peer, "xyz", 5, 0, NULL);
	for (uint32_t csid = 4; csid < 10; csid++) {
		for (uint32_t i = 0; i < 9; i++) {
			tape_fmt0(&peer.tape, (uint8_t)(csid + 6 * i), 0, 0, RTMP_TYPE_AUDIO, 1);
		}
	}
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_USER_CONTROL], 1);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_PEER_BANDWIDTH], 1);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_ABORT], 1);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_UNKNOWN_TYPE], 1);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_SHARED_OBJECT], 2);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_UNOWNED_MEDIA], 55);
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_UNKNOWN_COMMAND], 1);
	/* csids 2, 3 and 4 to 57 want a slot, and 5 wants its own again. */
	CU_ASSERT_TRUE(peer_notes[RTMP_NOTE_STREAM_FORGOTTEN] >= 56 - RTMP_CHUNK_STREAMS);
}

/* Commands out of order end the connection. */
static void test_order(void)
{
	static const char *const names[] = {"publish",   "createStream", "releaseStream",
					    "FCPublish", "play",         "xyz"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		peer_init(&peer);
		peer_command(&peer, names[i], 1, 1, "key");
		expect(RTMP_ERR(COMMAND_ORDER), "");
	}
	peer_init(&peer);
	peer_connect(&peer);
	peer_connect(&peer);
	expect(RTMP_ERR(COMMAND_ORDER), "connected=live " CONNECT_REPLY);
	peer_init(&peer);
	peer_connect(&peer);
	peer_command(&peer, "publish", 1, 1, "key");
	expect(RTMP_ERR(COMMAND_ORDER), "connected=live " CONNECT_REPLY);
}

/* A stream that publishes already: the second publish is refused, the first one goes on. */
static void test_publish_twice(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	peer_command(&peer, "publish", 1, 1, "other");
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 2, 3);
	expect(0,
	       "connected=live publish=live/key:1 media=8:3 " CONNECT_REPLY CREATE_REPLY START_REPLY
	       ">onStatus:0:NetStream.Publish.BadName ");
	CU_ASSERT_EQUAL(peer_notes[RTMP_NOTE_PUBLISH_REFUSED], 1);
}

static void put_connect(const char *name, const char *value, size_t len)
{
	struct command c;

	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "capabilities");
	amf0_write_null(&c.body);
	amf0_write_name(&c.body, name);
	amf0_write_string_n(&c.body, value, len);
	amf0_write_object_end(&c.body);
	peer_init(&peer);
	peer_send(&peer, &c, 0);
	peer_run(&peer, UINT32_MAX, 0);
}

/* Quirk 20: where the application name hides. */
static void test_app(void)
{
	static const struct {
		const char *property;
		const char *value;
		const char *app; /* NULL: refused */
	} cases[] = {
		{"app", "live", "live"},
		{"app", "live?token=1", "live"},
		{"app", "live/", "live"},
		{"app", "a/b/c", "a/b/c"},
		{"App", "live", "live"},
		{"tcUrl", "rtmp://host:1935/live", "live"},
		{"tcurl", "rtmp://host/live?x=/y", "live"},
		{"tcUrl", "'rtmp://host/live'", "live"},
		{"tcUrl", "rtmp://host", NULL},
		{"tcUrl", "live", NULL},
		{"app", "", NULL},
		{"app", "?a", NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_connect(cases[i].property, cases[i].value, strlen(cases[i].value));
		CU_ASSERT_EQUAL(peer.error, cases[i].app != NULL ? 0 : RTMP_ERR(NAME));
		CU_ASSERT_STRING_EQUAL(peer.server.app, cases[i].app != NULL ? cases[i].app : "");
	}
	put_connect("app", "a\0b", 3);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(NAME));
}

static void test_long_names(void)
{
	char text[RTMP_NAME_MAX + 1];

	memset(text, 'x', sizeof(text));
	put_connect("app", text, RTMP_APP_MAX - 1);
	CU_ASSERT_EQUAL(peer.error, 0);
	put_connect("app", text, RTMP_APP_MAX);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(NAME));
	for (size_t len = RTMP_NAME_MAX - 1; len <= RTMP_NAME_MAX; len++) {
		text[RTMP_NAME_MAX - 1] = 'x';
		text[len] = '\0';
		peer_init(&peer);
		peer_connect(&peer);
		peer_command(&peer, "createStream", 2, 0, NULL);
		peer_command(&peer, "publish", 3, 1, text);
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(peer.error, len < RTMP_NAME_MAX ? 0 : RTMP_ERR(NAME));
	}
	peer_read_replies(&peer);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, ">onStatus:0:NetStream.Publish.BadName"));
}

/* Publish with a name that is none: NUL inside, empty, not a string, missing. */
static void test_bad_names(void)
{
	for (int i = 0; i < 4; i++) {
		struct command c;

		peer_init(&peer);
		peer_connect(&peer);
		peer_command(&peer, "createStream", 2, 0, NULL);
		command_begin(&c, "publish", 3);
		amf0_write_null(&c.body);
		if (i == 0) {
			amf0_write_string_n(&c.body, "a\0b", 3);
		} else if (i == 1) {
			amf0_write_string(&c.body, "");
		} else if (i == 2) {
			amf0_write_boolean(&c.body, false);
		}
		peer_send(&peer, &c, 1);
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(peer.error, i == 3 ? RTMP_ERR(AMF) : RTMP_ERR(NAME));
	}
}

/* Quirk 15: type 17 with a leading 0; objectEncoding 3 is answered with 3. */
static void test_amf3_command(void)
{
	struct command c;
	struct rtmp_message msg = {.csid = 3, .type = RTMP_TYPE_COMMAND_AMF3};
	struct rtmp_out out;
	uint8_t payload[1024] = {0};

	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "objectEncoding");
	amf0_write_number(&c.body, 3);
	amf0_write_object_end(&c.body);
	memcpy(payload + 1, c.body.data, c.body.len);
	msg.length = (uint32_t)c.body.len + 1;
	peer_init(&peer);
	out = (struct rtmp_out){peer.tape.bytes, peer.tape.len, TAPE_MAX, false};
	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&peer.writer, &msg, payload, &out));
	peer.tape.len = (uint32_t)out.len;
	expect(0, "connected=live " CONNECT_REPLY);
	CU_ASSERT_TRUE(peer.server.amf3);
}

/* Whether the replies hold this name with this number as its value. */
static bool replied_number(const char *name, double value)
{
	uint8_t bytes[64];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};

	amf0_write_name(&out, name);
	amf0_write_number(&out, value);
	return memmem(peer.replies, peer.out.len, bytes, out.len) != NULL;
}

static bool replied_text(const char *text)
{
	return memmem(peer.replies, peer.out.len, text, strlen(text)) != NULL;
}

static void send_amf3(uint32_t stream_id, const char *bytes, uint32_t len)
{
	struct rtmp_message msg = {
		.csid = 3, .type = RTMP_TYPE_COMMAND_AMF3, .stream_id = stream_id, .length = len};
	struct rtmp_out out = {peer.tape.bytes, peer.tape.len, TAPE_MAX, false};

	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&peer.writer, &msg, bytes, &out));
	peer.tape.len = (uint32_t)out.len;
}

#define AMF3_OBJECT_BEGIN          "\x11\x0a\x0b\x01"
#define SEND_AMF3(stream_id, text) send_amf3(stream_id, text, sizeof(text) - 1)

/* A client that speaks AMF3 wherever it may: the same dialogue, and it is answered in kind. */
static void test_amf3_dialogue(void)
{
	peer_init(&peer);
	SEND_AMF3(0, "\x00\x02\x00\x07"
		     "connect"
		     "\x00\x3f\xf0\x00\x00\x00\x00\x00\x00" AMF3_OBJECT_BEGIN "\x07"
		     "app"
		     "\x06\x09"
		     "live"
		     "\x1d"
		     "objectEncoding"
		     "\x04\x03"
		     "\x25"
		     "videoFourCcInfoMap"
		     "\x0a\x01\x09"
		     "hvc1"
		     "\x04\x04\x01"
		     "\x15"
		     "fourCcList"
		     "\x09\x03\x01\x06\x09"
		     "av01"
		     "\x01");
	SEND_AMF3(0, "\x00\x11\x06\x19"
		     "createStream"
		     "\x11\x04\x02\x11\x01");
	SEND_AMF3(0, "\x00\x02\x00\x09"
		     "FCPublish"
		     "\x11\x04\x03\x11\x01\x11\x06\x07"
		     "key");
	SEND_AMF3(1, "\x00\x11\x06\x0f"
		     "publish"
		     "\x11\x04\x00\x05\x11\x06\x07"
		     "key"
		     "\x11\x06\x09"
		     "live");
	expect(0, "connected=live publish=live/key:1 " CONNECT_REPLY
		  ">number=1 >_result:2: >_result:3: >onFCPublish:3: " START_REPLY);
	CU_ASSERT_TRUE(peer.server.amf3);
	CU_ASSERT_TRUE(replied_number("hvc1", 4));
	CU_ASSERT_TRUE(replied_text("av01"));
	CU_ASSERT_EQUAL(peer_reply_type, RTMP_TYPE_COMMAND_AMF3);
	/* Its next command is of the other kind: so are the answers from there on. */
	peer_command(&peer, "_checkbw", 8, 0, NULL);
	peer_run(&peer, UINT32_MAX, 0);
	peer_read_replies(&peer);
	CU_ASSERT_EQUAL(peer_reply_type, RTMP_TYPE_COMMAND_AMF0);
}

/* Every beginning of a command in AMF3 is an error and nothing worse. */
static void test_amf3_truncated(void)
{
	static const char connect[] = "\x00\x02\x00\x07"
				      "connect"
				      "\x11\x04\x01" AMF3_OBJECT_BEGIN "\x07"
				      "app"
				      "\x06\x09"
				      "live"
				      "\x01";

	for (uint32_t len = 0; len < sizeof(connect); len++) {
		peer_init(&peer);
		send_amf3(0, connect, len);
		peer_run(&peer, UINT32_MAX, 0);
		/* An object that ends with the message is complete. */
		CU_ASSERT_EQUAL(peer.error == 0, len >= sizeof(connect) - 2);
	}
}

/* Enhanced RTMP: answered to who offered it, and only then. */
static void test_enhanced(void)
{
	struct command c;

	put_connect("app", "live", 4);
	CU_ASSERT_PTR_NULL(memmem(peer.replies, peer.out.len, "FourCc", 6));
	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "fourCcList");
	amf0_write_strict_array(&c.body, 2);
	amf0_write_string(&c.body, "av01");
	amf0_write_string(&c.body, "hvc1");
	amf0_write_name(&c.body, "capsEx");
	amf0_write_number(&c.body, 15);
	amf0_write_object_end(&c.body);
	peer_init(&peer);
	peer_send(&peer, &c, 0);
	expect(0, "connected=live " CONNECT_REPLY);
	CU_ASSERT_PTR_NOT_NULL(memmem(peer.replies, peer.out.len, "fourCcList", 10));
	CU_ASSERT_PTR_NOT_NULL(memmem(peer.replies, peer.out.len, "videoFourCcInfoMap", 18));
	CU_ASSERT_PTR_NOT_NULL(memmem(peer.replies, peer.out.len, "audioFourCcInfoMap", 18));
	CU_ASSERT_EQUAL(peer.server.caps_ex, 15);
	CU_ASSERT_TRUE(peer.server.enhanced);
}

static void write_map(struct command *c, const char *name, const char *const *codes, bool ecma)
{
	amf0_write_name(&c->body, name);
	if (ecma) {
		rtmp_out_put(&c->body, "\x08\x00\x00\x00\x07", 5);
	} else {
		amf0_write_object_begin(&c->body);
	}
	for (; *codes != NULL; codes++) {
		amf0_write_name(&c->body, *codes);
		amf0_write_number(&c->body, 3);
	}
	amf0_write_object_end(&c->body);
}

/* Enhanced RTMP v2: what is asked for by name is answered by name, and all of it is forwarded. */
static void test_info_maps(void)
{
	static const char *const video[] = {"hvc1", "av01", "toolong", NULL};
	static const char *const audio[] = {"*", NULL};

	for (int ecma = 0; ecma < 2; ecma++) {
		struct command c;

		command_begin(&c, "connect", 1);
		amf0_write_object_begin(&c.body);
		amf0_write_name(&c.body, "app");
		amf0_write_string(&c.body, "live");
		amf0_write_name(&c.body, "flashVer");
		amf0_write_string(&c.body, "Enc\x1b[2J/1.0");
		amf0_write_name(&c.body, "videoFunction");
		amf0_write_number(&c.body, 0x0f);
		write_map(&c, "videoFourCcInfoMap", video, ecma);
		write_map(&c, "audioFourCcInfoMap", audio, ecma);
		amf0_write_name(&c.body, "capsEx");
		amf0_write_number(&c.body, 7);
		amf0_write_object_end(&c.body);
		peer_init(&peer);
		peer_send(&peer, &c, 0);
		expect(0, "connected=live " CONNECT_REPLY);
		CU_ASSERT_TRUE(replied_number("hvc1", 4));
		CU_ASSERT_TRUE(replied_number("av01", 4));
		CU_ASSERT_TRUE(replied_number("*", 4));
		CU_ASSERT_FALSE(replied_text("toolong"));
		CU_ASSERT_FALSE(replied_text("fourCcList"));
		CU_ASSERT_TRUE(replied_number("capsEx", 15));
		CU_ASSERT_TRUE(replied_number("videoFunction", 14));
		CU_ASSERT_EQUAL(peer.server.caps_ex, 7);
		CU_ASSERT_EQUAL(peer.server.video_function, 15);
		CU_ASSERT_STRING_EQUAL(peer.server.encoder, "Enc?[2J/1.0");
	}
}

/* More FourCCs than any encoder has: "*" stands for the rest, and the reply stays small. */
static void test_many_codes(void)
{
	char text[5] = "a000";
	struct command c;

	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "fourCcList");
	amf0_write_strict_array(&c.body, 100);
	for (int i = 0; i < 100; i++) {
		text[2] = (char)('0' + i / 10);
		text[3] = (char)('0' + i % 10);
		amf0_write_string(&c.body, text);
	}
	amf0_write_object_end(&c.body);
	peer_init(&peer);
	peer_send(&peer, &c, 0);
	expect(0, "connected=live " CONNECT_REPLY);
	CU_ASSERT_TRUE(replied_text("a015"));
	CU_ASSERT_FALSE(replied_text("a016"));
	CU_ASSERT_TRUE(replied_number("*", 4));
}

/* ZLMediaKit #1839: a window of 0 asks for nothing, of 1 for one ACK per span, not for endless. */
static void test_tiny_window(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	peer_control(&peer, RTMP_TYPE_WINDOW_ACK_SIZE, 0);
	expect(0, "connected=live " CONNECT_REPLY);
	peer_control(&peer, RTMP_TYPE_WINDOW_ACK_SIZE, 1);
	peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 0, 5000);
	peer.log[0] = '\0';
	peer_run(&peer, UINT32_MAX, 0);
	peer_read_replies(&peer);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, ">3="));
	CU_ASSERT_PTR_NULL(strstr(strstr(peer.log, ">3=") + 3, ">3="));
	CU_ASSERT_EQUAL(peer.server.acked, peer.server.received);
}

/* Quirk 24: who obeys our bandwidth is acknowledged without having asked; the count wraps. */
static void test_acknowledge(void)
{
	peer_init(&peer);
	peer_publish(&peer);
	peer_run(&peer, UINT32_MAX, 0);
	for (int i = 0; i < 50; i++) {
		peer_message(&peer, RTMP_TYPE_AUDIO, 4, 1, 0, 0, 65000);
		peer_run(&peer, 1448, 0);
	}
	CU_ASSERT_TRUE(peer.server.acked > 2500000);
	peer.log[0] = '\0';
	peer.server.received = peer.server.acked = 0xfffffffff0u;
	peer_control(&peer, RTMP_TYPE_WINDOW_ACK_SIZE, 1);
	peer_run(&peer, UINT32_MAX, 0);
	peer_read_replies(&peer);
	CU_ASSERT_PTR_NOT_NULL(strstr(peer.log, ">3=0 "));
}

/* Nothing stands before the handshake's reply, however small the bandwidth that is configured. */
static void test_no_early_ack(void)
{
	static const struct rtmp_server_config config = {.buffers = &rtmp_heap_buffers,
							 .chunk_size = 4096,
							 .peer_bandwidth = 100,
							 .message_max = 1000};

	peer_init(&peer);
	rtmp_server_init(&peer.server, &config, 1);
	peer_connect(&peer);
	peer_run(&peer, 50, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_EQUAL(peer.replies[0], RTMP_VERSION);
	peer_read_replies(&peer);
	CU_ASSERT_EQUAL(strncmp(peer.log, "connected=live >5=", 18), 0);
}

static void test_ping(void)
{
	uint8_t event[6] = {0, RTMP_USER_PING_REQUEST, 0, 0, 0, 9};

	peer_init(&peer);
	peer_connect(&peer);
	tape_fmt0(&peer.tape, 2, 0, 6, RTMP_TYPE_USER_CONTROL, 0);
	tape_put(&peer.tape, event, sizeof(event));
	event[1] = 31; /* Flash Media Server's own */
	tape_fmt0(&peer.tape, 2, 0, 6, RTMP_TYPE_USER_CONTROL, 0);
	tape_put(&peer.tape, event, sizeof(event));
	expect(0, "connected=live " CONNECT_REPLY ">4=7009 ");
}

/* More pings than replies fit: the connection goes on. */
static void test_ping_flood(void)
{
	static const uint8_t event[6] = {0, RTMP_USER_PING_REQUEST, 0, 0, 0, 9};

	peer_init(&peer);
	peer.out.cap = 8192;
	peer_connect(&peer);
	for (int i = 0; i < 5000; i++) {
		tape_fmt0(&peer.tape, 2, 0, 6, RTMP_TYPE_USER_CONTROL, 0);
		tape_put(&peer.tape, event, sizeof(event));
	}
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, 0);
	CU_ASSERT_FALSE(peer.out.overflow);
}

static void test_output_full(void)
{
	peer_init(&peer);
	peer.out.cap = 4000;
	peer_connect(&peer);
	for (int i = 0; i < 100; i++) {
		peer_command(&peer, "_checkbw", 1, 0, NULL);
	}
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(OUTPUT));
}

static void test_command_limits(void)
{
	peer_init(&peer);
	peer_message(&peer, RTMP_TYPE_COMMAND_AMF0, 3, 0, 0, 2, RTMP_COMMAND_MAX + 1);
	expect(RTMP_ERR(COMMAND_SIZE), "");
	peer_init(&peer);
	peer_message(&peer, RTMP_TYPE_COMMAND_AMF0, 3, 0, 0, 2, RTMP_COMMAND_MAX);
	expect(RTMP_ERR(AMF), "");
	peer_init(&peer);
	tape_fmt0(&peer.tape, 3, 0, 200, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_fill(&peer.tape, 2, 128);
	tape_fmt0(&peer.tape, 5, 0, 200, RTMP_TYPE_COMMAND_AMF0, 0);
	tape_fill(&peer.tape, 2, 128);
	expect(RTMP_ERR(COMMAND_OVERLAP), "");
}

/* Versions: encrypted variants, HTTP and TLS are told from the first byte. */
static void test_versions(void)
{
	static const uint8_t refused[] = {6, 8, 9, 'P', 0x16, 32, 255};

	for (size_t i = 0; i < sizeof(refused); i++) {
		peer_init(&peer);
		peer.tape.bytes[0] = refused[i];
		peer.tape.len = 1;
		peer_run(&peer, UINT32_MAX, 0);
		CU_ASSERT_EQUAL(peer.error, RTMP_ERR(VERSION));
	}
	peer_init(&peer);
	peer.tape.bytes[0] = 31;
	peer_connect(&peer);
	expect(0, "connected=live " CONNECT_REPLY);
	CU_ASSERT_EQUAL(peer.replies[0], RTMP_VERSION);
}

/* A digest client is served the same way, in both layouts. */
static void test_digest_client(void)
{
	for (int schema = SCHEMA_KEY_FIRST; schema <= SCHEMA_DIGEST_FIRST; schema++) {
		uint64_t random = 3;

		peer_init(&peer);
		handshake_make_digest(peer.tape.bytes + 1, (enum handshake_schema)schema, &random);
		peer_connect(&peer);
		expect(0, "connected=live " CONNECT_REPLY);
	}
}

/* Malformed commands: an error, nothing read behind the message. */
static void test_malformed(void)
{
	static const char *const bodies[] = {"", "\x02", "\x02\xff\xff", "\x00", "\x03", "\x05"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		uint32_t len = (uint32_t)strlen(bodies[i]);

		peer_init(&peer);
		tape_fmt0(&peer.tape, 3, 0, len, RTMP_TYPE_COMMAND_AMF0, 0);
		tape_put(&peer.tape, bodies[i], len);
		expect(RTMP_ERR(AMF), "");
	}
}

/* Buffers of a pool: taken while something is in pieces, and no longer. */
struct lender {
	uint8_t buffer[RTMP_COMMAND_MAX];
	uint32_t left;
	uint32_t taken;
};

static uint8_t *lend(void *app)
{
	struct lender *lender = app;

	if (lender->left == 0) {
		return NULL;
	}
	lender->left--;
	lender->taken++;
	return lender->buffer;
}

static void take_back(void *app, uint8_t *buffer)
{
	struct lender *lender = app;

	CU_ASSERT_PTR_EQUAL(buffer, lender->buffer);
	lender->left++;
}

static void test_lent_buffers(void)
{
	static struct lender lender;
	static const struct rtmp_buffers buffers = {lend, take_back, &lender};
	static struct rtmp_server_config config;

	config = peer_config;
	config.buffers = &buffers;
	for (uint32_t step = 1; step < 3000; step += 333) {
		lender.left = 1;
		lender.taken = 0;
		peer_init(&peer);
		rtmp_server_init(&peer.server, &config, 7);
		peer_publish(&peer);
		peer_message(&peer, RTMP_TYPE_VIDEO, 6, 1, 0, 2, 10);
		peer_run(&peer, step, 0);
		CU_ASSERT_EQUAL(peer.error, 0);
		CU_ASSERT_EQUAL(peer.media_bytes, 10);
		CU_ASSERT_EQUAL(lender.taken, 6); /* C1 and five commands */
		CU_ASSERT_EQUAL(lender.left, 1);
		/* A connection that ends in the middle of a command. */
		peer_command(&peer, "deleteStream", 6, 0, NULL);
		peer.tape.len -= 3;
		peer_run(&peer, step, 0);
		CU_ASSERT_EQUAL(lender.left, 0);
		rtmp_server_fini(&peer.server);
		CU_ASSERT_EQUAL(lender.left, 1);
	}
	lender.left = 0;
	peer_init(&peer);
	rtmp_server_init(&peer.server, &config, 7);
	peer_run(&peer, 100, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(BUFFERS));
}

static const struct test tests[] = {
	{"publish", test_publish},
	{"every cut", test_every_cut},
	{"every truncation", test_every_truncation},
	{"pending publish", test_pending},
	{"reject", test_reject},
	{"media routing", test_media_routing},
	{"media across unpublish", test_media_across_unpublish},
	{"abort", test_abort},
	{"odd order", test_odd_order},
	{"ends of a publish", test_ends},
	{"several streams", test_several_streams},
	{"commands out of order", test_order},
	{"publish twice", test_publish_twice},
	{"set aside", test_notes},
	{"application name", test_app},
	{"long names", test_long_names},
	{"bad names", test_bad_names},
	{"AMF3 command", test_amf3_command},
	{"AMF3 dialogue", test_amf3_dialogue},
	{"AMF3 truncated", test_amf3_truncated},
	{"Enhanced RTMP", test_enhanced},
	{"FourCC maps", test_info_maps},
	{"many FourCCs", test_many_codes},
	{"tiny window", test_tiny_window},
	{"acknowledgement", test_acknowledge},
	{"no early ACK", test_no_early_ack},
	{"ping", test_ping},
	{"ping flood", test_ping_flood},
	{"output full", test_output_full},
	{"command limits", test_command_limits},
	{"versions", test_versions},
	{"digest client", test_digest_client},
	{"malformed commands", test_malformed},
	{"lent buffers", test_lent_buffers},
};

int main(void)
{
	return RUN_TESTS("rtmp/server", tests);
}
