/*
 * VP8 and VP9: VPCodecConfigurationRecord ("VP Codec ISO Media File Format Binding" 1.0), which has
 * no size, and the size at the beginning of keyframes.
 */
#include "bits.h"
#include "codec_private.h"

enum {
	RECORD = 8,
	FULL_BOX = 4, /* version and flags, which some writers leave in front of the record */
	VP8_KEYFRAME_HEAD = 10,
	VP9_SYNC = 0x498342,
	VP9_COLOUR_RGB = 7,
};

int rtmp_codec_vpx(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	/* A record of profile 1 has no level 0 with a bit depth of 0. */
	bool boxed = len >= RECORD + FULL_BOX && data[0] == 1 && data[1] == 0 && data[2] == 0;
	const uint8_t *record = data + (boxed ? FULL_BOX : 0);

	if (len < RECORD) {
		return -1;
	}
	c->profile = record[0];
	c->level = record[1];
	c->bit_depth = record[2] >> 4;
	switch ((record[2] >> 1) & 7) {
	case 0: /* co-sited or not */
	case 1:
		c->chroma = RTMP_CHROMA_420;
		break;
	case 2:
		c->chroma = RTMP_CHROMA_422;
		break;
	case 3:
		c->chroma = RTMP_CHROMA_444;
		break;
	default:
		break;
	}
	return 0;
}

/* RFC 6386 9.1 */
bool rtmp_codec_vp8_frame(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	if (len < VP8_KEYFRAME_HEAD || (data[0] & 1) != 0 || data[3] != 0x9d || data[4] != 0x01 ||
	    data[5] != 0x2a) {
		return false;
	}
	c->width = (uint32_t)(data[6] | data[7] << 8) & 0x3fff;
	c->height = (uint32_t)(data[8] | data[9] << 8) & 0x3fff;
	return true;
}

/* VP9 6.2.2 */
static void read_vp9_colour(struct rtmp_codec_config *c, struct rtmp_bits *b, uint32_t profile)
{
	bool odd = (profile & 1) != 0; /* others than 4:2:0 */

	c->bit_depth = 8;
	if (profile >= 2) {
		c->bit_depth = rtmp_bits_flag(b) ? 12 : 10;
	}
	if (rtmp_bits_get(b, 3) == VP9_COLOUR_RGB) {
		rtmp_bits_skip(b, odd ? 1 : 0);
		c->chroma = RTMP_CHROMA_444;
		return;
	}
	rtmp_bits_skip(b, 1); /* color_range */
	c->chroma = RTMP_CHROMA_420;
	if (odd) {
		bool x = rtmp_bits_flag(b);

		c->chroma = x ? RTMP_CHROMA_422 : RTMP_CHROMA_444;
		rtmp_bits_skip(b, 2);
	}
}

/* VP9 6.2: uncompressed_header() of a keyframe. */
bool rtmp_codec_vp9_frame(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	struct rtmp_codec_config read = *c;
	struct rtmp_bits b;
	uint32_t profile;

	rtmp_bits_init(&b, data, len, false);
	if (rtmp_bits_get(&b, 2) != 2) {
		return false; /* frame_marker */
	}
	profile = rtmp_bits_get(&b, 1);
	profile |= rtmp_bits_get(&b, 1) << 1;
	rtmp_bits_skip(&b, profile == 3 ? 1 : 0);
	if (rtmp_bits_get(&b, 2) != 0) {
		return false; /* show_existing_frame, or no keyframe */
	}
	rtmp_bits_skip(&b, 2); /* show_frame, error_resilient_mode */
	if (rtmp_bits_get(&b, 24) != VP9_SYNC) {
		return false;
	}
	read.profile = (uint16_t)profile;
	read_vp9_colour(&read, &b, profile);
	read.width = rtmp_bits_get(&b, 16) + 1;
	read.height = rtmp_bits_get(&b, 16) + 1;
	if (b.error) {
		return false;
	}
	*c = read;
	return true;
}
