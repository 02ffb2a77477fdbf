/*
 * Streams against the limits of their application, with an understanding made by hand.
 */
#include "admission.h"

#include <string.h>

#include "check.h"
#include "rtmp/media.h"

#define SECOND UINT64_C(1000000)

static struct config_stream_limits limits;
static struct admission_state state;
static struct admission_verdict verdict;
static struct stream_insight insight;
static uint64_t now_us;
static uint64_t bytes;

static void begin(void)
{
	memset(&limits, 0, sizeof(limits));
	memset(&state, 0, sizeof(state));
	memset(&verdict, 0, sizeof(verdict));
	memset(&insight, 0, sizeof(insight));
	now_us = 100 * SECOND;
	bytes = 0;
}

/* A video track as most are. */
static void show_video(uint32_t codec, uint32_t width, uint32_t height)
{
	insight.videos = 1;
	insight.video[0] = (struct track_insight){
		.config = {.codec = codec, .width = width, .height = height},
		.frames = 100,
		.first_us = now_us,
		.last_us = now_us,
		.last_key_us = now_us,
	};
}

static bool look(void)
{
	const struct admission_sight sight = {now_us, bytes, &insight};

	return admission_exceeded(&limits, &state, &sight, &verdict);
}

/* Looks twice a second while `kbps` come; returns after how many half seconds it ended, or 0. */
static uint32_t stream(uint32_t kbps, uint32_t halves)
{
	for (uint32_t i = 1; i <= halves; i++) {
		now_us += SECOND / 2;
		bytes += kbps * 125 / 2;
		insight.video[0].last_us = now_us;
		insight.video[0].last_key_us = now_us;
		if (look()) {
			return i;
		}
	}
	return 0;
}

static void test_nothing(void)
{
	begin();
	CU_ASSERT_FALSE(admission_wanted(&limits));
	show_video(RTMP_CODEC_HEVC, 7680, 4320);
	insight.video[0].gop_ms.last = 100000;
	insight.video[0].rate_mhz = 240000;
	CU_ASSERT_EQUAL(stream(1000000, 100), 0);
	limits.frame_rate_max = 30;
	CU_ASSERT_TRUE(admission_wanted(&limits));
}

static void test_codecs(void)
{
	static uint32_t video[] = {RTMP_CODEC_AVC, RTMP_CODEC_AV1};
	static uint32_t audio[] = {RTMP_CODEC_AAC};

	begin();
	limits.video_codecs = video;
	limits.video_codecs_count = 2;
	limits.audio_codecs = audio;
	limits.audio_codecs_count = 1;
	CU_ASSERT_FALSE(look()); /* nothing came yet */
	show_video(RTMP_CODEC_AV1, 0, 0);
	insight.audios = 1;
	insight.audio[0].config.codec = RTMP_CODEC_AAC;
	CU_ASSERT_FALSE(look());
	insight.videos = 2; /* the second track is as good a way in as the first */
	insight.video[1].config.codec = RTMP_CODEC_HEVC;
	CU_ASSERT_TRUE(look());
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_CODEC);
	CU_ASSERT_STRING_EQUAL(verdict.text, "video codec hvc1 is not allowed here");
	insight.videos = 1;
	insight.audio[0].config.codec = RTMP_CODEC_MP3;
	CU_ASSERT_TRUE(look());
	CU_ASSERT_STRING_EQUAL(verdict.text, "audio codec .mp3 is not allowed here");
	insight.audio[0] = (struct track_insight){.frames = 1};
	CU_ASSERT_TRUE(look());
	CU_ASSERT_STRING_EQUAL(verdict.text, "unknown audio codec is not allowed here");
	insight.audios = 0;
	insight.totals.untracked = 1;
	CU_ASSERT_TRUE(look());
	limits.video_codecs_count = limits.audio_codecs_count = 0;
	CU_ASSERT_FALSE(look());
}

