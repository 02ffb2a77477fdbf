/*
 * One track of a stream: what its frames and sequence headers add up to.
 */
#ifndef INSIGHT_TRACK_H
#define INSIGHT_TRACK_H

#include "rtmp/media.h"
#include "stream_insight.h"

/* Frames over which rates are measured, by their timestamps. */
struct insight_window {
	uint32_t since;  /* timestamp of the first */
	uint32_t frames; /* 0: none yet */
	uint64_t bytes;
	bool latched; /* the rates are those of a whole one */
};

struct insight_track {
	struct track_insight shown;
	bool video;
	uint8_t sound;          /* as last seen; audio without Enhanced RTMP */
	uint32_t gop_since;     /* timestamp of the keyframe */
	uint32_t gop_frames;    /* of the GOP under way; 0: there was no keyframe */
	uint64_t next_parse_us; /* see insight_may_parse() */
	struct insight_window window;
};

/* A coded frame of the track. `body` are its first bytes, as far as they are at hand. */
struct insight_frame {
	uint32_t codec;
	uint32_t timestamp;
	uint32_t length;
	int32_t composition_ms;
	bool key;
	bool enhanced;
	uint8_t sound;
	uint64_t arrived_us;
	const uint8_t *body;
	uint32_t body_len;
};

void insight_track_frame(struct insight_track *track, const struct insight_frame *frame);

/* A sequence header. */
void insight_track_config(struct insight_track *track, uint32_t codec, const uint8_t *body,
			  uint32_t len);

/*
 * Whether there is time to parse a sequence header or metadata: some at once, and then ten a
 * second, whatever a publisher sends.
 */
bool insight_may_parse(uint64_t *next_us, uint64_t now_us);

#endif
