/*
 * Enhanced RTMP v2, lines A3, A19 and A20 of CONFORMANCE.md: ModEx and Multitrack ("Enhanced
 * Audio", "Enhanced Video").
 */
#include "rtmp/media.h"
#include "table.h"

#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

static struct rtmp_media media;
static struct rtmp_track track;

#define READ(type, bytes) table_head(&media, type, bytes, sizeof(bytes) - 1)

/* Track `i` of a message, in `track`; what rtmp_tracks_next() said of it. */
static int read_track(const void *bytes, size_t len, uint32_t i)
{
	struct rtmp_tracks tracks;
	int rc;

	CU_ASSERT_EQUAL(table_head(&media, V, bytes, len), RTMP_MEDIA_OK);
	rtmp_tracks_init(&tracks, &media, (uint32_t)len);
	do {
		uint32_t left = tracks.at < len ? (uint32_t)len - tracks.at : 0;

		rc = rtmp_tracks_next(&tracks, (const uint8_t *)bytes + tracks.at,
				      left < RTMP_TRACK_HEAD ? left : RTMP_TRACK_HEAD, &track);
	} while (rc == 1 && i-- > 0);
	return rc;
}

#define TRACK(bytes, i) read_track(bytes, sizeof(bytes) - 1, i)

/* A19: nanoseconds of one message, 0 to 999999; larger ones are none. */
static void test_nanoseconds(void)
{
	CU_ASSERT_EQUAL(READ(V, "\x97\x02\x0f\x42\x3f\x01"
				"av01x"),
			RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.offset_ns, 999999);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_CODED);
	CU_ASSERT_EQUAL(media.body, 10);
	CU_ASSERT_EQUAL(READ(V, "\x97\x02\x0f\x42\x40\x01"
				"av01x"),
			RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.offset_ns, 0);
	CU_ASSERT_EQUAL(READ(A, "\x97\x02\x00\x00\x07\x01Opusx"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.offset_ns, 7);
	CU_ASSERT_EQUAL(READ(A, "\x91Opusx"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.offset_ns, 0);
}

/* A19: unknown types are stepped over by their size, in chains, and with the long size. */
static void test_modex_chain(void)
{
	static const uint8_t fourcc[] = {'h', 'v', 'c', '1'};
	static uint8_t bytes[400];

	CU_ASSERT_EQUAL(READ(V, "\x97\x00\xaa\xf7\x01\xaa\xbb\x37\x02\x00\x00\x05\x03hvc1x"),
			RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.modex, 3);
	CU_ASSERT_EQUAL(media.offset_ns, 5);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_CODED);
	CU_ASSERT_EQUAL(media.body, 17);
	/* UI8 255 + 1 = 256: the size is in 16 bits, plus one: 300. */
	bytes[0] = 0x97;
	bytes[1] = 0xff;
	bytes[2] = 299 >> 8;
	bytes[3] = 299 & 0xff;
	bytes[4 + 300] = 0xf0; /* type 15, then SequenceStart */
	memcpy(bytes + 5 + 300, fourcc, sizeof(fourcc));
	CU_ASSERT_EQUAL(table_head(&media, V, bytes, sizeof(bytes)), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_SEQUENCE_START);
	CU_ASSERT_EQUAL(media.body, 309);
}

/* A19: a chain ends with the message; its size is not believed. */
static void test_modex_bounds(void)
{
	static uint8_t chain[3 * 2000];

	for (size_t i = 0; i < sizeof(chain); i += 3) {
		chain[i] = 0xf7; /* and data of one byte */
	}
	chain[0] = 0x97;
	CU_ASSERT_EQUAL(table_head(&media, V, chain, sizeof(chain)), RTMP_MEDIA_SHORT);
	CU_ASSERT_EQUAL(READ(V, "\x97\xff\xff\xff\x00"), RTMP_MEDIA_SHORT);
	CU_ASSERT_EQUAL(READ(A, "\x97\x04\x00\x00"), RTMP_MEDIA_SHORT);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_UNKNOWN);
}

