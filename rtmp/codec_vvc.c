/*
 * H.266: VvcDecoderConfigurationRecord with its VvcPTLRecord (ISO/IEC 14496-15 11.2.4.2), which has
 * all that there is to know.
 */
#include "bits.h"
#include "codec_private.h"

enum { FULL_BOX = 4 }; /* version and flags, which some writers leave in front of the record */

static void skip_sub_layers(struct rtmp_bits *b, uint32_t count)
{
	uint32_t levels = 0;

	for (uint32_t i = 0; i + 1 < count; i++) {
		levels += rtmp_bits_flag(b);
	}
	rtmp_bits_align(b);
	rtmp_bits_skip(b, 8 * levels);
}

static void read_profile(struct rtmp_codec_config *c, struct rtmp_bits *b, uint32_t sub_layers)
{
	uint32_t bytes;

	rtmp_bits_skip(b, 2);
	bytes = rtmp_bits_get(b, 6); /* of general_constraint_info, two flags included */
	c->profile = (uint16_t)rtmp_bits_get(b, 7);
	c->high_tier = rtmp_bits_flag(b);
	c->level = (uint16_t)rtmp_bits_get(b, 8);
	rtmp_bits_skip(b, 8 * bytes);
	skip_sub_layers(b, sub_layers);
	rtmp_bits_skip(b, 32 * rtmp_bits_get(b, 8)); /* sub-profiles */
}

int rtmp_codec_vvc(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	bool boxed = len > FULL_BOX && data[0] == 0;
	struct rtmp_bits b;
	uint32_t sub_layers;

	rtmp_bits_init(&b, data + (boxed ? FULL_BOX : 0), len - (boxed ? FULL_BOX : 0), false);
	rtmp_bits_skip(&b, 7);
	if (!rtmp_bits_flag(&b)) {
		return b.error ? -1 : 0; /* it stands in the stream */
	}
	rtmp_bits_skip(&b, 9); /* ols_idx */
	sub_layers = rtmp_bits_get(&b, 3);
	rtmp_bits_skip(&b, 2); /* constant_frame_rate */
	c->chroma = rtmp_codec_chroma_idc(rtmp_bits_get(&b, 2));
	c->bit_depth = (uint8_t)(8 + rtmp_bits_get(&b, 3));
	rtmp_bits_skip(&b, 5);
	read_profile(c, &b, sub_layers);
	c->width = rtmp_bits_get(&b, 16);
	c->height = rtmp_bits_get(&b, 16);
	c->rate_mhz = rtmp_codec_rate(rtmp_bits_get(&b, 16), 256);
	return b.error ? -1 : 0;
}
