/*
 * What is understood of streams: messages as encoders send them, through a log whose slices are cut
 * anywhere.
 */
#include <math.h>
#include <string.h>

#include "check.h"
#include "fake_worker.h"
#include "relay/context.h"
#include "relay/insight.h"
#include "relay/insight_track.h"
#include "rtmp/media.h"
#include "rtmp/message.h"

static struct fake_worker worker;
static struct relay_context context;
static struct log_cursor cursor;
static struct insight *insight;
static struct stream_insight shown;
static uint32_t slice;      /* bytes of each */
static uint64_t arrived_us; /* 0: now */

static void set_up(void)
{
	CU_ASSERT_EQUAL_FATAL(fake_worker_init(&worker), 0);
	fake_pending(&worker, 0, 1, "live", "cam");
	fake_live(&worker, 0, "cam");
	memset(&context, 0, sizeof(context));
	memset(&cursor, 0, sizeof(cursor));
	pthread_mutex_init(&context.lock, NULL);
	context.view = (struct log_view){
		.units = (const void *)((uint8_t *)worker.pub + worker.pub->blocks_offset),
		.block_next = (const void *)((uint8_t *)worker.pub + worker.pub->block_next_offset),
		.blocks = worker.pub->blocks,
		.regions = &worker.regions,
	};
	insight = NULL;
	slice = 7;
}

static void tear_down(void)
{
	insight_destroy(insight);
	pthread_mutex_destroy(&context.lock);
	fake_worker_fini(&worker);
}

static void show(void)
{
	static uint64_t now_us;

	now_us += 1000000;
	insight_show(insight, &context, now_us);
	insight_read(insight, &shown);
}

static void deliver(uint8_t type, uint32_t timestamp, const void *data, uint32_t length)
{
	struct fake_message m = {.type = type,
				 .timestamp = timestamp,
				 .length = length,
				 .slice = slice,
				 .arrived_us = arrived_us,
				 .data = data};
	struct log_message message;

	m.flags = rtmp_classify(type, data, length).flags;
	CU_ASSERT_FATAL(fake_send(&worker, 0, &m));
	if (cursor.position == 0) {
		log_cursor_init(&cursor, 0, fake_stream(&worker, 0)->first_block);
	}
	CU_ASSERT_EQUAL_FATAL(
		log_reader_next(&context.view, &cursor, fake_stream(&worker, 0)->head, &message),
		1);
	insight_message(&insight, &context, &message);
	worker.sub->tail[0].generation = 1;
	worker.sub->tail[0].position = log_cursor_hold(&cursor);
}

#define DELIVER(type, timestamp, bytes) deliver(type, timestamp, bytes, sizeof(bytes) - 1)

static const char avc_header[] =
	"\x17\x00\x00\x00\x00\x01\x64\x00\x1e\xff\xe1\x00\x1a\x67\x64\x00\x1e\xac\xd9\x40\xa0\x2f"
	"\xf9\x70\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x3c\x0f\x16\x2d\x96\x01\x00\x06\x68\xeb"
	"\xe3\xcb\x22\xc0\xfd\xf8\xf8\x00";

static void video(uint32_t timestamp, bool key, uint32_t length)
{
	uint8_t data[4096] = {key ? 0x17 : 0x27, 1, 0, 0, 33};

	deliver(RTMP_TYPE_VIDEO, timestamp, data, length);
}

static void audio(uint32_t timestamp)
{
	uint8_t data[200] = {0xaf, 1};

	deliver(RTMP_TYPE_AUDIO, timestamp, data, sizeof(data));
}

/* Ten seconds of 30 frames and 48 kHz, audio `skew` ms ahead; keyframes each second. */
static void play(uint32_t from, int32_t skew)
{
	uint32_t samples = 0;

	for (uint32_t i = 0; i <= 300; i++) {
		uint32_t at = i * 1000 / 30;

		while (samples / 48 < at) {
			audio(from + samples / 48 + (uint32_t)skew);
			samples += 1024;
		}
		video(from + at, i % 30 == 0, 1005);
	}
}