static void test_resolution(void)
{
	begin();
	limits.long_side_max = 1920;
	limits.short_side_max = 1080;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	CU_ASSERT_FALSE(look());
	show_video(RTMP_CODEC_AVC, 1080, 1920);
	CU_ASSERT_FALSE(look());
	show_video(RTMP_CODEC_AVC, 1200, 1200);
	CU_ASSERT_TRUE(look());
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_RESOLUTION);
	CU_ASSERT_STRING_EQUAL(verdict.text, "resolution 1200x1200 exceeds 1920x1080");
	show_video(RTMP_CODEC_AVC, 3840, 16);
	CU_ASSERT_TRUE(look());
	show_video(RTMP_CODEC_AVC, UINT32_MAX, UINT32_MAX);
	CU_ASSERT_TRUE(look());
}

/* Ten seconds' worth beyond the rate: at twice of it after ten seconds, at half more after 20. */
static void test_bitrate(void)
{
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 10;
	CU_ASSERT_EQUAL(stream(8000, 10000), 0);
	CU_ASSERT_EQUAL(stream(16000, 100), 21);
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_BITRATE);
	CU_ASSERT_STRING_EQUAL(verdict.text, "bitrate 16.0 Mb/s exceeds 8.0 Mb/s");
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 10;
	CU_ASSERT_EQUAL(stream(12000, 100), 42); /* the first look only begins to count */
	CU_ASSERT_STRING_EQUAL(verdict.text, "bitrate 12.0 Mb/s exceeds 8.0 Mb/s");
}

/* Keyframes, scenes, and what had waited while the network stood still: bursts pass. */
static void test_bursts(void)
{
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 10;
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(stream(20000, 4), 0);
		CU_ASSERT_EQUAL(stream(4000, 12), 0);
	}
	CU_ASSERT_EQUAL(stream(0, 16), 0);
	CU_ASSERT_EQUAL(stream(64000, 2), 0); /* eight seconds at once */
	CU_ASSERT_EQUAL(stream(6000, 1000), 0);
	/* But not more than there was time for. */
	CU_ASSERT_EQUAL(stream(560000, 2), 0);
	CU_ASSERT_EQUAL(stream(50000, 2), 1);
}

/* A stall of any length passes, when what comes then is what was to come meanwhile. */
static void test_stall(void)
{
	for (uint32_t seconds = 5; seconds <= 60; seconds += 5) {
		begin();
		limits.bitrate_max_kbps = 8000;
		limits.bitrate_window_s = 1;
		limits.frame_rate_max = 30;
		show_video(RTMP_CODEC_AVC, 1920, 1080);
		CU_ASSERT_EQUAL(stream(8000, 20), 0);
		CU_ASSERT_EQUAL(stream(0, seconds * 2), 0);
		insight.video[0].frames += (uint64_t)30 * seconds;
		CU_ASSERT_EQUAL(stream(8000 * (seconds + 1) * 2, 1), 0);
		CU_ASSERT_EQUAL(stream(8000, 20), 0);
		/* It was spent: the same again is too much. */
		CU_ASSERT_EQUAL(stream(8000 * (seconds + 1) * 2, 1), 1);
		CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_BITRATE);
	}
	/* An hour of silence is worth no more than a minute. */
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 1;
	CU_ASSERT_EQUAL(stream(0, 7200), 0);
	CU_ASSERT_EQUAL(stream(8000 * 125, 1), 1);
}

