#include "bench/gen/content.h"

#include <string.h>

#include "bench/common/rng.h"

#define PREAMBLE    3u
#define CSID_AUDIO  4u
#define CSID_DATA   5u
#define CSID_VIDEO  6u
/* Media headers and mark need 45 bytes of video, 42 of audio. */
#define AUDIO_LEAST 48u

static const uint8_t avc_header[MARK_VIDEO] = {0x17, 0, 0, 0, 0};
static const uint8_t aac_header[MARK_AUDIO] = {0xaf, 0};
/* @setDataFrame, onMetaData, a string: what a receiver must forward unchanged. */
static const uint8_t metadata[] = {2,   0,   13,  '@', 's', 'e', 't', 'D', 'a', 't',       'a',
				   'F', 'r', 'a', 'm', 'e', 2,   0,   10,  'o', 'n',       'M',
				   'e', 't', 'a', 'D', 'a', 't', 'a', 2,   0,   MARK_BYTES};

_Static_assert(sizeof(metadata) + MARK_BYTES <= WIRE_HEAD, "metadata");

void content_size(struct content_config *config, uint32_t bitrate_kbps)
{
	uint64_t second = (uint64_t)bitrate_kbps * 125;
	uint64_t audio = config->video_only ? 0 : second / 4 * CONTENT_AUDIO_MS / 1000;
	uint64_t video, gop;

	audio = audio < CONTENT_AUDIO_BYTES ? audio : CONTENT_AUDIO_BYTES;
	config->audio_bytes = (uint32_t)(audio > AUDIO_LEAST ? audio : AUDIO_LEAST);
	audio = config->video_only ? 0 : config->audio_bytes * UINT64_C(1000) / CONTENT_AUDIO_MS;
	video = second > audio ? second - audio : 0;
	gop = video * config->gop_frames / config->fps /
	      (config->gop_frames - 1 + CONTENT_KEYFRAME);
	config->frame_bytes = (uint32_t)(gop > CONTENT_FRAME_LEAST ? gop : CONTENT_FRAME_LEAST);
}

void content_use_flv(struct content_config *config, const struct flv_file *file)
{
	uint32_t first = file->tags[0].timestamp;
	uint32_t last = first;

	for (size_t i = 0; i < file->count; i++) {
		last = file->tags[i].timestamp > last ? file->tags[i].timestamp : last;
	}
	config->tags = file->tags;
	config->tags_count = (uint32_t)file->count;
	/* The last message lasts as long as the average one. */
	uint32_t steps = config->tags_count > 1 ? config->tags_count - 1 : 1;
	config->tags_ms = last - first + (last - first) / steps + 1;
}

void content_init(struct content *content, const struct content_config *config, const char *name,
		  uint64_t seed)
{
	*content = (struct content){
		.stream = mark_stream(name),
		.phase = (uint32_t)(rng_mix(seed) % config->gop_frames),
	};
}

static uint64_t video_us(const struct content *c, const struct content_config *config)
{
	return c->frames * UINT64_C(1000000) / config->fps;
}

static uint64_t audio_us(const struct content *c)
{
	return c->audio * UINT64_C(1000) * CONTENT_AUDIO_MS;
}

static uint32_t tag_ms(const struct content *c, const struct content_config *config)
{
	uint32_t ms = config->tags[c->tag].timestamp - config->tags[0].timestamp;

	return ms + c->loops * config->tags_ms;
}

static bool video_is_next(const struct content *c, const struct content_config *config)
{
	return config->video_only || video_us(c, config) <= audio_us(c);
}

uint64_t content_due_us(const struct content *c, const struct content_config *config)
{
	if (config->tags != NULL) {
		return tag_ms(c, config) * UINT64_C(1000);
	}
	if (c->preamble < PREAMBLE) {
		return 0;
	}
	return video_is_next(c, config) ? video_us(c, config) : audio_us(c);
}

/* Header bytes and mark into the wire's head; what follows is filler. */
static void set_marked(struct wire *wire, const void *header, uint32_t len, const struct mark *mark,
		       const struct content_config *config)
{
	memcpy(wire->head, header, len);
	mark_write_head(mark, wire->head + len);
	wire->head_len = (uint8_t)(len + MARK_BYTES);
	wire->body = config->body;
	wire->looped = true;
	wire->start = (mark_start(mark) + MARK_PERIOD - len) % MARK_PERIOD;
}

