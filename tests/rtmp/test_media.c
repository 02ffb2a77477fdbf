/*
 * Heads of media messages: ModEx, Multitrack, composition time, and every truncation of them.
 */
#include "rtmp/media.h"
#include "rtmp/message.h"
#include "runner.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

enum {
	A = RTMP_TYPE_AUDIO,
	V = RTMP_TYPE_VIDEO,
	START = RTMP_PACKET_SEQUENCE_START,
	CODED = RTMP_PACKET_CODED,
};

static const struct sample {
	const char *bytes;
	uint32_t len;
	struct rtmp_media expect;
	uint8_t type;
	int rc;
} samples[] = {
#define S(type, bytes, rc, ...)                                   \
	{                                                         \
		bytes, sizeof(bytes) - 1, {__VA_ARGS__}, type, rc \
	}
	S(A, "", 0, .packet = RTMP_PACKET_SILENCE),
	S(A, "\xaf\x00\x12", 0, .codec = RTMP_CODEC_AAC, .packet = START, .body = 2, .sound = 15),
	S(A, "\xae\x01\x21", 0, .codec = RTMP_CODEC_AAC, .packet = CODED, .body = 2, .sound = 14),
	S(A, "\xaf\x02", RTMP_MEDIA_INVALID, .codec = RTMP_CODEC_AAC, .body = 2, .sound = 15),
	S(A, "\x2a\xff", 0, .codec = RTMP_CODEC_MP3, .packet = CODED, .body = 1, .sound = 10),
	S(A, "\xb2\xff", 0, .codec = RTMP_CODEC_SPEEX, .packet = CODED, .body = 1, .sound = 2),
	S(A, "\x90Opus", 0, .codec = RTMP_CODEC_OPUS, .packet = START, .body = 5, .enhanced = true),
	S(A, "\x91\x2emp3x", 0, .codec = RTMP_CODEC_MP3, .packet = CODED, .body = 5,
	  .enhanced = true),
	S(A, "\x92\x61\x63-3", 0, .codec = RTMP_CODEC_AC3, .packet = RTMP_PACKET_SEQUENCE_END,
	  .body = 5, .enhanced = true),
	S(A,
	  "\x94"
	  "fLaC\x01\x02",
	  0, .codec = RTMP_CODEC_FLAC, .packet = RTMP_PACKET_MULTICHANNEL, .body = 5,
	  .enhanced = true),
	S(A, "\x96mp4a", RTMP_MEDIA_INVALID, .codec = RTMP_CODEC_AAC, .body = 5, .enhanced = true),
	S(A, "\x97\x02\x0f\x42\x3f\x01mp4a", 0, .codec = RTMP_CODEC_AAC, .packet = CODED,
	  .body = 10, .offset_ns = 999999, .modex = 1, .enhanced = true),
	S(A, "\x97\x02\x0f\x42\x40\x01mp4a", 0, .codec = RTMP_CODEC_AAC, .packet = CODED,
	  .body = 10, .modex = 1, .enhanced = true), /* a million is too much */
	S(A, "\x97\x01\x01\x02\x01mp4a", 0, .codec = RTMP_CODEC_AAC, .packet = CODED, .body = 9,
	  .modex = 1, .enhanced = true), /* two bytes are too few */
	S(A, "\x95\x01mp4a\x07x", 0, .codec = RTMP_CODEC_AAC, .packet = CODED, .body = 7,
	  .multitrack = RTMP_TRACKS_ONE, .track = 7, .enhanced = true),
	S(A, "\x95\x21mp4a\x07\x00\x00\x00", 0, .packet = CODED, .body = 2,
	  .multitrack = RTMP_TRACKS_MANY_CODECS, .track = 7, .enhanced = true),
	S(V, "", RTMP_MEDIA_INVALID),
	S(V, "\x17\x00\x00\x00\x00\x01", 0, .codec = RTMP_CODEC_AVC, .packet = START, .body = 5,
	  .frame = 1),
	S(V, "\x27\x01\xff\xff\xd8x", 0, .codec = RTMP_CODEC_AVC, .packet = CODED, .body = 5,
	  .frame = 2, .composition_ms = -40),
	S(V, "\x17\x02\x00\x00\x00", 0, .codec = RTMP_CODEC_AVC, .packet = RTMP_PACKET_SEQUENCE_END,
	  .body = 5, .frame = 1),
	S(V, "\x17\x01", 0, .codec = RTMP_CODEC_AVC, .packet = CODED, .body = 2, .frame = 1),
	S(V, "\x17\x03\x00\x00\x00", RTMP_MEDIA_INVALID, .codec = RTMP_CODEC_AVC, .body = 5,
	  .frame = 1),
	S(V, "\x1c\x01\x00\x00\x14", 0, .codec = RTMP_CODEC_HEVC, .packet = CODED, .body = 5,
	  .frame = 1, .composition_ms = 20),
	S(V, "\x22x", 0, .codec = RTMP_CODEC_SORENSON, .packet = CODED, .body = 1, .frame = 2),
	S(V, "\x57\x00", 0, .codec = RTMP_CODEC_AVC, .packet = RTMP_PACKET_COMMAND, .body = 1,
	  .frame = 5),
	S(V, "\xd0\x01", 0, .packet = RTMP_PACKET_COMMAND, .body = 1, .frame = 5, .enhanced = true),
	S(V, "\xd4hvc1", 0, .codec = RTMP_CODEC_HEVC, .packet = RTMP_PACKET_METADATA, .body = 5,
	  .frame = 5, .enhanced = true),
	S(V, "\xa1hvc1\x80\x00\x00x", 0, .codec = RTMP_CODEC_HEVC, .packet = CODED, .body = 8,
	  .frame = 2, .composition_ms = -8388608, .enhanced = true, .composition_inside = true),
	S(V, "\xa1vvc1\x7f\xff\xff", 0, .codec = RTMP_CODEC_VVC, .packet = CODED, .body = 8,
	  .frame = 2, .composition_ms = 8388607, .enhanced = true, .composition_inside = true),
	S(V, "\xa1vp09\x00\x00\x14", 0, .codec = RTMP_CODEC_VP9, .packet = CODED, .body = 5,
	  .frame = 2, .enhanced = true, .composition_inside = true), /* has none */
	S(V, "\xa3hvc1\x00\x00\x14", 0, .codec = RTMP_CODEC_HEVC, .packet = CODED, .body = 5,
	  .frame = 2, .enhanced = true), /* none either */
	S(V, "\x95\x61v01", 0, .codec = RTMP_CODEC_AV1, .packet = RTMP_PACKET_MPEG2TS_START,
	  .body = 5, .frame = 1, .enhanced = true),
	S(V, "\x97\x00\x07\x17\x02\x00\x00\x2a\x01hvc1\x00\x00\x01", 0, .codec = RTMP_CODEC_HEVC,
	  .packet = CODED, .body = 16, .frame = 1, .composition_ms = 1, .offset_ns = 42, .modex = 2,
	  .enhanced = true, .composition_inside = true), /* one unknown, one of 42 ns */
	S(V, "\x97\xff\x00\x02\x00\x00\x2a\x01hvc1\x00\x00\x01", 0, .codec = RTMP_CODEC_HEVC,
	  .packet = CODED, .body = 15, .frame = 1, .composition_ms = 1, .offset_ns = 42, .modex = 1,
	  .enhanced = true, .composition_inside = true), /* the long form of a short size */
	S(V, "\x96\x16hvc1\x01", RTMP_MEDIA_INVALID, .frame = 1, .multitrack = RTMP_TRACKS_MANY,
	  .enhanced = true), /* Multitrack in Multitrack */
	S(V, "\x96\x17hvc1\x01", RTMP_MEDIA_INVALID, .frame = 1, .multitrack = RTMP_TRACKS_MANY,
	  .enhanced = true), /* ModEx in Multitrack */
	S(V, "\x96\x31hvc1\x01", RTMP_MEDIA_INVALID, .frame = 1, .multitrack = 4,
	  .enhanced = true), /* a type that is reserved */
#undef S
};