/* A20: one track: FourCC and id; no size. */
static void test_one_track(void)
{
	static const char one[] = "\x96\x01hvc1\x05\xff\xff\xffxyz";

	CU_ASSERT_EQUAL(TRACK(one, 0), 1);
	CU_ASSERT_EQUAL(media.multitrack, RTMP_TRACKS_ONE);
	CU_ASSERT_EQUAL(track.id, 5);
	CU_ASSERT_EQUAL(track.codec, RTMP_CODEC_HEVC);
	CU_ASSERT_EQUAL(track.composition_ms, -1);
	CU_ASSERT_EQUAL(track.body, 10);
	CU_ASSERT_EQUAL(track.length, 3);
	CU_ASSERT_EQUAL(TRACK(one, 1), 0);
	/* Not multitrack is track 0, and an id does not stick. */
	CU_ASSERT_EQUAL(TRACK("\x93hvc1xyz", 0), 1);
	CU_ASSERT_EQUAL(track.id, 0);
	CU_ASSERT_EQUAL(track.length, 3);
}

/* A3, A20: all tracks of a message, of one codec and of many. */
static void test_many_tracks(void)
{
	static const char many[] = "\x96\x13"
				   "av01\x00\x00\x00\x02"
				   "ab\x07\x00\x00\x00\x09\x00\x00\x01z";
	static const char codecs[] = "\x96\x21"
				     "avc1\x00\x00\x00\x04\x00\x00\x01"
				     "a"
				     "vp09\x02\x00\x00\x02"
				     "bc";

	CU_ASSERT_EQUAL(TRACK(many, 0), 1);
	CU_ASSERT_TRUE(track.id == 0 && track.body == 10 && track.length == 2);
	CU_ASSERT_EQUAL(TRACK(many, 1), 1);
	CU_ASSERT_TRUE(track.id == 7 && track.length == 0);
	CU_ASSERT_EQUAL(TRACK(many, 2), 1);
	CU_ASSERT_TRUE(track.id == 9 && track.body == 20 && track.length == 1);
	CU_ASSERT_EQUAL(track.codec, RTMP_CODEC_AV1);
	CU_ASSERT_EQUAL(TRACK(many, 3), 0);
	CU_ASSERT_EQUAL(TRACK(codecs, 0), 1);
	CU_ASSERT_TRUE(track.codec == RTMP_CODEC_AVC && track.composition_ms == 1);
	CU_ASSERT_TRUE(track.body == 13 && track.length == 1);
	CU_ASSERT_EQUAL(TRACK(codecs, 1), 1);
	CU_ASSERT_TRUE(track.codec == RTMP_CODEC_VP9 && track.id == 2 && track.length == 2);
	CU_ASSERT_EQUAL(TRACK(codecs, 2), 0);
	/* Codec configuration has no composition time in front of it. */
	CU_ASSERT_EQUAL(TRACK("\x96\x20"
			      "avc1\x00\x00\x00\x04\x01\x64\x00\x1f",
			      0),
			1);
	CU_ASSERT_TRUE(track.length == 4 && track.composition_ms == 0);
}

/* A20: no Multitrack in Multitrack, no fourth kind, no track that is longer than the message. */
static void test_bad_tracks(void)
{
	CU_ASSERT_EQUAL(READ(V, "\x96\x06hvc1\x00"), RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(READ(A, "\x95\x05Opus\x00"), RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(READ(V, "\x96\x31hvc1\x00"), RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(TRACK("\x96\x13"
			      "av01\x00\x00\x00\x02"
			      "a",
			      0),
			RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(TRACK("\x96\x13"
			      "av01\x00\xff\xff\xff",
			      0),
			RTMP_MEDIA_INVALID);
	CU_ASSERT_EQUAL(TRACK("\x96\x13"
			      "av01\x00\x00\x00\x01"
			      "a\x01\x00",
			      1),
			RTMP_MEDIA_INVALID);
}

/* A20: keyframes and headers of track 0 count; those of others do not stand for it. */
static void test_default_track(void)
{
	CU_ASSERT_EQUAL(table_flags(V, (const uint8_t *)"\x96\x03hvc1\x00x", 8),
			RTMP_MEDIA_KEYFRAME);
	CU_ASSERT_EQUAL(table_flags(V, (const uint8_t *)"\xa6\x03hvc1\x00x", 8), 0);
	CU_ASSERT_EQUAL(table_flags(V, (const uint8_t *)"\x96\x00hvc1\x00x", 8),
			RTMP_MEDIA_SEQUENCE_HEADER);
}

static const struct test tests[] = {
	{"A19 nanoseconds", test_nanoseconds},
	{"A19 chains of ModEx", test_modex_chain},
	{"A19 bounds of ModEx", test_modex_bounds},
	{"A20 one track", test_one_track},
	{"A20 many tracks", test_many_tracks},
	{"A20 bad tracks", test_bad_tracks},
	{"A20 default track", test_default_track},
	{"A3 all tracks of a message", test_many_tracks},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_a_tracks", tests);
}
