/*
 * Codec configurations as ffmpeg 5.1 writes them with x264, x265, libaom, SVT-AV1, libvpx, its own
 * AAC encoder, libopus, FLAC and LAME; and cut short at every byte.
 */
#include "rtmp/codec.h"
#include "rtmp/media.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

static const struct sample {
	uint32_t codec;
	const char *hex;
	struct rtmp_codec_config expect;
	const char *profile;
	const char *level;
	const char *chroma;
	uint32_t enough; /* bytes after which nothing is missing any more; 0: all of them */
} samples[] = {
	{
		RTMP_CODEC_AVC,
		"0164001effe1001a6764001eacd940a02ff970110000030001000003003c0f162d96"
		"01000668ebe3cb22c0fdf8f800",
		{.width = 640, .height = 360, .rate_mhz = 30000, .bit_depth = 8},
		"High",
		"3.0",
		"4:2:0",
		34,
	},
	{
		RTMP_CODEC_AVC, /* cropped on both sides, 59.94 frames */
		"0142c02affe100186742c02ada01e0089ea6c04400000fa4000753003c60ca80"
		"01000468ce0fc8",
		{.width = 1918, .height = 1078, .rate_mhz = 59940, .bit_depth = 8},
		"Constrained Baseline",
		"4.2",
		"4:2:0",
		32,
	},
	{
		RTMP_CODEC_AVC, /* interlaced, 4:2:2, 10 bits */
		"017a001effe10018677a001eb6ce80b424d8088000000300800000190f8a1550"
		"01000468de0fc8fefafa00",
		{.width = 720, .height = 576, .rate_mhz = 25000, .bit_depth = 10},
		"High 4:2:2",
		"3.0",
		"4:2:2",
		32,
	},
	{
		RTMP_CODEC_AVC,
		"0142c00cffe100176742c00cda05067e7c0440000003004000000783c50aa801000468ce0fc8",
		{.width = 320, .height = 180, .rate_mhz = 15000, .bit_depth = 8},
		"Constrained Baseline",
		"1.2",
		"4:2:0",
		31,
	},
	{
		RTMP_CODEC_HEVC,
		"01016000000090000000000078f000fcfdf8f800000f03a00001001840010c01ffff"
		"016000000300900000030000030078959409a10001002b4201010160000003009000"
		"00030000030078a003c0801107cb965654a4c2f0168080000003008000000f04a200"
		"0100064401c073c189",
		{.width = 1920, .height = 1080, .bit_depth = 8},
		"Main",
		"4.0",
		"4:2:0",
		101,
	},
	{
		RTMP_CODEC_HEVC,
		"01022000000090000000000078f000fcfdfafa00000f03a00001001840010c01ffff"
		"022000000300900000030000030078959409a10001002c4201010220000003009000"
		"00030000030078a00288802e1c44436595952930bc05a020000003002000000641a2"
		"000100064401c073c189",
		{.width = 1282, .height = 722, .bit_depth = 10},
		"Main 10",
		"4.0",
		"4:2:0",
		102,
	},
	{
		RTMP_CODEC_AV1,
		"81010c000a0b0000000cc4ff6736be4010",
		{.width = 640, .height = 360, .bit_depth = 8},
		"Main",
		"2.1",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_AV1,
		"81004c000a0b000000043ea7bcdaf94040",
		{.width = 426, .height = 240, .bit_depth = 10},
		"Main",
		"2.0",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_AV1,
		"81000c000a0b000000043ea7bc02f80040",
		{.width = 426, .height = 240, .bit_depth = 8},
		"Main",
		"2.0",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_VP9,
		"010000000015820202020000",
		{.bit_depth = 8},
		"0",
		"2.1",
		"4:2:0",
		8,
	},
	{
		RTMP_CODEC_VP9, /* without version and flags */
		"0315a40202020000",
		{.bit_depth = 10},
		"3",
		"2.1",
		"4:2:2",
		0,
	},
	{
		/* As the specification has it; no encoder of ours writes it. */
		RTMP_CODEC_VVC,
		"ff00115f0102538000078004380000",
		{.width = 1920, .height = 1080, .rate_mhz = 0, .bit_depth = 10},
		"Main 10",
		"5.1",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_AAC,
		"119056e500",
		{.sample_rate = 48000, .channels = 2},
		"LC",
		"",
		"",
		2,
	},
	{
		RTMP_CODEC_AAC,
		"120856e500",
		{.sample_rate = 44100, .channels = 1},
		"LC",
		"",
		"",
		2,
	},
	{
		RTMP_CODEC_AAC,
		"11b056e500",
		{.sample_rate = 48000, .channels = 6},
		"LC",
		"",
		"",
		2,
	},
	{
		RTMP_CODEC_AAC, /* SBR said behind the rest: 24 kHz below, 48 kHz above */
		"131056e598",
		{.sample_rate = 48000, .channels = 2, .sbr = true},
		"HE",
		"",
		"",
		2,
	},
	{
		RTMP_CODEC_AAC, /* SBR and PS in front: 22.05 kHz mono, 44.1 kHz stereo */
		"eb8a0800",
		{.sample_rate = 44100, .channels = 1, .sbr = true, .ps = true},
		"HE v2",
		"",
		"",
		3,
	},
	{
		RTMP_CODEC_AAC, /* ELD has a number beyond 31, and here a frequency beyond the table
				 */
		"f8fe00ac4420",
		{.sample_rate = 11025 * 2, .channels = 1},
		"ELD",
		"",
		"",
		0,
	},
	/* What these encoders do not write, made by hand. */
	{
		RTMP_CODEC_AVC, /* scaling lists, one that ends at once; picture order count 1 */
		"0164001fffe1002d6764001fad845492492492492169a69a69a69a69a69a69a69a69a69a69a69a69"
		"a69a69a69a5191984a014016e400",
		{.width = 1280, .height = 720, .bit_depth = 8},
		"High",
		"3.1",
		"4:2:0",
		53,
	},
	{
		RTMP_CODEC_HEVC, /* three sub-layers with profiles and levels of their own */
		"0101600000000000000000005df000fcfdf8f819000f01210001002b42010501600000030000030000"
		"0300"
		"0003005dd00000030000030005500000030000555a5da00280802d17",
		{.width = 1280, .height = 720, .rate_mhz = 25000, .bit_depth = 8},
		"Main",
		"3.1",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_AV1, /* timing, a decoder model, high tier */
		"810d8c000a1a0400000fa40003a983a4000000048480001b80e042777dff0de0",
		{.width = 3840, .height = 2160, .rate_mhz = 59940, .bit_depth = 8},
		"Main",
		"5.1 high tier",
		"4:2:0",
		0,
	},
	{
		RTMP_CODEC_AAC, /* 5.1 by a program config element */
		"118004c80500010880",
		{.sample_rate = 48000, .channels = 6},
		"LC",
		"",
		"",
		9,
	},
	{
		RTMP_CODEC_OPUS,
		"4f707573486561640102380180bb0000000000",
		{.sample_rate = 48000, .channels = 2},
		"",
		"",
		"",
		0,
	},
	{
		RTMP_CODEC_FLAC,
		"664c614300000022120012000004a30005080ac442f0000022745d105ceb212ad5d36e4f5608def3"
		"d8b7",
		{.sample_rate = 44100, .channels = 2, .bit_depth = 16},
		"",
		"",
		"",
		0,
	},
};

