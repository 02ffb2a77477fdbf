/*
 * Enhanced RTMP v2, lines A1, A3, A9 to A18 of CONFORMANCE.md: heads of audio and video messages
 * ("Enhanced Audio", "Enhanced Video").
 */
#include "rtmp/media.h"
#include "table.h"

#include <string.h>

enum { A = RTMP_TYPE_AUDIO, V = RTMP_TYPE_VIDEO };

static struct rtmp_media media;

#define READ(type, bytes) table_head(&media, type, bytes, sizeof(bytes) - 1)

/* A1: packet types 3, 6 and 8 to 15 of audio, 8 to 15 of video are reserved: not understood. */
static void test_reserved(void)
{
	for (uint8_t type = 0; type < 16; type++) {
		uint8_t audio[] = {(uint8_t)(0x90 | type), 'O', 'p', 'u', 's', 1, 2, 3};
		uint8_t video[] = {(uint8_t)(0x90 | type), 'a', 'v', '0', '1', 1, 2, 3};

		if (type == 3 || type == 6 || type > 7) {
			CU_ASSERT_EQUAL(table_head(&media, A, audio, sizeof(audio)),
					RTMP_MEDIA_INVALID);
			CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_UNKNOWN);
			CU_ASSERT_EQUAL(table_flags(A, audio, sizeof(audio)), 0);
		}
		if (type > 7) {
			CU_ASSERT_EQUAL(table_head(&media, V, video, sizeof(video)),
					RTMP_MEDIA_INVALID);
			CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_UNKNOWN);
			CU_ASSERT_EQUAL(table_flags(V, video, sizeof(video)), 0);
		}
	}
}

/* A1, A3: what is not understood is handed on all the same, in its place. */
static void test_passed_on(void)
{
	static const char *const strange[] = {"\x9fzzzzyyyy", "\x96\xf0zzzz", "\x97\xff\xff\xff",
					      "\x99zzzz"};

	table_live();
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		table_send(V, 6, 1, strange[i], (uint32_t)strlen(strange[i]));
		table_send(A, 4, 1, strange[i], (uint32_t)strlen(strange[i]));
	}
	table_expect(0,
		     "media=9:9 media=8:9 media=9:6 media=8:6 media=9:4 media=8:4 media=9:5 "
		     "media=8:5 ",
		     "");
}

