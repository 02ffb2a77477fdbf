/*
 * Players: the dialogues of ffmpeg and librtmp, what they may ask for on the way, and how a play
 * ends.
 */
#include "peer.h"
#include "runner.h"

#include <stdio.h>
#include <string.h>

static struct peer peer;

#define CONNECT_REPLY ">5=2500000 >6=2500000 >1=4096 >_result:1:NetConnection.Connect.Success "
#define START_REPLY                                                               \
	">4=1 >onStatus:0:NetStream.Play.Reset >onStatus:0:NetStream.Play.Start " \
	">|RtmpSampleAccess:0: "

/* Runs what is on the tape in one span and compares events and replies since the last time. */
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

static void play(bool accepts)
{
	peer_init(&peer);
	peer.accepts = accepts;
	peer_connect(&peer);
	peer_command(&peer, "createStream", 2, 0, NULL);
	peer_command(&peer, "play", 3, 1, "cam?key=secret");
}

static void flag(const char *name, bool value)
{
	struct command c;

	command_begin(&c, name, 0);
	amf0_write_null(&c.body);
	amf0_write_boolean(&c.body, value);
	peer_send(&peer, &c, 1);
}

static void test_accept(void)
{
	play(true);
	expect(0, "connected=live play=live/cam?key=secret:1 " CONNECT_REPLY
		  ">number=1 >_result:2: " START_REPLY);
	CU_ASSERT_EQUAL(peer.server.streams[0].play, RTMP_PLAY_ACCEPTED);
}

/* What a player sends that nobody answers but with an event. */
static void test_wishes(void)
{
	play(true);
	flag("pause", true);
	flag("receiveAudio", false);
	flag("receiveVideo", false);
	flag("pause", false);
	flag("receiveAudio", true);
	peer_command_number(&peer, "deleteStream", 0, 1);
	expect(0,
	       "connected=live play=live/cam?key=secret:1 play-set=1:1 play-set=1:3 play-set=1:7 "
	       "play-set=1:6 play-set=1:4 play-end=1 " CONNECT_REPLY
	       ">number=1 >_result:2: " START_REPLY ">onStatus:0:NetStream.Pause.Notify "
	       ">onStatus:0:NetStream.Unpause.Notify ");
	CU_ASSERT_EQUAL(peer.server.streams[0].id, 0);
}

static void test_seek(void)
{
	play(true);
	flag("seek", true);
	peer_command(&peer, "closeStream", 0, 1, NULL);
	expect(0, "connected=live play=live/cam?key=secret:1 ignored=20 play-end=1 " CONNECT_REPLY
		  ">number=1 >_result:2: " START_REPLY ">onStatus:0:NetStream.Seek.Failed ");
}

/* Without a play they mean nothing. */
static void test_stray_wishes(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	flag("pause", true);
	flag("seek", true);
	flag("receiveVideo", true);
	peer_command(&peer, "closeStream", 0, 1, NULL);
	expect(0, "connected=live ignored=20 ignored=20 ignored=20 " CONNECT_REPLY);
}

static void test_refuse(void)
{
	play(false);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(
		rtmp_server_play_end(&peer.server, 1, RTMP_PLAY_REJECT_NOT_FOUND, &peer.out), 0);
	peer.tape.len = 0;
	expect(0, "connected=live play=live/cam?key=secret:1 " CONNECT_REPLY
		  ">number=1 >_result:2: >onStatus:0:NetStream.Play.StreamNotFound ");
	CU_ASSERT_EQUAL(rtmp_server_play_end(&peer.server, 1, RTMP_PLAY_REJECT_ENDED, &peer.out),
			RTMP_ERR(COMMAND_ORDER));
	CU_ASSERT_EQUAL(rtmp_server_play_accept(&peer.server, 1, &peer.out),
			RTMP_ERR(COMMAND_ORDER));
}

static void test_end(void)
{
	play(true);
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(rtmp_server_play_end(&peer.server, 1, RTMP_PLAY_REJECT_ENDED, &peer.out),
			0);
	peer.tape.len = 0;
	expect(0, "connected=live play=live/cam?key=secret:1 " CONNECT_REPLY
		  ">number=1 >_result:2: " START_REPLY
		  ">4=1001 >onStatus:0:NetStream.Play.UnpublishNotify "
		  ">onStatus:0:NetStream.Play.Stop ");
}

/* A stream that is published on cannot be played on, nor the other way round. */
static void test_both(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	peer_command(&peer, "createStream", 2, 0, NULL);
	peer_command(&peer, "publish", 3, 1, "cam");
	peer_command(&peer, "play", 4, 1, "cam");
	peer_command(&peer, "play", 4, 9, "cam");
	expect(0, "connected=live publish=live/cam:1 ignored=20 ignored=20 " CONNECT_REPLY
		  ">number=1 >_result:2: >4=1 >onStatus:0:NetStream.Publish.Start "
		  ">onStatus:0:NetStream.Play.Failed "
		  ">onStatus:0:NetStream.Play.Failed ");
	play(true);
	peer_command(&peer, "publish", 4, 1, "cam");
	peer_run(&peer, UINT32_MAX, 0);
	CU_ASSERT_EQUAL(peer.error, RTMP_ERR(COMMAND_ORDER));
}

static void test_play2(void)
{
	struct command c;

	play(true);
	command_begin(&c, "play2", 0);
	amf0_write_null(&c.body);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "len");
	amf0_write_number(&c.body, -1);
	amf0_write_name(&c.body, "streamName");
	amf0_write_string(&c.body, "other");
	amf0_write_object_end(&c.body);
	peer_send(&peer, &c, 1);
	expect(0, "connected=live play=live/cam?key=secret:1 play=live/other:1 " CONNECT_REPLY
		  ">number=1 >_result:2: " START_REPLY START_REPLY);
}

static void test_bad_name(void)
{
	peer_init(&peer);
	peer_connect(&peer);
	peer_command(&peer, "createStream", 2, 0, NULL);
	peer_command(&peer, "play", 3, 1, "");
	expect(RTMP_ERR(NAME), "connected=live " CONNECT_REPLY
			       ">number=1 >_result:2: >onStatus:0:NetStream.Play.StreamNotFound ");
}

static void test_texts(void)
{
	for (uint32_t i = 0; i < RTMP_PLAY_REJECT_COUNT; i++) {
		CU_ASSERT_PTR_NOT_NULL(rtmp_play_reject_code(i));
		CU_ASSERT_PTR_NOT_NULL(rtmp_play_reject_text(i));
	}
}

static const struct test tests[] = {
	{"accepted", test_accept},
	{"pause, receiveAudio, receiveVideo", test_wishes},
	{"seek and closeStream", test_seek},
	{"the same without a play", test_stray_wishes},
	{"refused", test_refuse},
	{"ended", test_end},
	{"publish and play on one stream", test_both},
	{"play2", test_play2},
	{"a name that is none", test_bad_name},
	{"codes and texts", test_texts},
};

int main(void)
{
	return RUN_TESTS("rtmp/server_play", tests);
}