static void test_avc_and_aac(void)
{
	const struct track_insight *v = &shown.video[0];
	const struct track_insight *a = &shown.audio[0];
	char text[RTMP_CODEC_TEXT];

	set_up();
	insight_read(insight, &shown);
	CU_ASSERT_EQUAL(shown.videos, 0);
	DELIVER(RTMP_TYPE_VIDEO, 0, avc_header);
	DELIVER(RTMP_TYPE_AUDIO, 0, "\xaf\x00\x11\x90\x56\xe5\x00");
	play(0, 40);
	show();
	CU_ASSERT(shown.videos == 1 && shown.audios == 1);
	CU_ASSERT_EQUAL(v->config.codec, RTMP_CODEC_AVC);
	CU_ASSERT(v->config.width == 640 && v->config.height == 360);
	rtmp_codec_profile(&v->config, text);
	CU_ASSERT_STRING_EQUAL(text, "High");
	CU_ASSERT_EQUAL(v->config_changes, 0);
	CU_ASSERT(v->frames == 301 && v->keyframes == 11 && v->bytes == 301000);
	CU_ASSERT(abs((int)v->rate_mhz - 30000) < 20);
	CU_ASSERT_EQUAL(v->bitrate_kbps, 240);
	CU_ASSERT(v->gop_frames.last == 30 && v->gop_frames.min == 30 && v->gop_frames.max == 30);
	CU_ASSERT(v->gop_ms.last == 1000 && v->gop_ms.min == 1000 && v->gop_ms.max == 1000);
	CU_ASSERT_EQUAL(v->composition_ms_max, 33);
	CU_ASSERT(v->gaps == 0 && v->backward == 0 && v->last_timestamp == 10000);
	CU_ASSERT(a->config.codec == RTMP_CODEC_AAC && a->config.sample_rate == 48000);
	CU_ASSERT(a->config.channels == 2 && a->gaps == 0 && a->backward == 0);
	CU_ASSERT(abs((int)a->bitrate_kbps - 198 * 8 * 48000 / 1024 / 1000) <= 1);
	CU_ASSERT(shown.totals.skew_known && abs(shown.totals.skew_ms - 40) <= 15);
	CU_ASSERT_EQUAL(shown.totals.unknown, 0);
	tear_down();
}

/* Across 2^32 ms nothing jumps. */
static void test_wrap(void)
{
	set_up();
	play(UINT32_MAX - 4000, -100);
	show();
	CU_ASSERT(shown.video[0].gaps == 0 && shown.video[0].backward == 0);
	CU_ASSERT(shown.audio[0].gaps == 0 && shown.audio[0].backward == 0);
	CU_ASSERT(abs((int)shown.video[0].rate_mhz - 30000) < 20);
	CU_ASSERT_EQUAL(shown.video[0].gop_ms.max, 1000);
	CU_ASSERT(abs(shown.totals.skew_ms + 100) <= 15);
	tear_down();
}

static void test_jumps(void)
{
	const struct track_insight *v = &shown.video[0];

	set_up();
	for (uint32_t i = 0; i < 100; i++) {
		video(i * 20, i % 50 == 0, 105);
	}
	video(1980 + 1000, false, 105); /* no gap yet */
	video(2980 + 1001, false, 105);
	video(3981 + 5000, false, 105);
	video(1000, false, 105);
	for (uint32_t i = 1; i < 400; i++) {
		video(1000 + i * 40, i % 50 == 0, 105);
	}
	show();
	CU_ASSERT(v->gaps == 2 && v->gap_ms_max == 5000);
	CU_ASSERT(v->backward == 1 && v->backward_ms_max == 7981);
	CU_ASSERT_EQUAL(v->rate_mhz, 25000); /* as it is now */
	/* 50 at 20 ms; the GOP with the jump does not count; 50 at 40 ms. */
	CU_ASSERT(v->gop_ms.min == 1000 && v->gop_ms.max == 2000 && v->gop_ms.last == 2000);
	CU_ASSERT(v->gop_frames.min == 50 && v->gop_frames.max == 50);
	tear_down();
}

/*
 * A clock that is set ahead makes no GOP long, or a publisher would be ended for it; pictures that
 * come two seconds after each other do.
 */
static void test_gop_across_a_jump(void)
{
	const struct track_insight *v = &shown.video[0];

	set_up();
	for (uint32_t i = 0; i < 20; i++) {
		arrived_us = 1000000 + i * 500000;
		video(i * 500 + (i > 14 ? 3600000 : 0), i % 10 == 0, 105);
	}
	video(20 * 500 + 3600000, true, 105);
	show();
	CU_ASSERT(v->gop_ms.last == 5000 && v->gop_ms.max == 5000);
	for (uint32_t i = 0; i < 8; i++) {
		arrived_us += 2000000;
		video(3612000 + i * 2000, i % 4 == 3, 105);
	}
	show();
	CU_ASSERT(v->gop_ms.last == 8000 && v->gaps == 9);
	arrived_us = 0;
	tear_down();
}

