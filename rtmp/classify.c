/*
 * Media messages by their first bytes: FLV tag headers (E.4.2.1, E.4.3.1) and the headers of
 * Enhanced RTMP v2 ("ExAudioTagHeader", "ExVideoTagHeader").
 */
#include "rtmp/amf0.h"
#include "rtmp/message.h"
#include "wire.h"

enum {
	SOUND_AAC = 10,
	SOUND_EX = 9,
	VIDEO_AVC = 7,
	VIDEO_HEVC = 12, /* not in the specification: common before Enhanced RTMP */
	VIDEO_AV1 = 13,
	FRAME_KEY = 1,
	FRAME_DISPOSABLE = 3,
	FRAME_COMMAND = 5,
	AUDIO_SEQUENCE_START = 0,
	AUDIO_MULTICHANNEL_CONFIG = 4,
	AUDIO_MULTITRACK = 5,
	PACKET_MODEX = 7, /* audio and video */
	VIDEO_SEQUENCE_START = 0,
	VIDEO_CODED_FRAMES = 1,
	VIDEO_CODED_FRAMES_X = 3,
	VIDEO_METADATA = 4,
	VIDEO_MPEG2TS_SEQUENCE_START = 5,
	VIDEO_MULTITRACK = 6,
	TRACKS_ONE = 0,
	PACKET_UNKNOWN = 0xff,
};

struct ex_header {
	uint8_t packet;   /* type behind ModEx and Multitrack, or PACKET_UNKNOWN */
	bool other_track; /* all of the message belongs to a track that is not the default one */
};

/* Steps over ModEx headers from `*at` on; the packet type behind them, or PACKET_UNKNOWN. */
static uint8_t skip_modex(uint8_t packet, const uint8_t *data, uint32_t len, uint32_t *at)
{
	while (packet == PACKET_MODEX) {
		uint32_t size;

		if (*at + 3 > len) {
			return PACKET_UNKNOWN;
		}
		size = data[*at] + 1u;
		*at += 1;
		if (size == 256) {
			size = rtmp_get_be16(data + *at) + 1;
			*at += 2;
		}
		if (size >= len || *at + size >= len) {
			return PACKET_UNKNOWN;
		}
		packet = data[*at + size] & 0x0f;
		*at += size + 1;
	}
	return packet;
}

static struct ex_header read_ex_header(const uint8_t *data, uint32_t len, uint8_t multitrack)
{
	struct ex_header h = {.packet = data[0] & 0x0f};
	uint32_t at = 1;

	h.packet = skip_modex(h.packet, data, len, &at);
	if (h.packet != multitrack) {
		return h;
	}
	if (at >= len) {
		h.packet = PACKET_UNKNOWN;
		return h;
	}
	h.packet = data[at] & 0x0f;
	/* One track: FourCC, then the track id. */
	h.other_track = data[at] >> 4 == TRACKS_ONE && at + 5 < len && data[at + 5] != 0;
	return h;
}

/* There is one header of each medium to be kept: that of another track must not replace it. */
static uint8_t header_of(const struct ex_header *h)
{
	return h->other_track ? 0 : RTMP_MEDIA_SEQUENCE_HEADER;
}

static uint8_t classify_audio(const uint8_t *data, uint32_t len)
{
	struct ex_header h;

	switch (data[0] >> 4) {
	case SOUND_AAC:
		return len > 1 && data[1] == 0 ? RTMP_MEDIA_SEQUENCE_HEADER : 0;
	case SOUND_EX:
		h = read_ex_header(data, len, AUDIO_MULTITRACK);
		if (h.packet == AUDIO_SEQUENCE_START) {
			return header_of(&h);
		}
		return h.packet == AUDIO_MULTICHANNEL_CONFIG ? RTMP_MEDIA_METADATA : 0;
	default:
		return 0;
	}
}

static uint8_t classify_frame(uint8_t frame)
{
	switch (frame) {
	case FRAME_KEY:
		return RTMP_MEDIA_KEYFRAME;
	case FRAME_DISPOSABLE:
		return RTMP_MEDIA_DROPPABLE;
	default:
		return 0;
	}
}

static uint8_t classify_ex_video(const uint8_t *data, uint32_t len)
{
	struct ex_header h = read_ex_header(data, len, VIDEO_MULTITRACK);
	uint8_t frame = (data[0] >> 4) & 7;

	if (h.packet == VIDEO_METADATA) {
		return RTMP_MEDIA_METADATA;
	}
	if (frame == FRAME_COMMAND) {
		return 0; /* a command for the player follows, whatever the packet type */
	}
	switch (h.packet) {
	case VIDEO_SEQUENCE_START:
	case VIDEO_MPEG2TS_SEQUENCE_START:
		return header_of(&h);
	case VIDEO_CODED_FRAMES:
	case VIDEO_CODED_FRAMES_X:
		/* Decoding of the default track cannot start at a keyframe of another. */
		return frame == FRAME_KEY && h.other_track ? 0 : classify_frame(frame);
	default:
		return 0;
	}
}

static uint8_t classify_video(const uint8_t *data, uint32_t len)
{
	uint8_t frame = data[0] >> 4;

	if (data[0] & 0x80) {
		return classify_ex_video(data, len);
	}
	if (frame == FRAME_COMMAND) {
		return 0;
	}
	switch (data[0] & 0x0f) {
	case VIDEO_AVC:
	case VIDEO_HEVC:
	case VIDEO_AV1:
		if (len < 2) {
			return 0;
		}
		if (data[1] == 0) {
			return RTMP_MEDIA_SEQUENCE_HEADER;
		}
		return data[1] == 1 ? classify_frame(frame) : 0;
	default:
		return classify_frame(frame);
	}
}

/* "@setDataFrame", "onMetaData", either alone; Uniview cameras put a number before them. */
static uint8_t classify_data(const uint8_t *data, uint32_t len)
{
	struct amf0_reader r;
	struct amf0_string name;

	amf0_reader_init(&r, data, len);
	if (amf0_peek(&r) == AMF0_NUMBER) {
		amf0_skip(&r);
	}
	name = amf0_read_string(&r);
	if (amf0_string_equals(name, "@setDataFrame")) {
		name = amf0_read_string(&r);
	}
	return amf0_string_equals(name, "onMetaData") ? RTMP_MEDIA_METADATA : 0;
}

uint8_t rtmp_classify(uint8_t type, const uint8_t *data, uint32_t len)
{
	if (len == 0) {
		return 0;
	}
	switch (type) {
	case RTMP_TYPE_AUDIO:
		return classify_audio(data, len);
	case RTMP_TYPE_VIDEO:
		return classify_video(data, len);
	case RTMP_TYPE_DATA_AMF0:
		return classify_data(data, len);
	case RTMP_TYPE_DATA_AMF3:
		/* Format selector (AMF3 in Enhanced RTMP, "AMF3"), then AMF0. */
		return data[0] == 0 ? classify_data(data + 1, len - 1) : classify_data(data, len);
	default:
		return 0;
	}
}
