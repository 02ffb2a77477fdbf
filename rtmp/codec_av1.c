/*
 * AV1: AV1CodecConfigurationRecord (AV1-ISOBMFF 2.3) and the sequence header OBU in it (AV1 5.5),
 * up to the size of the largest frame.
 */
#include "bits.h"
#include "codec_private.h"

enum {
	RECORD_HEAD = 4,
	OBU_SEQUENCE_HEADER = 1,
	LEB128_MAX = 8,
	UVLC_MAX = 32,
};

struct sequence {
	bool decoder_model;
	bool display_delay;
	uint32_t delay_bits; /* of a decoder model */
};

/* 4.10.3 */
static uint32_t read_uvlc(struct rtmp_bits *b)
{
	uint32_t zeros = 0;

	while (!b->error && !rtmp_bits_flag(b)) {
		zeros++;
	}
	if (b->error || zeros >= UVLC_MAX) {
		return 0;
	}
	return rtmp_bits_get(b, zeros) + (1u << zeros) - 1;
}

static void read_timing(struct rtmp_codec_config *c, struct rtmp_bits *b, struct sequence *s)
{
	uint64_t units = rtmp_bits_get(b, 32);
	uint64_t scale = rtmp_bits_get(b, 32);

	if (rtmp_bits_flag(b)) {
		c->rate_mhz = rtmp_codec_rate(scale, units * (UINT64_C(1) + read_uvlc(b)));
	}
	s->decoder_model = rtmp_bits_flag(b);
	if (s->decoder_model) {
		s->delay_bits = rtmp_bits_get(b, 5) + 1;
		rtmp_bits_skip(b, 32 + 5 + 5);
	}
}

static void skip_operating_points(struct rtmp_bits *b, const struct sequence *s)
{
	uint32_t count = rtmp_bits_get(b, 5) + 1;

	for (uint32_t i = 0; i < count && !b->error; i++) {
		rtmp_bits_skip(b, 12);
		if (rtmp_bits_get(b, 5) > 7) {
			rtmp_bits_skip(b, 1); /* seq_tier */
		}
		if (s->decoder_model && rtmp_bits_flag(b)) {
			rtmp_bits_skip(b, 2 * s->delay_bits + 1);
		}
		if (s->display_delay && rtmp_bits_flag(b)) {
			rtmp_bits_skip(b, 4);
		}
	}
}

/* 5.5.1 */
static int read_sequence_header(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	struct sequence s = {0};
	uint32_t width_bits;
	uint32_t height_bits;
	struct rtmp_bits b;

	rtmp_bits_init(&b, data, len, false);
	rtmp_bits_skip(&b, 3 + 1); /* seq_profile, still_picture */
	if (rtmp_bits_flag(&b)) {
		rtmp_bits_skip(&b, 5); /* reduced_still_picture_header: seq_level_idx */
	} else {
		if (rtmp_bits_flag(&b)) {
			read_timing(c, &b, &s);
		}
		s.display_delay = rtmp_bits_flag(&b);
		skip_operating_points(&b, &s);
	}
	width_bits = rtmp_bits_get(&b, 4) + 1;
	height_bits = rtmp_bits_get(&b, 4) + 1;
	c->width = rtmp_bits_get(&b, width_bits) + 1;
	c->height = rtmp_bits_get(&b, height_bits) + 1;
	return b.error ? -1 : 0;
}

/* 4.10.5; false when it does not end. */
static bool read_leb128(struct rtmp_bits *b, uint32_t *value)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < LEB128_MAX; i++) {
		bool more = rtmp_bits_flag(b);

		v |= (uint64_t)rtmp_bits_get(b, 7) << (7 * i);
		if (!more) {
			*value = (uint32_t)v;
			return !b->error && v <= UINT32_MAX;
		}
	}
	return false;
}

/* 5.3: the OBUs of the record, until one is a sequence header. */
static int read_obus(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	uint32_t at = 0;

	while (at < len) {
		struct rtmp_bits b;
		uint32_t size;
		uint32_t type;
		bool extended;
		bool sized;

		rtmp_bits_init(&b, data + at, len - at, false);
		rtmp_bits_skip(&b, 1);
		type = rtmp_bits_get(&b, 4);
		extended = rtmp_bits_flag(&b);
		sized = rtmp_bits_flag(&b);
		rtmp_bits_skip(&b, extended ? 1 + 8 : 1);
		size = len - at - b.at;
		if (b.error || (sized && !read_leb128(&b, &size)) || size > len - at - b.at) {
			return -1;
		}
		at += b.at;
		if (type == OBU_SEQUENCE_HEADER) {
			return read_sequence_header(c, data + at, size);
		}
		at += size;
	}
	return 0;
}

int rtmp_codec_av1(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	bool high;
	bool twelve;

	if (len < RECORD_HEAD || data[0] != 0x81) {
		return -1;
	}
	c->profile = data[1] >> 5;
	c->level = data[1] & 31;
	c->high_tier = (data[2] & 0x80) != 0;
	high = (data[2] & 0x40) != 0;
	twelve = (data[2] & 0x20) != 0;
	c->bit_depth = high ? (twelve ? 12 : 10) : 8;
	if (data[2] & 0x10) {
		c->chroma = RTMP_CHROMA_400;
	} else if (data[2] & 0x08) {
		c->chroma = data[2] & 0x04 ? RTMP_CHROMA_420 : RTMP_CHROMA_422;
	} else {
		c->chroma = RTMP_CHROMA_444;
	}
	return read_obus(c, data + RECORD_HEAD, len - RECORD_HEAD);
}