/* Another codec, and another size of the same one, mid-stream. */
static void test_changes(void)
{
	set_up();
	DELIVER(RTMP_TYPE_VIDEO, 0, avc_header);
	video(0, true, 100);
	DELIVER(RTMP_TYPE_VIDEO, 10, avc_header);
	show();
	CU_ASSERT_EQUAL(shown.video[0].config_changes, 0);
	DELIVER(RTMP_TYPE_VIDEO, 20,
		"\x90\x61v01\x81\x00\x4c\x00\x0a\x0b\x00\x00\x00\x04\x3e\xa7\xbc\xda\xf9\x40\x40");
	show();
	CU_ASSERT_EQUAL(shown.video[0].config_changes, 1);
	CU_ASSERT_EQUAL(shown.video[0].config.codec, RTMP_CODEC_AV1);
	CU_ASSERT(shown.video[0].config.width == 426 && shown.video[0].config.bit_depth == 10);
	tear_down();
}

/* Without any header: what frames say of themselves. */
static void test_frames_alone(void)
{
	set_up();
	DELIVER(RTMP_TYPE_VIDEO, 0,
		"\x91vp09\x82\x49\x83\x42\x00\x27\xf0\x16\x76\x04\x38\x24\x1c\x18\x4a\x10");
	DELIVER(RTMP_TYPE_AUDIO, 0, "\x2e\xff\xfb\x50\xc4");
	show();
	CU_ASSERT(shown.video[0].config.width == 640 && shown.video[0].config.height == 360);
	CU_ASSERT(shown.video[0].enhanced && !shown.audio[0].enhanced);
	CU_ASSERT(shown.audio[0].config.sample_rate == 44100);
	CU_ASSERT(shown.audio[0].config.channels == 1);
	/* Its header comes late, and knows no size. */
	DELIVER(RTMP_TYPE_VIDEO, 0, "\x90vp09\x00\x15\x82\x02\x02\x02\x00\x00");
	show();
	CU_ASSERT(shown.video[0].config.width == 640 && shown.video[0].config.level == 21);
	tear_down();
}

static void test_tracks(void)
{
	set_up();
	/* Sequence starts of two codecs in one message, and then frames of both. */
	DELIVER(RTMP_TYPE_VIDEO, 0,
		"\x96\x20"
		"\x61v01\x03\x00\x00\x11\x81\x00\x4c\x00\x0a\x0b\x00\x00\x00\x04\x3e\xa7\xbc\xda"
		"\xf9"
		"\x40\x40"
		"vp09\x01\x00\x00\x08\x00\x15\x82\x02\x02\x02\x00\x00");
	for (uint32_t i = 0; i < 50; i++) {
		DELIVER(RTMP_TYPE_VIDEO, i * 40,
			"\x96\x23"
			"\x61v01\x03\x00\x00\x02xy"
			"vp09\x01\x00\x00\x01z");
	}
	/* One track of many, behind a ModEx. */
	DELIVER(RTMP_TYPE_AUDIO, 7, "\x97\x02\x00\x00\x05\x05\x01mp4a\x04xyz");
	show();
	CU_ASSERT_EQUAL_FATAL(shown.videos, 2);
	CU_ASSERT(shown.video[0].id == 1 && shown.video[0].config.codec == RTMP_CODEC_VP9);
	CU_ASSERT(shown.video[1].id == 3 && shown.video[1].config.width == 426);
	CU_ASSERT(shown.video[0].frames == 50 && shown.video[0].bytes == 50);
	CU_ASSERT(shown.video[1].frames == 50 && shown.video[1].bytes == 100);
	CU_ASSERT_EQUAL(shown.video[1].keyframes, 50);
	CU_ASSERT_EQUAL(shown.video[1].rate_mhz, 25000);
	CU_ASSERT_EQUAL_FATAL(shown.audios, 1);
	CU_ASSERT(shown.audio[0].id == 4 && shown.audio[0].bytes == 3);
	tear_down();
}

static void test_too_many_tracks(void)
{
	char frame[] = "\x96\x03hvc1\x00x";

	set_up();
	for (int id = 255; id >= 0; id--) {
		frame[6] = (char)id;
		DELIVER(RTMP_TYPE_VIDEO, 0, frame);
	}
	show();
	CU_ASSERT_EQUAL(shown.videos, INSIGHT_TRACKS);
	CU_ASSERT_EQUAL(shown.video[0].id, 256 - INSIGHT_TRACKS);
	CU_ASSERT_EQUAL(shown.totals.untracked, 256 - INSIGHT_TRACKS);
	tear_down();
}

