/*
 * H.265: HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1) and the first SPS in it (ITU-T
 * H.265 7.3.2.2), as far as its size: the frame rate stands behind sets of reference pictures that
 * would have to be read for it.
 */
#include "bits.h"
#include "codec_private.h"
#include "wire.h"

enum {
	RECORD_HEAD = 23,
	NAL_SPS = 33,
	SUB_LAYERS_MAX = 8,
};

/* profile_tier_level(), 7.3.3: the general part is known from the record. */
static void skip_profile_tier_level(struct rtmp_bits *b, uint32_t sub_layers)
{
	uint32_t bits = 0;

	rtmp_bits_skip(b, 88 + 8);
	for (uint32_t i = 0; i < sub_layers; i++) {
		bits += rtmp_bits_flag(b) ? 88 : 0;
		bits += rtmp_bits_flag(b) ? 8 : 0;
	}
	if (sub_layers > 0) {
		bits += 2 * (SUB_LAYERS_MAX - sub_layers);
	}
	rtmp_bits_skip(b, bits);
}

static void read_size(struct rtmp_codec_config *c, struct rtmp_bits *b)
{
	uint32_t chroma = rtmp_bits_ue(b);
	bool separate = chroma == 3 && rtmp_bits_flag(b);
	uint32_t width = rtmp_bits_ue(b);
	uint32_t height = rtmp_bits_ue(b);
	uint32_t crop[4] = {0};
	uint32_t idc = separate ? 0 : chroma;

	if (rtmp_bits_flag(b)) {
		for (uint32_t i = 0; i < 4; i++) {
			crop[i] = rtmp_bits_ue(b);
		}
	}
	if (b->error) {
		return;
	}
	c->chroma = rtmp_codec_chroma_idc(chroma);
	c->width = rtmp_codec_crop(width, crop[0], crop[1], idc == 1 || idc == 2 ? 2 : 1);
	c->height = rtmp_codec_crop(height, crop[2], crop[3], idc == 1 ? 2 : 1);
	c->bit_depth = (uint8_t)(8 + (rtmp_bits_ue(b) & 15));
}

static int read_sps(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	struct rtmp_bits b;
	uint32_t sub_layers;

	rtmp_bits_init(&b, data, len, true);
	rtmp_bits_skip(&b, 16 + 4); /* header of the NAL unit, sps_video_parameter_set_id */
	sub_layers = rtmp_bits_get(&b, 3);
	rtmp_bits_skip(&b, 1); /* sps_temporal_id_nesting_flag */
	skip_profile_tier_level(&b, sub_layers);
	(void)rtmp_bits_ue(&b); /* sps_seq_parameter_set_id */
	read_size(c, &b);
	return b.error ? -1 : 0;
}

/* NAL units of one type; 1 when an SPS was read, 0 to go on, or -1. Moves `at` behind them. */
static int read_array(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len, uint32_t *at)
{
	uint32_t type;
	uint32_t count;

	if (len - *at < 3) {
		return -1;
	}
	type = data[*at] & 63;
	count = rtmp_get_be16(data + *at + 1);
	*at += 3;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t size;

		if (len - *at < 2) {
			return -1;
		}
		size = rtmp_get_be16(data + *at);
		*at += 2;
		if (size > len - *at) {
			return -1;
		}
		if (type == NAL_SPS) {
			return read_sps(c, data + *at, size) ? -1 : 1;
		}
		*at += size;
	}
	return 0;
}

int rtmp_codec_hevc(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	uint32_t at = RECORD_HEAD;
	int rc = 0;

	/* Some write 0 for the version: the record was a draft for long. */
	if (len < RECORD_HEAD || data[0] > 1) {
		return -1;
	}
	c->high_tier = (data[1] & 0x20) != 0;
	c->profile = data[1] & 31;
	c->level = data[12];
	c->chroma = rtmp_codec_chroma_idc(data[16] & 3);
	c->bit_depth = (uint8_t)(8 + (data[17] & 7));
	/* avgFrameRate: frames in 256 seconds */
	c->rate_mhz = rtmp_codec_rate(rtmp_get_be16(data + 19), 256);
	for (uint32_t i = 0; i < data[22] && rc == 0; i++) {
		rc = read_array(c, data, len, &at);
	}
	return rc < 0 ? -1 : 0;
}
