/*
 * Audio: AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1), OpusHead (RFC 7845 5.1), STREAMINFO (RFC
 * 9639 8.2), and the header of an MP3 frame (ISO/IEC 11172-3 2.4.1.3).
 */
#include <string.h>

#include "bits.h"
#include "codec_private.h"
#include "rtmp/media.h"

enum {
	AOT_ESCAPE = 31,
	AOT_SBR = 5,
	AOT_PS = 29,
	AOT_BSAC_ER = 22,
	FREQUENCY_ESCAPE = 15,
	SYNC_SBR = 0x2b7,
	SYNC_PS = 0x548,
	OPUS_HEAD = 19,
	OPUS_RATE = 48000,
	STREAMINFO = 34,
	MP3_HEAD = 4,
};

static uint32_t read_object_type(struct rtmp_bits *b)
{
	uint32_t type = rtmp_bits_get(b, 5);

	return type == AOT_ESCAPE ? 32 + rtmp_bits_get(b, 6) : type;
}

static uint32_t read_frequency(struct rtmp_bits *b)
{
	static const uint32_t rates[16] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
					   22050, 16000, 12000, 11025, 8000,  7350};
	uint32_t index = rtmp_bits_get(b, 4);

	return index == FREQUENCY_ESCAPE ? rtmp_bits_get(b, 24) : rates[index];
}

/* Channels of one kind of program_config_element(): a pair element has two. */
static uint32_t read_elements(struct rtmp_bits *b, uint32_t count)
{
	uint32_t channels = 0;

	for (uint32_t i = 0; i < count; i++) {
		channels += rtmp_bits_flag(b) ? 2 : 1;
		rtmp_bits_skip(b, 4);
	}
	return channels;
}

/* 4.4.1.1, up to the channels */
static uint32_t read_program_config(struct rtmp_bits *b)
{
	uint32_t elements;
	uint32_t lfe;

	rtmp_bits_skip(b, 4 + 2 + 4);
	elements = rtmp_bits_get(b, 4);
	elements += rtmp_bits_get(b, 4);
	elements += rtmp_bits_get(b, 4);
	lfe = rtmp_bits_get(b, 2);
	rtmp_bits_skip(b, 3 + 4);
	rtmp_bits_skip(b, rtmp_bits_flag(b) ? 4 : 0);
	rtmp_bits_skip(b, rtmp_bits_flag(b) ? 4 : 0);
	rtmp_bits_skip(b, rtmp_bits_flag(b) ? 3 : 0);
	return read_elements(b, elements) + lfe;
}

/* GASpecificConfig(), 4.4.1; false for object types that have another. */
static bool read_general_audio(struct rtmp_codec_config *c, struct rtmp_bits *b, uint32_t layout)
{
	static const uint8_t general[] = {1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23};

	if (!memchr(general, (int)(c->profile & 0xff), sizeof(general))) {
		return false;
	}
	rtmp_bits_skip(b, 1); /* frameLengthFlag */
	rtmp_bits_skip(b, rtmp_bits_flag(b) ? 14 : 0);
	rtmp_bits_skip(b, 1); /* extensionFlag, which counts for error resilient types alone */
	if (layout == 0) {
		c->channels = (uint8_t)read_program_config(b);
	}
	return layout != 0;
}

/* Signalled behind the rest, for decoders that do not know it (1.6.6.1). */
static void read_extension(struct rtmp_codec_config *c, struct rtmp_bits *b)
{
	struct rtmp_bits look = *b;

	if (rtmp_bits_get(&look, 11) != SYNC_SBR || read_object_type(&look) != AOT_SBR ||
	    !rtmp_bits_flag(&look)) {
		return;
	}
	uint32_t rate = read_frequency(&look);
	if (look.error) {
		return;
	}
	c->sbr = true;
	c->sample_rate = rate;
	if (rtmp_bits_get(&look, 11) == SYNC_PS) {
		c->ps = rtmp_bits_flag(&look);
	}
}

