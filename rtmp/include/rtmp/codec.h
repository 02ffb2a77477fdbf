/*
 * Codec configuration: what the sequence header of a track says of the pictures or samples to come.
 *
 *	avc1	AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1; SPS of ITU-T
 *H.264 7.3.2.1.1 hvc1	HEVCDecoderConfigurationRecord, ISO/IEC 14496-15 8.3.3.1; SPS of ITU-T
 *H.265 7.3.2.2 vvc1	VvcDecoderConfigurationRecord, ISO/IEC 14496-15 11.2.4.2 av01
 *AV1CodecConfigurationRecord, AV1-ISOBMFF 2.3; sequence header OBU, AV1 5.5 vp08,
 *VPCodecConfigurationRecord, "VP Codec ISO Media File Format Binding" 1.0; vp09	sizes from
 *keyframes: RFC 6386 9.1, VP9 bitstream 6.2 mp4a	AudioSpecificConfig, ISO/IEC 14496-3 1.6.2.1
 *	Opus	OpusHead, RFC 7845 5.1
 *	fLaC	STREAMINFO, RFC 9639 8.2
 *	.mp3	frame header, ISO/IEC 11172-3 2.4.1.3
 *
 * For understanding only: nothing is decided by it in the data path. Every field is what the peer
 * says, absurd sizes included; 0 means that it is not known.
 */
#ifndef RTMP_CODEC_H
#define RTMP_CODEC_H

#include <stdbool.h>
#include <stdint.h>

struct rtmp_codec_config {
	uint32_t codec; /* enum rtmp_codec */

	uint32_t width; /* pixels as shown: after cropping */
	uint32_t height;
	uint32_t rate_mhz;  /* frames in 1000 seconds */
	uint16_t profile;   /* as the codec numbers it; AAC: audio object type */
	uint16_t level;     /* as the codec numbers it */
	uint8_t compatible; /* avc1: constraint_set flags, the byte as it is */
	uint8_t chroma;     /* subsampling; enum rtmp_chroma */
	uint8_t bit_depth;  /* of a picture or of audio samples */
	bool high_tier;

	uint32_t sample_rate; /* Hz, with spectral band replication */
	uint8_t channels;
	bool sbr; /* AAC: spectral band replication */
	bool ps;  /* AAC: parametric stereo */
};

enum rtmp_chroma {
	RTMP_CHROMA_UNKNOWN = 0,
	RTMP_CHROMA_400,
	RTMP_CHROMA_420,
	RTMP_CHROMA_422,
	RTMP_CHROMA_444,
};

/*
 * Reads the body of a sequence header. 0, or -1 when it is cut short or malformed: what was
 * understood before is set. Of codecs without a configuration only `codec` is.
 */
int rtmp_codec_read(struct rtmp_codec_config *config, uint32_t codec, const uint8_t *data,
		    uint32_t len);

/*
 * What the first bytes of a coded frame say: VP8 and VP9 keyframes their size, MP3 frames their
 * sample rate and channels. True when something was set.
 */
bool rtmp_codec_frame(struct rtmp_codec_config *config, uint32_t codec, const uint8_t *data,
		      uint32_t len);
#define RTMP_CODEC_FRAME_BYTES 16u /* are enough for it */

/* SoundRate, SoundSize and SoundType of a message without Enhanced RTMP (FLV E.4.2.1). */
void rtmp_codec_sound(struct rtmp_codec_config *config, uint32_t codec, uint8_t sound);

/* "H.264", "AAC"; NULL for a FourCC that is not known. */
const char *rtmp_codec_name(uint32_t codec);

/* "High", "Main 10", "LC", "HE v2"; a number where there is no name, "" when it is not known. */
#define RTMP_CODEC_TEXT 24u
void rtmp_codec_profile(const struct rtmp_codec_config *config, char out[RTMP_CODEC_TEXT]);

/* "3.1", "5.1 high tier"; "" when it is not known. */
void rtmp_codec_level(const struct rtmp_codec_config *config, char out[RTMP_CODEC_TEXT]);

/* "4:2:0"; "" when it is not known. */
const char *rtmp_codec_chroma(const struct rtmp_codec_config *config);

#endif