static uint32_t from_hex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return (uint32_t)len;
}

static int read_exact(struct rtmp_codec_config *c, uint32_t codec, const uint8_t *data,
		      uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	int rc;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, data, len);
	rc = rtmp_codec_read(c, codec, copy, len);
	free(copy);
	return rc;
}

static void check(const struct sample *s, const struct rtmp_codec_config *c)
{
	const struct rtmp_codec_config *e = &s->expect;
	char profile[RTMP_CODEC_TEXT];
	char level[RTMP_CODEC_TEXT];

	rtmp_codec_profile(c, profile);
	rtmp_codec_level(c, level);
	if (c->width != e->width || c->height != e->height || c->rate_mhz != e->rate_mhz ||
	    c->sample_rate != e->sample_rate || strcmp(profile, s->profile) != 0 ||
	    strcmp(level, s->level) != 0) {
		printf("\n    %.20s: sample %ux%u %u mHz, %u Hz %u ch, %s@%s", s->hex, c->width,
		       c->height, c->rate_mhz, c->sample_rate, c->channels, profile, level);
	}
	CU_ASSERT_EQUAL(c->codec, s->codec);
	CU_ASSERT(c->width == e->width && c->height == e->height);
	CU_ASSERT_EQUAL(c->rate_mhz, e->rate_mhz);
	CU_ASSERT_EQUAL(c->bit_depth, e->bit_depth);
	CU_ASSERT_EQUAL(c->sample_rate, e->sample_rate);
	CU_ASSERT_EQUAL(c->channels, e->channels);
	CU_ASSERT(c->sbr == e->sbr && c->ps == e->ps);
	CU_ASSERT_STRING_EQUAL(profile, s->profile);
	CU_ASSERT_STRING_EQUAL(level, s->level);
	CU_ASSERT_STRING_EQUAL(rtmp_codec_chroma(c), s->chroma);
	CU_ASSERT_PTR_NOT_NULL(rtmp_codec_name(c->codec));
}

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct rtmp_codec_config c;
		uint8_t data[256];
		uint32_t len = from_hex(samples[i].hex, data);

		CU_ASSERT_EQUAL(read_exact(&c, samples[i].codec, data, len), 0);
		check(&samples[i], &c);
	}
}

/* Nothing is read behind the end; what is cut says so; with enough of it all is known. */
static void test_truncations(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct rtmp_codec_config c;
		uint8_t data[256];
		uint32_t all = from_hex(s->hex, data);
		uint32_t enough = s->enough ? s->enough : all;

		for (uint32_t len = 1; len < all; len++) {
			int rc = read_exact(&c, s->codec, data, len);

			if (len < enough && s->expect.width != 0) {
				CU_ASSERT(rc == -1 || c.width == 0 || c.width == s->expect.width);
			}
			if (len >= enough) {
				CU_ASSERT_EQUAL(c.width, s->expect.width);
				CU_ASSERT_EQUAL(c.height, s->expect.height);
			}
		}
	}
}