static struct mark mark_of(const struct content *c, uint64_t number, uint64_t sent_ns)
{
	return (struct mark){
		.stream = c->stream,
		.number = number,
		.keyframe = c->keyframe,
		.sent_ns = sent_ns,
	};
}

static void next_preamble(struct content *c, const struct content_config *config,
			  struct rtmp_message *msg, const void **header, uint32_t *len)
{
	(void)config;
	switch (c->preamble++) {
	case 0:
		msg->csid = CSID_DATA;
		msg->type = RTMP_TYPE_DATA_AMF0;
		*header = metadata;
		*len = sizeof(metadata);
		break;
	case 1:
		msg->csid = CSID_VIDEO;
		msg->type = RTMP_TYPE_VIDEO;
		*header = avc_header;
		*len = sizeof(avc_header);
		break;
	default:
		msg->csid = CSID_AUDIO;
		msg->type = RTMP_TYPE_AUDIO;
		*header = aac_header;
		*len = sizeof(aac_header);
		break;
	}
	msg->length = *len + MARK_BYTES;
}

static void next_video(struct content *c, const struct content_config *config,
		       struct rtmp_message *msg, const void **header, uint32_t *len)
{
	static const uint8_t key_header[MARK_VIDEO] = {0x17, 1, 0, 0, 0};
	static const uint8_t inter_header[MARK_VIDEO] = {0x27, 1, 0, 0, 0};
	bool key = c->frames == 0 || (c->frames + c->phase) % config->gop_frames == 0;

	msg->csid = CSID_VIDEO;
	msg->type = RTMP_TYPE_VIDEO;
	msg->timestamp = (uint32_t)(video_us(c, config) / 1000);
	msg->length = config->frame_bytes * (key ? CONTENT_KEYFRAME : 1);
	*header = key ? key_header : inter_header;
	*len = MARK_VIDEO;
	c->keyframe = key ? c->number : c->keyframe;
	c->frames++;
}

static void next_audio(struct content *c, const struct content_config *config,
		       struct rtmp_message *msg, const void **header, uint32_t *len)
{
	static const uint8_t audio_header[MARK_AUDIO] = {0xaf, 1};

	msg->csid = CSID_AUDIO;
	msg->type = RTMP_TYPE_AUDIO;
	msg->timestamp = (uint32_t)(audio_us(c) / 1000);
	msg->length = config->audio_bytes;
	*header = audio_header;
	*len = MARK_AUDIO;
	c->audio++;
}

static uint32_t next_tag(struct content *c, const struct content_config *config,
			 struct rtmp_chunk_writer *writer, uint32_t stream_id, struct wire *wire)
{
	const struct flv_tag *tag = &config->tags[c->tag];
	struct rtmp_message msg = {
		.timestamp = tag_ms(c, config),
		.length = tag->length,
		.stream_id = stream_id,
		.csid = tag->type == RTMP_TYPE_AUDIO   ? CSID_AUDIO
			: tag->type == RTMP_TYPE_VIDEO ? CSID_VIDEO
						       : CSID_DATA,
		.type = tag->type,
	};

	wire_begin(wire, writer, &msg);
	wire->body = tag->data;
	c->tag++;
	if (c->tag == config->tags_count) {
		c->tag = 0;
		c->loops++;
	}
	return tag->length;
}

uint32_t content_next(struct content *c, const struct content_config *config,
		      struct rtmp_chunk_writer *writer, uint32_t stream_id, uint64_t sent_ns,
		      struct wire *wire)
{
	struct rtmp_message msg = {.stream_id = stream_id};
	const void *header;
	uint32_t len;

	if (config->tags != NULL) {
		return next_tag(c, config, writer, stream_id, wire);
	}
	bool numbered = c->preamble >= PREAMBLE;
	if (!numbered) {
		next_preamble(c, config, &msg, &header, &len);
	} else if (video_is_next(c, config)) {
		next_video(c, config, &msg, &header, &len);
	} else {
		next_audio(c, config, &msg, &header, &len);
	}
	struct mark mark = mark_of(c, numbered ? c->number : MARK_NO_NUMBER, sent_ns);
	c->number += numbered;
	wire_begin(wire, writer, &msg);
	set_marked(wire, header, len, &mark, config);
	return msg.length;
}