/* A9: SequenceStart 0, CodedFrames 1, SequenceEnd 2, MultichannelConfig 4. */
static void test_audio_packets(void)
{
	CU_ASSERT_EQUAL(READ(A, "\x90mp4a\x12\x10"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_SEQUENCE_START);
	CU_ASSERT_EQUAL(media.body, 5);
	CU_ASSERT_EQUAL(READ(A, "\x91mp4a\x21"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_CODED);
	CU_ASSERT_EQUAL(media.composition_ms, 0);
	CU_ASSERT_EQUAL(READ(A, "\x92mp4a"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_SEQUENCE_END);
	CU_ASSERT_EQUAL(READ(A, "\x94mp4a\x01\x02\x00\x00\x00\x03"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_MULTICHANNEL);
	CU_ASSERT_TRUE(media.enhanced);
}

/* A10: every FourCC is read as it stands, byte for byte. */
static void test_audio_codecs(void)
{
	static const struct {
		const char *name;
		uint32_t codec;
	} codecs[] = {
		{"ac-3", RTMP_CODEC_AC3}, {"ec-3", RTMP_CODEC_EAC3}, {"Opus", RTMP_CODEC_OPUS},
		{".mp3", RTMP_CODEC_MP3}, {"fLaC", RTMP_CODEC_FLAC}, {"mp4a", RTMP_CODEC_AAC},
		{"zzzz", 0x7a7a7a7a},
	};

	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		uint8_t bytes[6] = {0x91};

		memcpy(bytes + 1, codecs[i].name, 4);
		CU_ASSERT_EQUAL(table_head(&media, A, bytes, sizeof(bytes)), RTMP_MEDIA_OK);
		CU_ASSERT_EQUAL(media.codec, codecs[i].codec);
	}
	CU_ASSERT_EQUAL(RTMP_CODEC_AV1, 1635135537); /* "av01" in onMetaData */
}

/* A11: an order that is native, custom or unspecified: each is kept, and no sequence header. */
static void test_multichannel(void)
{
	static const struct {
		const char *bytes;
		uint32_t len;
	} rows[] = {
		{"\x94Opus\x00\x06", 7},
		{"\x94Opus\x01\x06\x00\x00\x06\x0f", 11},
		{"\x94Opus\x02\x03\x00\xfe\xff", 10},
	};

	for (size_t i = 0; i < 3; i++) {
		const uint8_t *bytes = (const uint8_t *)rows[i].bytes;

		CU_ASSERT_EQUAL(table_head(&media, A, bytes, rows[i].len), RTMP_MEDIA_OK);
		CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_MULTICHANNEL);
		CU_ASSERT_EQUAL(media.body, 5);
		CU_ASSERT_EQUAL(table_flags(A, bytes, rows[i].len), RTMP_MEDIA_METADATA);
	}
}

/* A12: a sequence start of Opus may have no body. */
static void test_empty_opus(void)
{
	CU_ASSERT_EQUAL(READ(A, "\x90Opus"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_SEQUENCE_START);
	CU_ASSERT_EQUAL(media.body, 5);
	CU_ASSERT_EQUAL(table_flags(A, (const uint8_t *)"\x90Opus", 5), RTMP_MEDIA_SEQUENCE_HEADER);
}

/* A13: nothing at all is silence, in audio only. */
static void test_silence(void)
{
	CU_ASSERT_EQUAL(READ(A, ""), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_SILENCE);
	CU_ASSERT_NOT_EQUAL(READ(V, ""), RTMP_MEDIA_OK);
	table_live();
	table_send(A, 4, 1, NULL, 0);
	table_expect(0, "media=8:0 ", "");
}

/* A14: packet types 0 to 5, and the frame type in the three bits below the first. */
static void test_video_packets(void)
{
	static const uint8_t packets[] = {RTMP_PACKET_SEQUENCE_START, RTMP_PACKET_CODED,
					  RTMP_PACKET_SEQUENCE_END,   RTMP_PACKET_CODED,
					  RTMP_PACKET_METADATA,       RTMP_PACKET_MPEG2TS_START};

	for (uint32_t type = 0; type < sizeof(packets); type++) {
		for (uint8_t frame = 1; frame <= 4; frame++) {
			uint8_t bytes[] = {
				(uint8_t)(0x80 | frame << 4 | type), 'a', 'v', '0', '1', 9};

			CU_ASSERT_EQUAL(table_head(&media, V, bytes, sizeof(bytes)), RTMP_MEDIA_OK);
			CU_ASSERT_EQUAL(media.packet, packets[type]);
			CU_ASSERT_EQUAL(media.frame, frame);
			CU_ASSERT_EQUAL(media.codec, RTMP_CODEC_AV1);
			CU_ASSERT_EQUAL(media.body, 5);
		}
	}
}

/* A15: composition time stands in CodedFrames of avc1, hvc1 and vvc1 only, and has a sign. */
static void test_composition(void)
{
	static const struct {
		const char *name;
		uint32_t codec;
		bool has;
	} codecs[] = {
		{"avc1", RTMP_CODEC_AVC, true},  {"hvc1", RTMP_CODEC_HEVC, true},
		{"vvc1", RTMP_CODEC_VVC, true},  {"vp08", RTMP_CODEC_VP8, false},
		{"vp09", RTMP_CODEC_VP9, false}, {"av01", RTMP_CODEC_AV1, false},
	};

	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
		for (uint8_t type = 1; type <= 3; type += 2) {
			uint8_t bytes[] = {0x90, 0, 0, 0, 0, 0xff, 0xff, 0xd8, 1};
			bool has = codecs[i].has && type == 1;

			bytes[0] = (uint8_t)(0x90 | type);
			memcpy(bytes + 1, codecs[i].name, 4);
			CU_ASSERT_EQUAL(table_head(&media, V, bytes, sizeof(bytes)), RTMP_MEDIA_OK);
			CU_ASSERT_EQUAL(media.codec, codecs[i].codec);
			CU_ASSERT_EQUAL(media.composition_ms, has ? -40 : 0);
			CU_ASSERT_EQUAL(media.body, has ? 8 : 5);
		}
	}
	/* Before Enhanced RTMP the same field. */
	CU_ASSERT_EQUAL(READ(V, "\x27\x01\x80\x00\x00\x01"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.composition_ms, -8388608);
	CU_ASSERT_EQUAL(READ(V, "\x27\x01\x00\x00\x50\x01"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.composition_ms, 80);
}

/* A16: frame type 5 is a command without a body, but in Metadata it means nothing. */
static void test_commands(void)
{
	static const uint8_t types[] = {0, 1, 2, 3, 5, 6};

	for (size_t i = 0; i < sizeof(types); i++) {
		uint8_t bytes[] = {(uint8_t)(0xd0 | types[i]), 1};

		CU_ASSERT_EQUAL(table_head(&media, V, bytes, sizeof(bytes)), RTMP_MEDIA_OK);
		CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_COMMAND);
		CU_ASSERT_EQUAL(table_flags(V, bytes, sizeof(bytes)), 0);
	}
	CU_ASSERT_EQUAL(READ(V, "\xd4hvc1\x02"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_METADATA);
	CU_ASSERT_EQUAL(READ(V, "\x57\x00"), RTMP_MEDIA_OK);
	CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_COMMAND);
}

/* A17, A18: colour information is told as metadata of its codec, in AMF0 and in AMF3. */
static void test_colour(void)
{
	static const char *const bodies[] = {
		"\x94hvc1\x02\x00\x09"
		"colorInfo\x03",
		"\x94"
		"av01\x02\x00\x09"
		"colorInfo\x11\x0a",
		"\xa4vp09\x02\x00\x09"
		"colorInfo\x06", /* undefined: a reset */
	};

	table_live();
	for (size_t i = 0; i < 3; i++) {
		/* The NUL of the length stands at 6: the literals end behind it. */
		uint32_t len = 8 + (uint32_t)strlen(bodies[i] + 7) - 1;

		CU_ASSERT_EQUAL(table_head(&media, V, bodies[i], len), RTMP_MEDIA_OK);
		CU_ASSERT_EQUAL(media.packet, RTMP_PACKET_METADATA);
		CU_ASSERT_EQUAL(media.body, 5);
		CU_ASSERT_EQUAL(table_flags(V, (const uint8_t *)bodies[i], len),
				RTMP_MEDIA_METADATA);
		table_send(V, 6, 1, bodies[i], len);
	}
	CU_ASSERT_FALSE(table_fails());
}

/* A21: a codec as the number of its FourCC, and what is said of each track: passed on whole. */
static void test_metadata(void)
{
	static const char data[] = "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x03"
				   "\x00\x0cvideocodecid\x00\x41\xd8\x5d\x8c\x0c\x40\x00\x00"
				   "\x00\x13videoTrackIdInfoMap\x03\x00\x01"
				   "1\x03\x00\x05width"
				   "\x00\x40\x84\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x09"
				   "\x00\x00\x09";
	uint32_t len = sizeof(data) - 1;

	table_live();
	table_send(RTMP_TYPE_DATA_AMF0, 4, 1, data, len);
	CU_ASSERT_FALSE(table_fails());
	CU_ASSERT_EQUAL(encoder.media_bytes, len);
	CU_ASSERT_EQUAL(encoder.media_hash, hash_bytes(0, (const uint8_t *)data, len));
	CU_ASSERT_EQUAL(table_flags(RTMP_TYPE_DATA_AMF0, (const uint8_t *)data, len),
			RTMP_MEDIA_METADATA);
}

static const struct test tests[] = {
	{"A1 reserved packet types", test_reserved},
	{"A3 passed on as it is", test_passed_on},
	{"A9 packet types of audio", test_audio_packets},
	{"A10 FourCCs of audio", test_audio_codecs},
	{"A11 multichannel configuration", test_multichannel},
	{"A12 empty Opus header", test_empty_opus},
	{"A13 silence", test_silence},
	{"A14 packet types of video", test_video_packets},
	{"A15 FourCCs and composition time", test_composition},
	{"A16 command frames", test_commands},
	{"A17 colour information", test_colour},
	{"A18 encoding of colour information", test_colour},
	{"A21 metadata", test_metadata},
};

int main(void)
{
	return RUN_TESTS("rtmp/table_a_media", tests);
}
