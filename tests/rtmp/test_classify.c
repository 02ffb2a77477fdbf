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
	MANY = RTMP_MEDIA_TRACKS,
	A = RTMP_TYPE_AUDIO,
	V = RTMP_TYPE_VIDEO,
};

static const struct sample {
	const char *what;
	uint8_t type;
	const char *bytes;
	uint32_t len;
	uint8_t flags;
	uint8_t track;
} samples[] = {
#define T(what, type, bytes, flags, track)                         \
	{                                                          \
		what, type, bytes, sizeof(bytes) - 1, flags, track \
	}
#define S(what, type, bytes, flags) T(what, type, bytes, flags, 0)
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
	T("audio sequence start of track 1", A, "\x95\x00mp4a\x01", SEQ, 1),
	T("audio sequence starts of many tracks", A, "\x95\x10mp4a\x03\x00\x00\x00", SEQ | MANY, 3),
	S("audio multitrack frames", A, "\x95\x11mp4a\x00\x00\x00\x01x", MANY),
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
	T("sequence start of track 1", V, "\x96\x00hvc1\x01", SEQ, 1),
	T("sequence starts of many tracks", V, "\x96\x10hvc1\x01\x00\x00\x00", SEQ | MANY, 1),
	T("sequence starts of many codecs", V, "\x96\x20hvc1\x02\x00\x00\x00", SEQ | MANY, 2),
	T("colour information of track 3", V, "\x96\x04hvc1\x03", META, 3),
	S("keyframe of track 0", V, "\x96\x01hvc1\x00\x00\x00\x00", KEY),
	T("keyframe of track 1", V, "\x96\x01hvc1\x01\x00\x00\x00", KEY, 1),
	T("keyframes of many tracks", V, "\x96\x11hvc1\x01\x00\x00\x00", KEY | MANY, 1),
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
#undef T
};

static struct rtmp_class classify_exact(const struct sample *s, uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct rtmp_class c;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, s->bytes, len);
	c = rtmp_classify(s->type, copy, len);
	free(copy);
	return c;
}

/* Headers are what has flags of headers. */
static uint8_t header_of(const struct sample *s)
{
	if (s->flags & SEQ) {
		return s->type == V ? RTMP_HEADER_VIDEO : RTMP_HEADER_AUDIO;
	}
	if (!(s->flags & META)) {
		return RTMP_HEADER_NONE;
	}
	if (s->type == A) {
		return RTMP_HEADER_CHANNELS;
	}
	return s->type == V ? RTMP_HEADER_VIDEO_META : RTMP_HEADER_METADATA;
}

static void test_samples(void)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct rtmp_class c = classify_exact(&samples[i], samples[i].len);

		if (c.flags != samples[i].flags) {
			printf("\n    %s: %u, not %u", samples[i].what, c.flags, samples[i].flags);
		}
		CU_ASSERT_EQUAL(c.flags, samples[i].flags);
		CU_ASSERT_EQUAL(c.header, header_of(&samples[i]));
		CU_ASSERT_EQUAL(c.track, samples[i].track);
	}
}

/* What lies behind the bytes that callers gather is asked for. */
static void test_incomplete(void)
{
	uint8_t data[64] = {0x97, 45, [48] = 0x01, 'h', 'v', 'c', '1'};
	struct rtmp_class c = rtmp_classify(V, data, RTMP_CLASSIFY_BYTES);

	CU_ASSERT(c.incomplete);
	CU_ASSERT_EQUAL(c.flags, 0);
	c = rtmp_classify(V, data, sizeof(data));
	CU_ASSERT_FALSE(c.incomplete);
	CU_ASSERT_EQUAL(c.flags, KEY);
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

		CU_ASSERT_EQUAL(classify_exact(&samples[i], len).flags, samples[i].flags);
	}
}

static const struct test tests[] = {
	{"samples", test_samples},
	{"truncations", test_truncations},
	{"enough bytes", test_enough_bytes},
	{"incomplete", test_incomplete},
};

int main(void)
{
	return RUN_TESTS("rtmp/classify", tests);
}
