/*
 * Media messages by their first bytes: FLV, Enhanced RTMP v1 and v2.
 */
#include "rtmp/message.h"
#include "runner.h"

#include <stdlib.h>
#include <string.h>

enum {
	KEY = RTMP_MEDIA_KEYFRAME,
	SEQ = RTMP_MEDIA_SEQUENCE_HEADER,
	META = RTMP_MEDIA_METADATA,
	DROP = RTMP_MEDIA_DROPPABLE,
	A = RTMP_TYPE_AUDIO,
	V = RTMP_TYPE_VIDEO,
};

static const struct sample {
	const char *what;
	uint8_t type;
	const char *bytes;
	uint32_t len;
	uint8_t flags;
} samples[] = {
#define S(what, type, bytes, flags)                         \
	{                                                   \
		what, type, bytes, sizeof(bytes) - 1, flags \
	}
	S("AAC sequence header", A, "\xaf\x00\x12\x10", SEQ),
	S("AAC frame", A, "\xaf\x01\x21\x00", 0),
	S("AAC, one byte", A, "\xaf", 0),
	S("MP3", A, "\x2f\xff\xfb", 0),
	S("silence", A, "", 0),
	S("Opus sequence start", A, "\x90Opus", SEQ),
	S("Opus frame", A, "\x91Opusxx", 0),
	S("multichannel configuration", A, "\x94Opus\x01\x02", META),
	S("audio ModEx, then sequence start", A, "\x97\x02\x01\x02\x03\x00mp4a", SEQ),
	S("audio multitrack sequence start", A, "\x95\x00mp4a\x00", SEQ),
	S("audio sequence start of track 1", A, "\x95\x00mp4a\x01", 0),
	S("audio sequence starts of many tracks", A, "\x95\x10mp4a\x01\x00\x00\x00", SEQ),
	S("audio multitrack frames", A, "\x95\x11mp4a\x00\x00\x00\x01x", 0),
	S("AVC sequence header", V, "\x17\x00\x00\x00\x00\x01\x64", SEQ),
	S("AVC keyframe", V, "\x17\x01\x00\x00\x00", KEY),
	S("AVC end of sequence", V, "\x17\x02\x00\x00\x00", 0),
	S("AVC inter frame", V, "\x27\x01\x00\x00\x00", 0),
	S("AVC disposable", V, "\x37\x01\x00\x00\x00", DROP),
	S("AVC, one byte", V, "\x17", 0),
	S("HEVC as codec 12", V, "\x1c\x01\x00\x00\x00", KEY),
	S("HEVC as codec 12, header", V, "\x1c\x00\x00\x00\x00", SEQ),
	S("VP6 keyframe", V, "\x14\x00", KEY),
	S("VP6 disposable", V, "\x34\x00", DROP),
	S("command frame", V, "\x57\x00", 0),
	S("empty video", V, "", 0),
	S("hvc1 sequence start", V, "\x90hvc1", SEQ),
	S("hvc1 keyframe", V, "\x91hvc1\x00\x00\x00", KEY),
	S("hvc1 inter frame", V, "\xa1hvc1\x00\x00\x00", 0),
	S("av01 keyframe without composition time", V, "\x93\x61v01", KEY),
	S("av01 disposable", V, "\xb3\x61v01", DROP),
	S("end of sequence", V, "\x92hvc1", 0),
	S("colour information", V,
	  "\x94hvc1\x02\x00\x09"
	  "colorInfo",
	  META),
	S("colour information on a command frame", V, "\xd4hvc1", META),
	S("command, whatever the packet type", V, "\xd1\x00", 0),
	S("AV1 in MPEG-2 TS sequence start", V, "\x95\x61v01", SEQ),
	S("ModEx, then keyframe", V, "\x97\x02\x00\x00\x01\x01hvc1", KEY),
	S("two ModEx, then keyframe", V, "\x97\x00\x00\x07\x00\x00\x01hvc1", KEY),
	S("ModEx that runs over the end", V, "\x97\xfe\x00\x00\x01\x01hvc1", 0),
	S("ModEx with a long size", V, "\x97\xff\xff\xff\x00\x01\x01hvc1", 0),
	S("ModEx, nothing more", V, "\x97", 0),
	S("sequence start of track 0", V, "\x96\x00hvc1\x00", SEQ),
	S("sequence start of track 1", V, "\x96\x00hvc1\x01", 0),
	S("sequence starts of many tracks", V, "\x96\x10hvc1\x01\x00\x00\x00", SEQ),
	S("keyframe of track 0", V, "\x96\x01hvc1\x00\x00\x00\x00", KEY),
	S("keyframe of track 1", V, "\x96\x01hvc1\x01\x00\x00\x00", 0),
	S("keyframes of many tracks", V, "\x96\x11hvc1\x01\x00\x00\x00", KEY),
	S("multitrack, nothing more", V, "\x96", 0),
	S("@setDataFrame", 18, "\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08", META),
	S("onMetaData", 18, "\x02\x00\x0aonMetaData\x08", META),
	S("a number first", 18,
	  "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData",
	  META),
	S("AMF3 data message", 15, "\x00\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData", META),
	S("AMF3 data message without selector", 15, "\x02\x00\x0aonMetaData", META),
	S("another data message", 18, "\x02\x00\x0aonTextData\x08", 0),
	S("@clearDataFrame", 18, "\x02\x00\x0f@clearDataFrame\x02\x00\x0aonMetaData", 0),
	S("cut short", 18, "\x02\x00\x0aonMeta", 0),
	S("a command", 20, "\x02\x00\x0aonMetaData", 0),
	S("an aggregate", 22, "\x09\x00\x00\x00", 0),
#undef S
};

static uint8_t classify_exact(const struct sample *s, uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	uint8_t flags;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, s->bytes, len);
	flags = rtmp_classify(s->type, copy, len);
	free(copy);
	return flags;
}

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint8_t flags = classify_exact(&samples[i], samples[i].len);

		if (flags != samples[i].flags) {
			printf("\n    %s: %u, not %u", samples[i].what, flags, samples[i].flags);
		}
		CU_ASSERT_EQUAL(flags, samples[i].flags);
	}
}

/* The sanitizer sees what is read behind the end. */
static void test_truncations(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		for (uint32_t len = 0; len < samples[i].len; len++) {
			classify_exact(&samples[i], len);
		}
	}
	CU_PASS("no read behind the end");
}

/* What needs most bytes still fits into what callers gather. */
static void test_enough_bytes(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		uint32_t len =
			samples[i].len < RTMP_CLASSIFY_BYTES ? samples[i].len : RTMP_CLASSIFY_BYTES;

		CU_ASSERT_EQUAL(classify_exact(&samples[i], len), samples[i].flags);
	}
}

static const struct test tests[] = {
	{"samples", test_samples},
	{"truncations", test_truncations},
	{"enough bytes", test_enough_bytes},
};

int main(void)
{
	return RUN_TESTS("rtmp/classify", tests);
}