/* An uplink that lets half of it through, and then makes up for it: bits and frames are saved. */
static void test_trickle(void)
{
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 1;
	CU_ASSERT_EQUAL(stream(8000, 20), 0);
	CU_ASSERT_EQUAL(stream(4000, 60), 0);
	/* Half of 30 s, a second of burst, and what comes anyhow. */
	CU_ASSERT_EQUAL(stream(8000 * (15 * 2 + 3), 1), 0);
	CU_ASSERT_EQUAL(stream(8000, 20), 0);
	/* Spent, and the second of burst is still owed. */
	CU_ASSERT_EQUAL(stream(8200, 1), 1);
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_BITRATE);
	/* A debt is paid before anything is saved. */
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 1;
	CU_ASSERT_EQUAL(stream(8000, 2), 0);
	CU_ASSERT_EQUAL(stream(8000 * 3, 1), 0); /* a second too much */
	CU_ASSERT_EQUAL(stream(4000, 8), 0);     /* pays that, and saves one */
	CU_ASSERT_EQUAL(stream(8000 * 5, 1), 0);
	CU_ASSERT_EQUAL(stream(8200, 1), 1);
	/* An hour of it is worth no more than a minute. */
	begin();
	limits.bitrate_max_kbps = 8000;
	limits.bitrate_window_s = 1;
	CU_ASSERT_EQUAL(stream(4000, 7200), 0);
	CU_ASSERT_EQUAL(stream(8000 * (60 * 2 + 3), 1), 0);
	CU_ASSERT_EQUAL(stream(8200, 1), 1);
	begin();
	limits.frame_rate_max = 30;
	limits.bitrate_window_s = 1;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	CU_ASSERT_EQUAL(stream(1000, 10), 0);
	for (uint32_t i = 0; i < 60; i++) {
		insight.video[0].frames += 7;
		CU_ASSERT_EQUAL(stream(1000, 1), 0);
	}
	insight.video[0].frames += 450;
	CU_ASSERT_EQUAL(stream(1000, 1), 0);
}

/* Time stands still, or runs: the measured rate is 0, or what is allowed. */
static void test_frames_by_arrival(void)
{
	begin();
	limits.frame_rate_max = 30;
	limits.bitrate_window_s = 10;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	for (uint32_t i = 0; i < 1000; i++) {
		insight.video[0].frames += 15;
		CU_ASSERT_EQUAL_FATAL(stream(1000, 1), 0);
	}
	/* 45 too much each, of the 305 of ten seconds and 249 that were saved: 30.5 are allowed. */
	for (uint32_t i = 1; i <= 100 && verdict.why == 0; i++) {
		insight.video[0].frames += 60;
		CU_ASSERT_EQUAL(stream(1000, 1), i == 13 ? 1 : 0);
	}
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_FRAME_RATE);
	CU_ASSERT_STRING_EQUAL(verdict.text, "frame rate 120.0 by arrival exceeds 30");
	/* The next control finds a GOP of a minute in the log, and reads it in some steps. */
	begin();
	limits.frame_rate_max = 30;
	limits.bitrate_window_s = 10;
	CU_ASSERT_EQUAL(stream(1000, 2), 0);
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	for (uint32_t i = 0; i < 3; i++) {
		insight.video[0].frames += 600;
		CU_ASSERT_EQUAL(stream(1000, 1), 0);
	}
	for (uint32_t i = 0; i < 100; i++) {
		insight.video[0].frames += 15;
		CU_ASSERT_EQUAL_FATAL(stream(1000, 1), 0);
	}
	/* A relay that begins anew counts from 0: that is no frame. */
	begin();
	limits.frame_rate_max = 30;
	limits.bitrate_window_s = 1;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	insight.video[0].frames = 1000000;
	CU_ASSERT_EQUAL(stream(1000, 2), 0);
	insight.video[0].frames = 5;
	CU_ASSERT_EQUAL(stream(1000, 2), 0);
}

/* Frames without a header that says how large they are. */
static void test_hidden_resolution(void)
{
	begin();
	limits.long_side_max = 1920;
	limits.short_side_max = 1080;
	show_video(RTMP_CODEC_AVC, 0, 0);
	CU_ASSERT_EQUAL(stream(1000, 8), 0);
	show_video(RTMP_CODEC_AVC, 1280, 720);
	CU_ASSERT_EQUAL(stream(1000, 20), 0);
	show_video(RTMP_CODEC_AVC, 0, 0);
	CU_ASSERT_EQUAL(stream(1000, 100), 11);
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_RESOLUTION);
	CU_ASSERT_STRING_EQUAL(verdict.text,
			       "resolution is not known: no sequence header that can be read");
	/* Of VP9 it is the keyframe that says it: after a restart of control it may take long. */
	begin();
	limits.long_side_max = 1920;
	limits.short_side_max = 1080;
	show_video(RTMP_CODEC_VP9, 0, 0);
	CU_ASSERT_EQUAL(stream(1000, 100), 0);
	insight.video[0].keyframes = 1;
	CU_ASSERT_EQUAL(stream(1000, 100), 11);
	/* Tracks that nobody looks at could be of any size. */
	begin();
	insight.totals.untracked = 1;
	CU_ASSERT_FALSE(look());
	limits.long_side_max = 1920;
	CU_ASSERT_TRUE(look());
}

