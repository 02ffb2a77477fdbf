/*
 * What a message is to those who forward it, told from its head (rtmp/media.h), or from the name of
 * a data message.
 */
#include "rtmp/amf0.h"
#include "rtmp/media.h"
#include "rtmp/message.h"

static uint8_t frame_flags(uint8_t frame)
{
	switch (frame) {
	case RTMP_FRAME_KEY:
		return RTMP_MEDIA_KEYFRAME;
	case RTMP_FRAME_DISPOSABLE:
		return RTMP_MEDIA_DROPPABLE;
	default:
		return 0;
	}
}

static struct rtmp_class class_of(const struct rtmp_media *m, uint8_t type)
{
	struct rtmp_class c = {.track = m->track};
	bool video = type == RTMP_TYPE_VIDEO;

	switch (m->packet) {
	case RTMP_PACKET_SEQUENCE_START:
	case RTMP_PACKET_MPEG2TS_START:
		c.flags = RTMP_MEDIA_SEQUENCE_HEADER;
		c.header = video ? RTMP_HEADER_VIDEO : RTMP_HEADER_AUDIO;
		break;
	case RTMP_PACKET_METADATA:
		c.flags = RTMP_MEDIA_METADATA;
		c.header = RTMP_HEADER_VIDEO_META;
		break;
	case RTMP_PACKET_MULTICHANNEL:
		c.flags = RTMP_MEDIA_METADATA;
		c.header = RTMP_HEADER_CHANNELS;
		break;
	case RTMP_PACKET_CODED:
		c.flags = frame_flags(m->frame);
		break;
	default:
		break;
	}
	if (m->multitrack > RTMP_TRACKS_ONE) {
		c.flags |= RTMP_MEDIA_TRACKS;
	}
	return c;
}

static struct rtmp_class classify_media(uint8_t type, const uint8_t *data, uint32_t len)
{
	struct rtmp_media media;
	int rc = rtmp_media_read(&media, type, data, len);
	struct rtmp_class c = class_of(&media, type);

	c.incomplete = rc == RTMP_MEDIA_SHORT;
	return c;
}

/* "@setDataFrame", "onMetaData", either alone; Uniview cameras put a number before them. */
static struct rtmp_class classify_data(const uint8_t *data, uint32_t len)
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
	if (!amf0_string_equals(name, "onMetaData")) {
		return (struct rtmp_class){0};
	}
	return (struct rtmp_class){.flags = RTMP_MEDIA_METADATA, .header = RTMP_HEADER_METADATA};
}

/* Most messages by far: coded frames of H.264 and AAC without Enhanced RTMP, told at a glance. */
static bool is_plain_frame(uint8_t type, const uint8_t *data, uint32_t len)
{
	if (len < 2 || data[1] != 1) {
		return false;
	}
	return type == RTMP_TYPE_VIDEO ? (data[0] & 0x8f) == 7 && data[0] >> 4 != RTMP_FRAME_COMMAND
				       : type == RTMP_TYPE_AUDIO && data[0] >> 4 == 10;
}

struct rtmp_class rtmp_classify(uint8_t type, const uint8_t *data, uint32_t len)
{
	if (len == 0) {
		return (struct rtmp_class){0};
	}
	if (is_plain_frame(type, data, len)) {
		return (struct rtmp_class){
			.flags = type == RTMP_TYPE_VIDEO ? frame_flags(data[0] >> 4) : 0};
	}
	switch (type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
		return classify_media(type, data, len);
	case RTMP_TYPE_DATA_AMF0:
		return classify_data(data, len);
	case RTMP_TYPE_DATA_AMF3:
		/* Format selector (AMF3 in Enhanced RTMP, "AMF3"), then AMF0. */
		return data[0] == 0 ? classify_data(data + 1, len - 1) : classify_data(data, len);
	default:
		return (struct rtmp_class){0};
	}
}