/* In memory of exactly that size, so that a sanitizer sees what is read behind it. */
static int read_exact(struct rtmp_media *m, uint8_t type, const void *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	int rc;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	rc = rtmp_media_read(m, type, copy, len);
	free(copy);
	return rc;
}

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct rtmp_media m;
		int rc = read_exact(&m, s->type, s->bytes, s->len);

		if (rc != s->rc || memcmp(&m, &s->expect, sizeof(m)) != 0) {
			printf("\n    sample %zu: rc %d packet %u body %u", i, rc, m.packet,
			       m.body);
		}
		CU_ASSERT_EQUAL(rc, s->rc);
		CU_ASSERT_EQUAL(memcmp(&m, &s->expect, sizeof(m)), 0);
	}
}

/* A head cut short says so, and is not taken for anything that needs what is missing. */
static void test_truncations(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];

		for (uint32_t len = 1; len < s->len; len++) {
			struct rtmp_media m;
			int rc = read_exact(&m, s->type, s->bytes, len);

			CU_ASSERT(m.body <= len);
			if (rc == RTMP_MEDIA_SHORT) {
				CU_ASSERT_EQUAL(m.packet, RTMP_PACKET_UNKNOWN);
			} else {
				CU_ASSERT_EQUAL(rc, s->rc);
				CU_ASSERT_EQUAL(m.packet, s->expect.packet);
			}
		}
	}
}

