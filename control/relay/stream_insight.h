/*
 * What a stream consists of, understood without decoding: plain fields, as relay_insight() gives
 * them out. 0 means that it is not known (yet), unless a comment says otherwise.
 *
 * Times are those of the media (timestamps), unless they end in _us, which are of the dataplane's
 * clock. What the publisher says of itself (`claims`, and all of `config`) is not checked by
 * anybody: absurd values are shown as they are.
 */
#ifndef STREAM_INSIGHT_H
#define STREAM_INSIGHT_H

#include "rtmp/codec.h"

#define INSIGHT_TRACKS  8u /* of each medium: more are counted, but not looked at */
#define INSIGHT_CODEC   8u
#define INSIGHT_ENCODER 64u

/* A measure of every GOP: the last whole one, and the extremes. */
struct insight_range {
	uint32_t last;
	uint32_t min;
	uint32_t max;
};

struct track_insight {
	uint8_t id;    /* 0: the default track */
	bool enhanced; /* by Enhanced RTMP headers */
	struct rtmp_codec_config config;
	uint32_t config_changes;

	uint64_t frames; /* messages with coded frames */
	uint64_t keyframes;
	uint64_t bytes;
	uint32_t rate_mhz; /* frames in 1000 seconds, over the last seconds */
	uint32_t bitrate_kbps;
	struct insight_range gop_frames;
	struct insight_range gop_ms; /* the interval of keyframes */
	int32_t composition_ms_max;  /* above 0: frames are reordered */

	uint32_t gaps; /* timestamps that jump ahead by more than INSIGHT_GAP_MS */
	uint32_t gap_ms_max;
	uint32_t backward; /* timestamps that go back */
	uint32_t backward_ms_max;
	uint32_t last_timestamp;
	uint64_t first_us;
	uint64_t last_us; /* when the last message came */
	uint64_t last_key_us;
};

#define INSIGHT_GAP_MS 1000

/* What onMetaData says. */
struct insight_claims {
	uint64_t when_us; /* 0: there was none */
	uint32_t count;
	uint32_t width;
	uint32_t height;
	uint32_t rate_mhz;
	uint32_t video_kbps;
	uint32_t audio_kbps;
	uint32_t sample_rate;
	uint32_t video_tracks; /* described beside the default one, or with it */
	uint32_t audio_tracks;
	char video_codec[INSIGHT_CODEC]; /* "avc1", "7" */
	char audio_codec[INSIGHT_CODEC];
	char encoder[INSIGHT_ENCODER]; /* printable */
};

/* Of the stream as a whole. */
struct insight_totals {
	struct insight_claims claims;

	bool skew_known;
	int32_t skew_ms; /* timestamps of audio minus those of video that come with it, averaged */
	uint32_t skew_ms_max; /* either way */

	uint64_t silences;  /* audio messages of length 0 */
	uint64_t unknown;   /* messages whose head is not understood */
	uint64_t untracked; /* frames and headers of tracks beyond INSIGHT_TRACKS */
};

struct stream_insight {
	struct insight_totals totals;
	uint32_t videos;
	uint32_t audios;
	struct track_insight video[INSIGHT_TRACKS]; /* by id */
	struct track_insight audio[INSIGHT_TRACKS];
};

#endif
