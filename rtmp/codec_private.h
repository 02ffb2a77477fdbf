/*
 * Readers of one codec's configuration each, for rtmp_codec_read(). `config` is zero but for the
 * codec. They return 0 or -1.
 */
#ifndef RTMP_CODEC_PRIVATE_H
#define RTMP_CODEC_PRIVATE_H

#include "rtmp/codec.h"

int rtmp_codec_avc(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_hevc(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_vvc(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_av1(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_vpx(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_aac(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_opus(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
int rtmp_codec_flac(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);

bool rtmp_codec_vp8_frame(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
bool rtmp_codec_vp9_frame(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);

/* chroma_format_idc of H.264, H.265 and H.266. */
static inline uint8_t rtmp_codec_chroma_idc(uint32_t idc)
{
	return (uint8_t)(idc <= 3 ? RTMP_CHROMA_400 + idc : RTMP_CHROMA_UNKNOWN);
}

/* `size` without what is cut off at both ends, in units; 0 when nothing would be left. */
static inline uint32_t rtmp_codec_crop(uint64_t size, uint64_t low, uint64_t high, uint64_t unit)
{
	uint64_t cut = (low + high) * unit;

	size = size > UINT32_MAX ? UINT32_MAX : size;
	return cut < size ? (uint32_t)(size - cut) : 0;
}

/* Frames in 1000 seconds of `ticks` a second, each frame `count` of them; 0 when that is absurd. */
static inline uint32_t rtmp_codec_rate(uint64_t ticks, uint64_t count)
{
	uint64_t rate = count ? (ticks * 1000 + count / 2) / count : 0;

	return rate <= UINT32_MAX ? (uint32_t)rate : 0;
}

#endif