/* A chain goes on as long as the data, and no longer. */
static void test_long_chain(void)
{
	enum { LINKS = 400, END = 3 * LINKS };
	static const uint8_t link[3] = {0x00, 0xee, 0x17}; /* of type 1: not known */
	uint8_t data[END + 6];
	struct rtmp_media m;

	for (size_t i = 0; i < LINKS; i++) {
		memcpy(data + 1 + 3 * i, link, sizeof(link));
	}
	data[0] = 0x97;
	data[END] = 0x10; /* the last one: sequence start follows */
	rtmp_set_be32(data + END + 1, RTMP_CODEC_HEVC);
	CU_ASSERT_EQUAL(rtmp_media_read(&m, V, data, END + 5), 0);
	CU_ASSERT_EQUAL(m.packet, START);
	CU_ASSERT_EQUAL(m.modex, 255);
	CU_ASSERT_EQUAL(m.body, END + 5);
	CU_ASSERT_EQUAL(rtmp_media_read(&m, V, data, 40), RTMP_MEDIA_SHORT);
	CU_ASSERT_EQUAL(m.packet, RTMP_PACKET_UNKNOWN);
}

/* Walks a message whole; returns the number of tracks, or what ended it. */
static int walk(uint8_t type, const char *bytes, uint32_t len, struct rtmp_track *out, int max)
{
	struct rtmp_tracks tracks;
	struct rtmp_media m;
	int count = 0;
	int rc;

	CU_ASSERT_EQUAL(rtmp_media_read(&m, type, (const uint8_t *)bytes, len), 0);
	rtmp_tracks_init(&tracks, &m, len);
	while (count < max && (rc = rtmp_tracks_next(&tracks, (const uint8_t *)bytes + tracks.at,
						     len - tracks.at, &out[count])) != 0) {
		if (rc < 0) {
			return rc;
		}
		CU_ASSERT(out[count].body + out[count].length <= len);
		count++;
	}
	return count;
}