static void test_frame_rate(void)
{
	begin();
	limits.frame_rate_max = 30;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	insight.video[0].rate_mhz = 30300; /* timestamps in ms */
	CU_ASSERT_EQUAL(stream(1000, 100), 0);
	insight.video[0].rate_mhz = 60000;
	CU_ASSERT_EQUAL(stream(1000, 8), 0);
	insight.video[0].rate_mhz = 30000;
	CU_ASSERT_EQUAL(stream(1000, 8), 0);
	insight.video[0].rate_mhz = 60000;
	CU_ASSERT_EQUAL(stream(1000, 100), 11);
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_FRAME_RATE);
	CU_ASSERT_STRING_EQUAL(verdict.text, "frame rate 60.0 exceeds 30");
}

static void test_keyframes(void)
{
	begin();
	limits.keyframe_interval_max_ms = 4000;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	insight.video[0].gop_ms.last = 4033; /* a frame more */
	CU_ASSERT_EQUAL(stream(1000, 100), 0);
	insight.video[0].gop_ms.last = 8000;
	CU_ASSERT_EQUAL(stream(1000, 8), 0); /* one long GOP, and then a good one */
	insight.video[0].gop_ms.last = 2000;
	CU_ASSERT_EQUAL(stream(1000, 100), 0);
	insight.video[0].gop_ms.last = 10000;
	CU_ASSERT_EQUAL(stream(1000, 100), 11);
	CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_KEYFRAMES);
	CU_ASSERT_STRING_EQUAL(verdict.text, "keyframe interval 10.0 s exceeds 4.0 s");
}

/* None ever comes again; and none ever came. */
static void test_no_keyframe(void)
{
	for (int ever = 0; ever < 2; ever++) {
		uint32_t seconds = 0;

		begin();
		limits.keyframe_interval_max_ms = 4000;
		show_video(RTMP_CODEC_AVC, 1920, 1080);
		insight.video[0].last_key_us = ever ? now_us : 0;
		while (!look() && seconds < 60) {
			now_us += SECOND;
			insight.video[0].last_us = now_us;
			seconds++;
		}
		CU_ASSERT_EQUAL(seconds, 6 + 5); /* 4, one for the network, and it lasts */
		CU_ASSERT_EQUAL(verdict.why, RTMP_REJECT_KEYFRAMES);
	}
}

/* The network stands still, or the camera is off: it is the idle timeout that says for how long. */
static void test_no_frames(void)
{
	begin();
	limits.keyframe_interval_max_ms = 4000;
	show_video(RTMP_CODEC_AVC, 1920, 1080);
	insight.video[0].last_us = now_us + 2 * SECOND;
	for (uint32_t i = 0; i < 60; i++) {
		now_us += SECOND;
		CU_ASSERT_FALSE(look());
	}
	/* What waited comes, and then it goes on as it was. */
	CU_ASSERT_EQUAL(stream(1000, 100), 0);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{"no limits", test_nothing},
		{"codecs", test_codecs},
		{"resolution", test_resolution},
		{"bitrate", test_bitrate},
		{"bursts", test_bursts},
		{"stall", test_stall},
		{"trickle", test_trickle},
		{"frame rate", test_frame_rate},
		{"frames by arrival", test_frames_by_arrival},
		{"resolution that is not known", test_hidden_resolution},
		{"keyframe interval", test_keyframes},
		{"no keyframe", test_no_keyframe},
		{"no frames", test_no_frames},
		CU_TEST_INFO_NULL,
	};

	return check_run("admission", tests);
}