/* What is no track is counted, and takes nothing. */
static void test_others(void)
{
	set_up();
	DELIVER(RTMP_TYPE_AUDIO, 0, "");
	DELIVER(RTMP_TYPE_VIDEO, 0, "\x57\x00");
	DELIVER(RTMP_TYPE_VIDEO, 0, "\x97");
	DELIVER(RTMP_TYPE_VIDEO, 0, "\x96\x13hvc1\x00\xff\xff\xffx");
	DELIVER(RTMP_TYPE_VIDEO, 0, "\x94hvc1\x02\x00\x09");
	show();
	CU_ASSERT(shown.videos == 0 && shown.audios == 0);
	CU_ASSERT(shown.totals.silences == 1 && shown.totals.unknown == 1);
	tear_down();
}

static uint32_t put(uint8_t *out, uint32_t at, const char *bytes, uint32_t len)
{
	memcpy(out + at, bytes, len);
	return at + len;
}

static uint32_t put_number(uint8_t *out, uint32_t at, const char *name, double value)
{
	uint64_t bits;

	out[at] = 0;
	out[at + 1] = (uint8_t)strlen(name);
	at = put(out, at + 2, name, (uint32_t)strlen(name));
	out[at++] = 0;
	memcpy(&bits, &value, sizeof(bits));
	for (int i = 0; i < 8; i++) {
		out[at++] = (uint8_t)(bits >> (56 - 8 * i));
	}
	return at;
}

static void test_claims(void)
{
	const struct insight_claims *c = &shown.totals.claims;
	uint8_t data[512];
	uint32_t at = 0;

	set_up();
	at = put(data, at, "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08\x00\x00\x00\x09",
		 34);
	at = put_number(data, at, "width", 1920);
	at = put_number(data, at, "height", 1e300);
	at = put_number(data, at, "framerate", 29.97);
	at = put_number(data, at, "videodatarate", NAN);
	at = put_number(data, at, "videocodecid", 1635135537.0);
	at = put_number(data, at, "audiocodecid", 10);
	at = put_number(data, at, "audiosamplerate", -1);
	at = put(data, at,
		 "\x00\x13videoTrackIdInfoMap\x03\x00\x01"
		 "1\x03\x00\x00\x09\x00\x01"
		 "2\x05\x00\x00\x09",
		 36);
	at = put(data, at,
		 "\x00\x07"
		 "encoder\x02\x00\x07La\x1b[2Jv",
		 19);
	at = put(data, at, "\x00\x00\x09", 3);
	deliver(RTMP_TYPE_DATA_AMF0, 0, data, at);
	show();
	CU_ASSERT(c->count == 1 && c->when_us != 0);
	CU_ASSERT(c->width == 1920 && c->height == UINT32_MAX && c->rate_mhz == 29970);
	CU_ASSERT(c->video_tracks == 2 && c->audio_tracks == 0);
	CU_ASSERT(c->video_kbps == 0 && c->sample_rate == 0);
	CU_ASSERT_STRING_EQUAL(c->video_codec, "av01");
	CU_ASSERT_STRING_EQUAL(c->audio_codec, "10");
	CU_ASSERT_STRING_EQUAL(c->encoder, "La?[2Jv");
	/* Cut anywhere. */
	for (uint32_t len = 1; len < at; len++) {
		deliver(RTMP_TYPE_DATA_AMF0, 0, data, len);
	}
	tear_down();
}

/* Taken over: what is known is what its headers say. */
static void test_seeded(void)
{
	static const uint8_t block[] = "\x90\x61v01\x81\x00\x4c\x00\x0a\x0b\x00\x00\x00\x04\x3e"
				       "\xa7\xbc\xda\xf9\x40\x40"
				       "\x95\x04Opus\x02\x01\x06";
	struct header_set *set = NULL;
	struct abi_header_block *b;

	set_up();
	b = fake_headers(&worker, 0);
	b->count = 2;
	b->headers[0] = (struct abi_header){
		.length = 22, .type = RTMP_TYPE_VIDEO, .kind = ABI_HEADER_VIDEO};
	b->headers[1] = (struct abi_header){
		.length = 9, .offset = 22, .type = RTMP_TYPE_AUDIO, .kind = ABI_HEADER_CHANNELS};
	memcpy((void *)b->data, block, sizeof(block));
	CU_ASSERT_EQUAL(headers_seed(&set, &context.view, fake_stream(&worker, 0)), 0);
	insight_headers(&insight, &context, set, 5000000);
	show();
	CU_ASSERT(shown.videos == 1 && shown.video[0].config.width == 426);
	CU_ASSERT(shown.audios == 1 && shown.audio[0].id == 2);
	CU_ASSERT_EQUAL(shown.audio[0].config.channels, 6);
	CU_ASSERT(shown.video[0].frames == 0 && !shown.totals.skew_known);
	headers_put(set);
	tear_down();
}