static void test_single_tracks(void)
{
	struct rtmp_track t[2];

	CU_ASSERT_EQUAL(walk(V, "\x27\x01\x00\x00\x0axyz", 8, t, 2), 1);
	CU_ASSERT(t[0].id == 0 && t[0].body == 5 && t[0].length == 3 && t[0].composition_ms == 10);
	CU_ASSERT_EQUAL(walk(V, "\x96\x01hvc1\x05\x00\x00\x0axyz", 13, t, 2), 1);
	CU_ASSERT(t[0].id == 5 && t[0].body == 10 && t[0].length == 3);
	CU_ASSERT(t[0].codec == RTMP_CODEC_HEVC && t[0].composition_ms == 10);
	CU_ASSERT_EQUAL(walk(A, "", 0, t, 2), 1);
	CU_ASSERT(t[0].body == 0 && t[0].length == 0);
}

static void test_many_tracks(void)
{
	static const char one_codec[] = "\x96\x11hvc1"
					"\x00\x00\x00\x05\x00\x00\x02xy"
					"\x03\x00\x00\x03\xff\xff\xff"
					"\x09\x00\x00\x00";
	static const char codecs[] = "\x96\x21"
				     "avc1\x01\x00\x00\x04\x00\x00\x07x"
				     "\x61v01\x02\x00\x00\x02yz";
	struct rtmp_track t[4];

	CU_ASSERT_EQUAL_FATAL(walk(V, one_codec, sizeof(one_codec) - 1, t, 4), 3);
	CU_ASSERT(t[0].id == 0 && t[0].length == 2 && t[0].composition_ms == 2);
	CU_ASSERT_EQUAL(one_codec[t[0].body], 'x');
	CU_ASSERT(t[1].id == 3 && t[1].length == 0 && t[1].composition_ms == -1);
	CU_ASSERT(t[2].id == 9 && t[2].length == 0 && t[2].composition_ms == 0);
	CU_ASSERT_EQUAL_FATAL(walk(V, codecs, sizeof(codecs) - 1, t, 4), 2);
	CU_ASSERT(t[0].id == 1 && t[0].codec == RTMP_CODEC_AVC && t[0].composition_ms == 7);
	CU_ASSERT_EQUAL(codecs[t[0].body], 'x');
	CU_ASSERT(t[1].id == 2 && t[1].codec == RTMP_CODEC_AV1 && t[1].length == 2);
	CU_ASSERT_EQUAL(codecs[t[1].body], 'y');
}

/* A size that goes beyond the message, and heads cut at every byte. */
static void test_broken_tracks(void)
{
	static const char data[] = "\x96\x20"
				   "avc1\x01\x00\x00\x01x"
				   "hvc1\x02\x00\x00\x01y";
	struct rtmp_track t[4];

	CU_ASSERT_EQUAL(walk(V, "\x96\x10hvc1\x00\x00\x00\x02x", 11, t, 4), RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(walk(V, "\x96\x10hvc1\x00\xff\xff\xffx", 11, t, 4), RTMP_MEDIA_INVALID);
	for (uint32_t len = 7; len < sizeof(data) - 1; len++) {
		int rc = walk(V, data, len, t, 4);

		CU_ASSERT_EQUAL(rc, len == 11 ? 1 : RTMP_MEDIA_INVALID);
	}
	CU_ASSERT_EQUAL(walk(V, data, sizeof(data) - 1, t, 4), 2);
}

static void test_fourcc_text(void)
{
	char text[RTMP_FOURCC_TEXT];

	rtmp_fourcc_text(RTMP_CODEC_AVC, text);
	CU_ASSERT_STRING_EQUAL(text, "avc1");
	rtmp_fourcc_text(RTMP_FOURCC('\x1b', '"', '\\', 0xff), text);
	CU_ASSERT_STRING_EQUAL(text, "????");
}

static const struct test tests[] = {
	{"samples", test_samples},
	{"truncations", test_truncations},
	{"long chain of ModEx", test_long_chain},
	{"one track", test_single_tracks},
	{"many tracks", test_many_tracks},
	{"broken tracks", test_broken_tracks},
	{"FourCC as text", test_fourcc_text},
};

int main(void)
{
	return RUN_TESTS("rtmp/media", tests);
}