int rtmp_codec_aac(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	static const uint8_t channels[16] = {
		[1] = 1, [2] = 2,  [3] = 3,  [4] = 4,   [5] = 5,  [6] = 6,
		[7] = 8, [11] = 7, [12] = 8, [13] = 24, [14] = 8,
	};
	struct rtmp_bits b;
	uint32_t layout;
	uint32_t type;

	rtmp_bits_init(&b, data, len, false);
	type = read_object_type(&b);
	c->sample_rate = read_frequency(&b);
	layout = rtmp_bits_get(&b, 4);
	c->channels = channels[layout];
	if (type == AOT_SBR || type == AOT_PS) {
		c->sbr = true;
		c->ps = type == AOT_PS;
		c->sample_rate = read_frequency(&b);
		type = read_object_type(&b);
		rtmp_bits_skip(&b, type == AOT_BSAC_ER ? 4 : 0);
	}
	c->profile = (uint16_t)type;
	if (b.error) {
		return -1;
	}
	if (read_general_audio(c, &b, layout) && !c->sbr) {
		read_extension(c, &b);
	}
	return b.error ? -1 : 0;
}

int rtmp_codec_opus(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	c->sample_rate = OPUS_RATE; /* of its decoder, whatever the source had */
	if (len == 0) {
		return 0; /* one or two channels, or a multichannel configuration says */
	}
	if (len < OPUS_HEAD || memcmp(data, "OpusHead", 8) != 0) {
		return -1;
	}
	c->channels = data[9];
	return 0;
}

int rtmp_codec_flac(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	struct rtmp_bits b;
	uint32_t at = 0;

	if (len >= 4 && memcmp(data, "fLaC", 4) == 0) {
		at = 4;
	}
	if (len - at >= 4 + STREAMINFO && (data[at] & 0x7f) == 0) {
		at += 4; /* header of the metadata block */
	}
	if (len - at < STREAMINFO) {
		return -1;
	}
	rtmp_bits_init(&b, data + at, len - at, false);
	rtmp_bits_skip(&b, 16 + 16 + 24 + 24);
	c->sample_rate = rtmp_bits_get(&b, 20);
	c->channels = (uint8_t)(rtmp_bits_get(&b, 3) + 1);
	c->bit_depth = (uint8_t)(rtmp_bits_get(&b, 5) + 1);
	return b.error ? -1 : 0;
}

static bool read_mp3_frame(struct rtmp_codec_config *c, const uint8_t *data, uint32_t len)
{
	static const uint32_t rates[4] = {44100, 48000, 32000};
	static const uint8_t shifts[4] = {2, 0, 1, 0}; /* MPEG-2.5, reserved, MPEG-2, MPEG-1 */
	struct rtmp_bits b;
	uint32_t version;
	uint32_t rate;

	rtmp_bits_init(&b, data, len < MP3_HEAD ? len : MP3_HEAD, false);
	if (rtmp_bits_get(&b, 11) != 0x7ff) {
		return false;
	}
	version = rtmp_bits_get(&b, 2);
	rtmp_bits_skip(&b, 2 + 1 + 4); /* layer, protection, bitrate */
	rate = rates[rtmp_bits_get(&b, 2)];
	rtmp_bits_skip(&b, 2);
	uint32_t mode = rtmp_bits_get(&b, 2);
	if (b.error || rate == 0 || version == 1) {
		return false;
	}
	c->sample_rate = rate >> shifts[version];
	c->channels = mode == 3 ? 1 : 2;
	return true;
}

bool rtmp_codec_frame(struct rtmp_codec_config *config, uint32_t codec, const uint8_t *data,
		      uint32_t len)
{
	switch (codec) {
	case RTMP_CODEC_VP8:
		return rtmp_codec_vp8_frame(config, data, len);
	case RTMP_CODEC_VP9:
		return rtmp_codec_vp9_frame(config, data, len);
	case RTMP_CODEC_MP3:
		return read_mp3_frame(config, data, len);
	default:
		return false;
	}
}

void rtmp_codec_sound(struct rtmp_codec_config *config, uint32_t codec, uint8_t sound)
{
	static const uint32_t rates[4] = {5512, 11025, 22050, 44100};

	config->codec = codec;
	if (codec == RTMP_CODEC_AAC) {
		return; /* "44 kHz, stereo" whatever it is: the sequence header says */
	}
	config->sample_rate = rates[(sound >> 2) & 3];
	config->channels = (uint8_t)(1 + (sound & 1));
	if (codec == RTMP_CODEC_PCM) {
		config->bit_depth = sound & 2 ? 16 : 8;
	}
	if (codec == RTMP_CODEC_SPEEX) {
		config->sample_rate = 16000; /* E.4.2.1: whatever the flags */
		config->channels = 1;
	}
	if (codec == RTMP_CODEC_ALAW || codec == RTMP_CODEC_MULAW) {
		config->sample_rate = 8000;
	}
}