/* Whatever the bits are, it ends. */
static void test_noise(void)
{
	uint64_t seed = 1;

	for (uint32_t round = 0; round < 20000; round++) {
		const struct sample *s = &samples[round % (sizeof(samples) / sizeof(samples[0]))];
		struct rtmp_codec_config c;
		char text[RTMP_CODEC_TEXT];
		uint8_t data[256];
		uint32_t len = from_hex(s->hex, data);

		for (uint32_t i = 0; i < 3; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			data[(seed >> 33) % len] = (uint8_t)(seed >> 56);
		}
		(void)read_exact(&c, s->codec, data, len);
		rtmp_codec_profile(&c, text);
		rtmp_codec_level(&c, text);
		CU_ASSERT_PTR_NOT_NULL(rtmp_codec_chroma(&c));
	}
}

/* A size that no picture has is shown as it is said, as far as a number can. */
static void test_absurd_size(void)
{
	struct rtmp_codec_config c;
	uint8_t data[64];
	uint32_t len = from_hex("0142000affe1000f6742000adc0000030007fffffffe4000", data);

	CU_ASSERT_EQUAL(rtmp_codec_read(&c, RTMP_CODEC_AVC, data, len), 0);
	CU_ASSERT_EQUAL(c.width, UINT32_MAX);
	CU_ASSERT_EQUAL(c.height, 16);
}

static void test_frames(void)
{
	static const struct {
		uint32_t codec;
		const char *hex;
		uint32_t a; /* width or sample rate */
		uint32_t b; /* height or channels */
	} frames[] = {
		{RTMP_CODEC_VP8, "f0c6009d012a800268010007", 640, 360},
		{RTMP_CODEC_VP9, "824983420027f016760438241c184a10", 640, 360},
		{RTMP_CODEC_VP9, "b124c1a102013f80b3b031c120e0c2c0", 640, 360},
		{RTMP_CODEC_MP3, "fffb50c4", 44100, 1},
		{RTMP_CODEC_MP3, "fff38464", 24000, 2},
	};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct rtmp_codec_config c = {0};
		uint8_t data[32];
		uint32_t len = from_hex(frames[i].hex, data);
		uint32_t first;
		uint32_t second;

		CU_ASSERT(rtmp_codec_frame(&c, frames[i].codec, data, len));
		first = frames[i].codec == RTMP_CODEC_MP3 ? c.sample_rate : c.width;
		second = frames[i].codec == RTMP_CODEC_MP3 ? c.channels : c.height;
		CU_ASSERT_EQUAL(first, frames[i].a);
		CU_ASSERT_EQUAL(second, frames[i].b);
		data[0] = 0xff;
		data[1] = 0;
		CU_ASSERT_FALSE(rtmp_codec_frame(&c, frames[i].codec, data, len));
		for (uint32_t n = 0; n < 4; n++) {
			CU_ASSERT_FALSE(rtmp_codec_frame(&c, frames[i].codec, data, n));
		}
	}
	CU_ASSERT_FALSE(rtmp_codec_frame(&(struct rtmp_codec_config){0}, RTMP_CODEC_AVC,
					 (const uint8_t *)"abcdefgh", 8));
}

static void test_sound_flags(void)
{
	struct rtmp_codec_config c = {0};

	rtmp_codec_sound(&c, RTMP_CODEC_PCM, 0x0b); /* 22 kHz, 16 bits, stereo */
	CU_ASSERT(c.sample_rate == 22050 && c.channels == 2 && c.bit_depth == 16);
	c = (struct rtmp_codec_config){0};
	rtmp_codec_sound(&c, RTMP_CODEC_SPEEX, 0x0f);
	CU_ASSERT(c.sample_rate == 16000 && c.channels == 1);
	c = (struct rtmp_codec_config){0};
	rtmp_codec_sound(&c, RTMP_CODEC_AAC, 0x0f);
	CU_ASSERT(c.sample_rate == 0 && c.channels == 0);
}

static void test_unknown(void)
{
	struct rtmp_codec_config c;
	char text[RTMP_CODEC_TEXT] = "x";

	CU_ASSERT_EQUAL(rtmp_codec_read(&c, RTMP_FOURCC('a', 'b', 'c', 'd'), NULL, 0), 0);
	CU_ASSERT_PTR_NULL(rtmp_codec_name(c.codec));
	rtmp_codec_profile(&c, text);
	CU_ASSERT_STRING_EQUAL(text, "");
	CU_ASSERT_EQUAL(rtmp_codec_read(&c, RTMP_CODEC_OPUS, NULL, 0), 0);
	CU_ASSERT(c.sample_rate == 48000 && c.channels == 0);
}

static const struct test tests[] = {
	{"samples", test_samples},       {"truncations", test_truncations},
	{"noise", test_noise},           {"absurd size", test_absurd_size},
	{"frames", test_frames},         {"sound flags", test_sound_flags},
	{"unknown codec", test_unknown},
};

int main(void)
{
	return RUN_TESTS("rtmp/codec", tests);
}