/* Enhanced RTMP with objectEncoding 3: AMF3 behind its marker, in a message of type 15. */
static void test_claims_of_amf3(void)
{
	set_up();
	DELIVER(RTMP_TYPE_DATA_AMF3, 0,
		"\x00\x02\x00\x0aonMetaData\x11\x0a\x0b\x01\x0bwidth\x04\x85\x00\x0d"
		"height\x05\x40\x76\x80\x00\x00\x00\x00\x00\x01");
	show();
	CU_ASSERT_EQUAL(shown.totals.claims.count, 1);
	CU_ASSERT(shown.totals.claims.width == 640 && shown.totals.claims.height == 360);
	tear_down();
}

/* A publisher that does nothing but send headers does not keep us busy. */
static void test_parse_budget(void)
{
	uint64_t next_us = 0;
	uint32_t parsed = 0;

	for (uint64_t now_us = 5000000; now_us < 15000000; now_us += 1000) {
		parsed += insight_may_parse(&next_us, now_us);
	}
	CU_ASSERT(parsed >= 100 && parsed <= 115);
}

/* Nothing new, or too soon: the copy stays. */
/* ... and hides nothing behind them. */
static void test_catch_up(void)
{
	static const char av1[] = "\x90\x61v01\x81\x00\x4c\x00\x0a\x0b\x00\x00\x00\x04\x3e\xa7"
				  "\xbc\xda\xf9\x40\x40";
	struct header_set *set = NULL;
	struct abi_header_block *b;

	set_up();
	arrived_us = 5000000;
	for (uint32_t i = 0; i < 30; i++) {
		DELIVER(RTMP_TYPE_VIDEO, i, avc_header);
	}
	DELIVER(RTMP_TYPE_VIDEO, 30, av1);
	show();
	CU_ASSERT_EQUAL(shown.video[0].config.codec, RTMP_CODEC_AVC);
	b = fake_headers(&worker, 0);
	b->count = 1;
	b->headers[0] = (struct abi_header){
		.length = sizeof(av1) - 1, .type = RTMP_TYPE_VIDEO, .kind = ABI_HEADER_VIDEO};
	memcpy((void *)b->data, av1, sizeof(av1));
	CU_ASSERT_EQUAL(headers_seed(&set, &context.view, fake_stream(&worker, 0)), 0);
	insight_catch_up(insight, set, arrived_us + 999999);
	show();
	CU_ASSERT_EQUAL(shown.video[0].config.codec, RTMP_CODEC_AVC);
	insight_catch_up(insight, set, arrived_us + 1000000);
	show();
	CU_ASSERT_EQUAL(shown.video[0].config.codec, RTMP_CODEC_AV1);
	CU_ASSERT_EQUAL(shown.video[0].config.width, 426);
	insight_catch_up(NULL, set, arrived_us);
	headers_put(set);
	arrived_us = 0;
	tear_down();
}

static void test_shown_now_and_then(void)
{
	set_up();
	video(0, true, 100);
	insight_show(insight, &context, 10000000);
	video(40, false, 100);
	insight_show(insight, &context, 10199999);
	insight_read(insight, &shown);
	CU_ASSERT_EQUAL(shown.video[0].frames, 1);
	insight_show(insight, &context, 10200000);
	insight_read(insight, &shown);
	CU_ASSERT_EQUAL(shown.video[0].frames, 2);
	insight_show(NULL, &context, 20000000);
	tear_down();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"H.264 and AAC", test_avc_and_aac},
		{"timestamps wrap", test_wrap},
		{"timestamps jump", test_jumps},
		{"a GOP across a jump", test_gop_across_a_jump},
		{"codec and size change", test_changes},
		{"frames without headers", test_frames_alone},
		{"tracks", test_tracks},
		{"too many tracks", test_too_many_tracks},
		{"what is no track", test_others},
		{"claims of metadata", test_claims},
		{"claims of metadata in AMF3", test_claims_of_amf3},
		{"taken over", test_seeded},
		{"headers without end", test_parse_budget},
		{"the last of too many headers", test_catch_up},
		{"shown now and then", test_shown_now_and_then},
		CU_TEST_INFO_NULL,
	};

	return check_run("insight", tests);
}
