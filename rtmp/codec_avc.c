/*
 * H.264: AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) and the first SPS in it (ITU-T
 * H.264 7.3.2.1.1, VUI E.1.1).
 */
#include "bits.h"
#include "codec_private.h"
#include "wire.h"

enum {
	RECORD_HEAD = 6,
	SPS_EXTENDED = 255, /* aspect_ratio_idc that is followed by a ratio */
	POC_CYCLE_MAX = 255,
};

/* Profiles whose SPS has a chroma format (7.3.2.1.1). */
static bool has_chroma_format(uint32_t profile)
{
	static const uint8_t profiles[] = {100, 110, 122, 244, 44,  83, 86,
					   118, 128, 138, 139, 134, 135};

	for (uint32_t i = 0; i < sizeof(profiles); i++) {
		if (profiles[i] == profile) {
			return true;
		}
	}
	return false;
}

/* 7.3.2.1.1.1 */
static void skip_scaling_list(struct rtmp_bits *b, uint32_t size)
{
	int32_t last = 8;
	int32_t next = 8;

	for (uint32_t i = 0; i < size && !b->error; i++) {
		if (next != 0) {
			int32_t delta = rtmp_bits_se(b);

			if (delta < -128 || delta > 127) {
				b->error = true;
				return;
			}
			next = (last + delta + 256) % 256;
		}
		last = next == 0 ? last : next;
	}
}

/* Leaves chroma_format_idc as far as cropping counts in it. */
static uint32_t read_chroma(struct rtmp_codec_config *c, struct rtmp_bits *b)
{
	uint32_t idc = rtmp_bits_ue(b);
	bool separate = idc == 3 && rtmp_bits_flag(b);

	c->chroma = rtmp_codec_chroma_idc(idc);
	c->bit_depth = (uint8_t)(8 + (rtmp_bits_ue(b) & 15));
	(void)rtmp_bits_ue(b); /* of chroma */
	rtmp_bits_skip(b, 1);  /* qpprime_y_zero_transform_bypass_flag */
	if (rtmp_bits_flag(b)) {
		for (uint32_t i = 0; i < (idc == 3 ? 12 : 8); i++) {
			if (rtmp_bits_flag(b)) {
				skip_scaling_list(b, i < 6 ? 16 : 64);
			}
		}
	}
	return separate ? 0 : idc;
}

static void skip_order_count(struct rtmp_bits *b)
{
	uint32_t type = rtmp_bits_ue(b);
	uint32_t cycle;

	if (type == 0) {
		(void)rtmp_bits_ue(b);
		return;
	}
	if (type != 1) {
		return;
	}
	rtmp_bits_skip(b, 1);
	(void)rtmp_bits_se(b);
	(void)rtmp_bits_se(b);
	cycle = rtmp_bits_ue(b);
	if (cycle > POC_CYCLE_MAX) {
		b->error = true;
	}
	for (uint32_t i = 0; i < cycle && !b->error; i++) {
		(void)rtmp_bits_se(b);
	}
}

static void read_size(struct rtmp_codec_config *c, struct rtmp_bits *b, uint32_t chroma)
{
	uint64_t width = 16 * (UINT64_C(1) + rtmp_bits_ue(b));
	uint64_t units = UINT64_C(1) + rtmp_bits_ue(b);
	uint32_t fields = rtmp_bits_flag(b) ? 1 : 2; /* of a frame, where they may be coded alone */
	uint64_t height = 16 * units * fields;
	uint64_t crop_unit = chroma == 1 ? UINT64_C(2) * fields : fields;
	uint32_t crop[4] = {0};

	rtmp_bits_skip(b, fields == 2 ? 2 : 1); /* mb_adaptive..., direct_8x8_inference_flag */
	if (rtmp_bits_flag(b)) {
		for (uint32_t i = 0; i < 4; i++) {
			crop[i] = rtmp_bits_ue(b);
		}
	}
	if (b->error) {
		return;
	}
	c->width = rtmp_codec_crop(width, crop[0], crop[1], chroma == 1 || chroma == 2 ? 2 : 1);
	c->height = rtmp_codec_crop(height, crop[2], crop[3], crop_unit);
}

/* E.1.1, as far as timing. */
static void read_vui(struct rtmp_codec_config *c, struct rtmp_bits *b)
{
	uint64_t units;

	if (rtmp_bits_flag(b) && rtmp_bits_get(b, 8) == SPS_EXTENDED) {
		rtmp_bits_skip(b, 32);
	}
	if (rtmp_bits_flag(b)) {
		rtmp_bits_skip(b, 1); /* overscan_appropriate_flag */
	}
	if (rtmp_bits_flag(b)) {
		rtmp_bits_skip(b, 4);
		if (rtmp_bits_flag(b)) {
			rtmp_bits_skip(b, 24); /* colour description */
		}
	}
	if (rtmp_bits_flag(b)) {
		(void)rtmp_bits_ue(b);
		(void)rtmp_bits_ue(b);
	}
	if (rtmp_bits_flag(b)) {
		units = rtmp_bits_get(b, 32);
		/* Ticks are those of fields. */
		c->rate_mhz = rtmp_codec_rate(rtmp_bits_get(b, 32), 2 * units);
	}
}

static int read_sps(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	uint32_t chroma = 1;
	struct rtmp_bits b;

	rtmp_bits_init(&b, data, len, true);
	rtmp_bits_skip(&b, 8); /* header of the NAL unit */
	c->profile = (uint16_t)rtmp_bits_get(&b, 8);
	c->compatible = (uint8_t)rtmp_bits_get(&b, 8);
	c->level = (uint16_t)rtmp_bits_get(&b, 8);
	(void)rtmp_bits_ue(&b);
	c->chroma = RTMP_CHROMA_420;
	c->bit_depth = 8;
	if (has_chroma_format(c->profile)) {
		chroma = read_chroma(c, &b);
	}
	(void)rtmp_bits_ue(&b); /* log2_max_frame_num_minus4 */
	skip_order_count(&b);
	(void)rtmp_bits_ue(&b); /* max_num_ref_frames */
	rtmp_bits_skip(&b, 1);  /* gaps_in_frame_num_value_allowed_flag */
	read_size(c, &b, chroma);
	if (rtmp_bits_flag(&b)) {
		read_vui(c, &b);
	}
	return b.error ? -1 : 0;
}

int rtmp_codec_avc(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	uint32_t size;

	if (len < RECORD_HEAD || data[0] != 1) {
		return -1;
	}
	c->profile = data[1];
	c->compatible = data[2];
	c->level = data[3];
	if ((data[5] & 31) == 0) {
		return 0; /* it stands in the stream */
	}
	if (len < RECORD_HEAD + 2) {
		return -1;
	}
	size = rtmp_get_be16(data + RECORD_HEAD);
	if (size < 4 || size > len - RECORD_HEAD - 2) {
		return -1;
	}
	return read_sps(c, data + RECORD_HEAD + 2, size);
}
