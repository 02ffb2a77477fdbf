/*
 * Heads of media messages, their tracks, and codec configurations. The first byte chooses: 0 and 1
 * audio and video messages, the others a codec. What is told from the beginning of a message is
 * what is told from all of it.
 */
#include "rtmp/codec.h"
#include "rtmp/media.h"
#include "rtmp/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t codecs[] = {
	RTMP_CODEC_AVC, RTMP_CODEC_HEVC, RTMP_CODEC_VVC,  RTMP_CODEC_AV1,  RTMP_CODEC_VP8,
	RTMP_CODEC_VP9, RTMP_CODEC_AAC,  RTMP_CODEC_OPUS, RTMP_CODEC_FLAC, RTMP_CODEC_MP3,
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void walk(const struct rtmp_media *media, const uint8_t *data, uint32_t len)
{
	struct rtmp_tracks tracks;
	struct rtmp_track track;
	uint32_t end = 0;

	rtmp_tracks_init(&tracks, media, len);
	while (rtmp_tracks_next(&tracks, data + tracks.at, len - tracks.at, &track) > 0) {
		require(track.body >= end && track.body <= len && track.length <= len - track.body);
		end = track.body + track.length;
	}
}

static void message(uint8_t type, const uint8_t *data, uint32_t len)
{
	struct rtmp_media media;
	int rc = rtmp_media_read(&media, type, data, len);

	require(media.body <= len && media.offset_ns <= 999999);
	require(rc == RTMP_MEDIA_OK || media.packet == RTMP_PACKET_UNKNOWN);
	if (rc == RTMP_MEDIA_OK) {
		walk(&media, data, len);
	}
	for (uint32_t part = 1; part < len && part < 64; part++) {
		struct rtmp_media begin;
		uint8_t *copy = malloc(part);

		require(copy != NULL);
		memcpy(copy, data, part);
		int first = rtmp_media_read(&begin, type, copy, part);
		free(copy);
		/* Composition time may be cut; the rest is the same. */
		require(first == RTMP_MEDIA_SHORT || first == rc);
		require(first == RTMP_MEDIA_SHORT || begin.packet == media.packet);
		require(first == RTMP_MEDIA_SHORT || begin.track == media.track);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rtmp_codec_config config;
	char text[RTMP_CODEC_TEXT];

	if (size < 1) {
		return 0;
	}
	if (data[0] < 2) {
		message(data[0] == 0 ? RTMP_TYPE_AUDIO : RTMP_TYPE_VIDEO, data + 1,
			(uint32_t)size - 1);
		return 0;
	}
	uint32_t codec = codecs[data[0] % (sizeof(codecs) / sizeof(codecs[0]))];
	(void)rtmp_codec_read(&config, codec, data + 1, (uint32_t)size - 1);
	(void)rtmp_codec_frame(&config, codec, data + 1, (uint32_t)size - 1);
	rtmp_codec_profile(&config, text);
	rtmp_codec_level(&config, text);
	require(strlen(text) < sizeof(text) && rtmp_codec_chroma(&config) != NULL);
	return 0;
}
