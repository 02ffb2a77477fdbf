#include "rtmp/flv.h"

#include <string.h>

#include "wire.h"

static const uint8_t set_data_frame[16] = "\x02\x00\x0d@setDataFrame";

static struct rtmp_flv_tag script(uint8_t type, const uint8_t *data, uint32_t length)
{
	struct rtmp_flv_tag tag = {.type = RTMP_TYPE_DATA_AMF0};

	if (type == RTMP_TYPE_DATA_AMF3 && length > 0 && data[0] == 0) {
		tag.skipped = 1;
	}
	if (length - tag.skipped >= sizeof(set_data_frame) &&
	    memcmp(data + tag.skipped, set_data_frame, sizeof(set_data_frame)) == 0) {
		tag.skipped += (uint32_t)sizeof(set_data_frame);
	}
	tag.length = length - tag.skipped;
	return tag;
}

struct rtmp_flv_tag rtmp_flv_tag(uint8_t type, const uint8_t *data, uint32_t length)
{
	if (length > RTMP_FLV_BODY_MAX) {
		return (struct rtmp_flv_tag){.type = 0};
	}
	switch (type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
		return (struct rtmp_flv_tag){.type = type, .length = length};
	case RTMP_TYPE_DATA_AMF0:
	case RTMP_TYPE_DATA_AMF3:
		return script(type, data, length);
	default:
		return (struct rtmp_flv_tag){.type = 0};
	}
}

void rtmp_flv_file_header(uint8_t out[RTMP_FLV_FILE_HEADER], uint8_t flags)
{
	static const uint8_t header[RTMP_FLV_FILE_HEADER] = {'F', 'L', 'V', 1, 0, 0, 0, 0, 9};

	memcpy(out, header, sizeof(header));
	out[RTMP_FLV_FLAGS_AT] = flags;
}

/* The timestamp's upper 8 bits stand behind the lower 24; the stream id is always 0. */
void rtmp_flv_tag_header(uint8_t out[RTMP_FLV_TAG_HEADER], uint8_t type, uint32_t timestamp,
			 uint32_t length)
{
	out[0] = type;
	rtmp_set_be24(out + 1, length);
	rtmp_set_be24(out + 4, timestamp & 0xffffff);
	out[7] = (uint8_t)(timestamp >> 24);
	rtmp_set_be24(out + 8, 0);
}

void rtmp_flv_tag_trailer(uint8_t out[RTMP_FLV_TAG_TRAILER], uint32_t length)
{
	rtmp_set_be32(out, length + RTMP_FLV_TAG_HEADER);
}
