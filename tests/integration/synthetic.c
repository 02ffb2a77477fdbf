#include "synthetic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp/message.h"

#define FRAME_RATE  30u
#define AUDIO_MS    23u
#define AUDIO_BYTES 374u
#define PREAMBLE    3u
#define BYTES_LEAST 512u

static const uint8_t avc_header[MARK_VIDEO] = {0x17, 0, 0, 0, 0};
static const uint8_t aac_header[MARK_AUDIO] = {0xaf, 0};
/* @setDataFrame, onMetaData: what a receiver must forward unchanged. */
static const uint8_t metadata[] = {2,   0,   13,  '@', 's', 'e', 't', 'D', 'a', 't',       'a',
				   'F', 'r', 'a', 'm', 'e', 2,   0,   10,  'o', 'n',       'M',
				   'e', 't', 'a', 'D', 'a', 't', 'a', 2,   0,   MARK_BYTES};

int synthetic_init(struct synthetic *s, const char *name, uint32_t gop_ms, uint32_t kbps)
{
	uint32_t gop = gop_ms * FRAME_RATE / 1000;

	memset(s, 0, sizeof(*s));
	s->gop_frames = gop > 0 ? gop : 1;
	uint64_t gop_bytes = (uint64_t)kbps * 125 * s->gop_frames / FRAME_RATE;
	s->frame_bytes = (uint32_t)(gop_bytes / (s->gop_frames - 1 + SYNTHETIC_KEYFRAME));
	s->frame_bytes = s->frame_bytes > BYTES_LEAST ? s->frame_bytes : BYTES_LEAST;
	s->bytes = malloc((size_t)s->frame_bytes * SYNTHETIC_KEYFRAME);
	s->mark.stream = mark_stream(name);
	return s->bytes != NULL ? 0 : -ENOMEM;
}

void synthetic_fini(struct synthetic *s)
{
	free(s->bytes);
}

void synthetic_restart(struct synthetic *s)
{
	s->mark.incarnation += s->mark.number > 0;
	s->mark.number = 0;
	s->mark.keyframe = 0;
	s->preamble = 0;
	s->frames = 0;
	s->audio = 0;
}

static uint32_t video_ms(const struct synthetic *s)
{
	return (uint32_t)(s->frames * 1000 / FRAME_RATE);
}

static uint32_t audio_ms(const struct synthetic *s)
{
	return (uint32_t)(s->audio * AUDIO_MS);
}

uint32_t synthetic_due_ms(const struct synthetic *s)
{
	return video_ms(s) <= audio_ms(s) ? video_ms(s) : audio_ms(s);
}

/* A head of `head_len` bytes, then the mark and its filler up to `length`. */
static void set_tag(struct synthetic *s, uint8_t type, const uint8_t *head, uint32_t head_len,
		    uint32_t length, const struct mark *mark)
{
	memcpy(s->bytes, head, head_len);
	mark_write(mark, s->bytes + head_len, length - head_len);
	s->tag = (struct flv_tag){.data = s->bytes, .length = length, .type = type};
}

static void set_preamble(struct synthetic *s)
{
	struct mark mark = s->mark;

	mark.number = MARK_NO_NUMBER;
	switch (s->preamble++) {
	case 0:
		set_tag(s, RTMP_TYPE_DATA_AMF0, metadata, sizeof(metadata),
			sizeof(metadata) + MARK_BYTES, &mark);
		break;
	case 1:
		set_tag(s, RTMP_TYPE_VIDEO, avc_header, sizeof(avc_header),
			sizeof(avc_header) + MARK_BYTES, &mark);
		break;
	default:
		set_tag(s, RTMP_TYPE_AUDIO, aac_header, sizeof(aac_header),
			sizeof(aac_header) + MARK_BYTES, &mark);
		break;
	}
}

static void set_video(struct synthetic *s)
{
	uint32_t timestamp = video_ms(s);
	bool key = s->frames++ % s->gop_frames == 0;
	const uint8_t head[MARK_VIDEO] = {key ? 0x17 : 0x27, 1, 0, 0, 0};

	if (key) {
		s->mark.keyframe = s->mark.number;
	}
	set_tag(s, RTMP_TYPE_VIDEO, head, sizeof(head),
		s->frame_bytes * (key ? SYNTHETIC_KEYFRAME : 1), &s->mark);
	s->tag.timestamp = timestamp;
	s->mark.number++;
}

static void set_audio(struct synthetic *s)
{
	static const uint8_t head[MARK_AUDIO] = {0xaf, 1};
	uint32_t timestamp = audio_ms(s);

	s->audio++;
	set_tag(s, RTMP_TYPE_AUDIO, head, sizeof(head), AUDIO_BYTES, &s->mark);
	s->tag.timestamp = timestamp;
	s->mark.number++;
}

const struct flv_tag *synthetic_next(struct synthetic *s)
{
	if (s->preamble < PREAMBLE) {
		set_preamble(s);
	} else if (video_ms(s) <= audio_ms(s)) {
		set_video(s);
	} else {
		set_audio(s);
	}
	return &s->tag;
}
