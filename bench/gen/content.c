#include "bench/gen/content.h"

#include <string.h>

#define FRAME_RATE     30u
#define GOP_FRAMES     60u
#define KEYFRAME_TIMES 8u
#define AUDIO_MS       23u
#define AUDIO_BYTES    370u
#define PATTERN_PERIOD 251u /* a prime: shifted payloads differ */

static const uint8_t avc_header[] = {
	0x17, 0,    0,    0,    0,    1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 0x0b, 0x67, 0x64, 0,
	0x1f, 0xac, 0xd9, 0x40, 0x50, 5, 0xbb, 1, 0x10, 1,    0,    4, 0x68, 0xeb, 0xe3, 0xcb,
};
static const uint8_t aac_header[] = {0xaf, 0, 0x12, 0x10};
/* @setDataFrame, onMetaData, an empty object: what a receiver must forward unchanged. */
static const uint8_t metadata[] = {
	2, 0, 13, '@', 's', 'e', 't', 'D', 'a', 't', 'a', 'F', 'r', 'a', 'm', 'e',
	2, 0, 10, 'o', 'n', 'M', 'e', 't', 'a', 'D', 'a', 't', 'a', 3,   0,   0,
};

static uint8_t pattern[65536 + PATTERN_PERIOD];

void content_init(struct content *content, uint32_t mark, uint32_t message)
{
	*content = (struct content){.mark = mark, .message = message};
	for (uint32_t i = 0; i < sizeof(pattern); i++) {
		pattern[i] = (uint8_t)(i % PATTERN_PERIOD);
	}
}

const uint8_t *content_pattern(uint32_t offset)
{
	return pattern + offset % PATTERN_PERIOD;
}

uint64_t content_bytes_per_second(uint32_t message)
{
	return (uint64_t)message * (GOP_FRAMES - 1 + KEYFRAME_TIMES) * FRAME_RATE / GOP_FRAMES +
	       UINT64_C(1000) / AUDIO_MS * AUDIO_BYTES;
}

static void set_fixed(struct content_message *out, uint8_t type, const void *data, uint32_t len)
{
	out->msg.type = type;
	out->msg.length = len;
	memcpy(out->head, data, len);
}

static void set_preamble(struct content *content, struct content_message *out)
{
	switch (content->number) {
	case 0:
		out->msg.csid = 5;
		set_fixed(out, RTMP_TYPE_DATA_AMF0, metadata, sizeof(metadata));
		break;
	case 1:
		out->msg.csid = 6;
		set_fixed(out, RTMP_TYPE_VIDEO, avc_header, sizeof(avc_header));
		break;
	default:
		out->msg.csid = 4;
		set_fixed(out, RTMP_TYPE_AUDIO, aac_header, sizeof(aac_header));
		break;
	}
}

static void set_mark(const struct content *content, uint8_t *at)
{
	memcpy(at, &content->mark, sizeof(content->mark));
	memcpy(at + sizeof(content->mark), &content->number, sizeof(content->number));
}

static void set_video(struct content *content, struct content_message *out, uint32_t timestamp)
{
	bool key = content->frames++ % GOP_FRAMES == 0;

	out->msg.csid = 6;
	out->msg.type = RTMP_TYPE_VIDEO;
	out->msg.timestamp = timestamp;
	out->msg.length = content->message * (key ? KEYFRAME_TIMES : 1);
	memcpy(out->head, pattern, sizeof(out->head));
	out->head[0] = key ? 0x17 : 0x27;
	out->head[1] = 1;
	memset(out->head + 2, 0, 3);
	set_mark(content, out->head + 5);
}

static void set_audio(struct content *content, struct content_message *out, uint32_t timestamp)
{
	content->audio++;
	out->msg.csid = 4;
	out->msg.type = RTMP_TYPE_AUDIO;
	out->msg.timestamp = timestamp;
	out->msg.length = AUDIO_BYTES;
	memcpy(out->head, pattern, sizeof(out->head));
	out->head[0] = 0xaf;
	out->head[1] = 1;
	set_mark(content, out->head + 2);
}

void content_next(struct content *content, uint32_t stream_id, struct content_message *out)
{
	uint32_t video_ms = (uint32_t)(content->frames * 1000 / FRAME_RATE);
	uint32_t audio_ms = (uint32_t)(content->audio * AUDIO_MS);

	memset(&out->msg, 0, sizeof(out->msg));
	out->msg.stream_id = stream_id;
	if (content->number < 3) {
		set_preamble(content, out);
	} else if (video_ms <= audio_ms) {
		set_video(content, out, video_ms);
	} else {
		set_audio(content, out, audio_ms);
	}
	content->number++;
}
