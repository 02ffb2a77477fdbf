/*
 * What an application allows its streams to be (config_stream_limits), judged by what is understood
 * of them without decoding (relay/stream_insight.h).
 *
 * Codecs and resolutions are judged at once, a resolution that nobody can tell after
 * ADMISSION_SUSTAIN_US. Rates are not: a bitrate is over its limit when all that came beyond it
 * adds up to bitrate_window_s of it, so that a burst passes; so are frames, by arrival. What the
 * rate allowed and nobody sent is saved up, ADMISSION_SAVED_S of the rate at most: the backlog of
 * an uplink that stood still, or only trickled, is no more than that. Frame rates by timestamps and
 * keyframe intervals are over theirs when they stay so for ADMISSION_SUSTAIN_US. Message size,
 * silence and media that never comes are the worker's, which sees them anyhow: it is told with the
 * accept (abi/sub.h).
 *
 * Pure functions; the owner looks twice a second.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <stdbool.h>

#include "config/config.h"
#include "relay/stream_insight.h"
#include "rtmp/server.h"

#define ADMISSION_SUSTAIN_US UINT64_C(5000000)
#define ADMISSION_SAVED_S    60u
#define ADMISSION_TEXT       128u

/* What came of something that has a rate. */
struct admission_bucket {
	uint64_t count; /* at the last look */
	uint64_t debt;  /* beyond the rate */
	uint64_t saved; /* what may come beyond it, for what did not come before */
	uint64_t since; /* count when the debt began */
	uint64_t since_us;
};

/* Of a stream, all 0 at its beginning. */
struct admission_state {
	uint64_t seen_us; /* last look; 0: none */
	struct admission_bucket bits;
	struct admission_bucket frames; /* in thousandths */
	uint64_t frames_first_us;       /* when there were any; 0: not yet */
	uint64_t hidden_since_us;
	uint64_t frames_since_us;
	uint64_t keyframes_since_us;
};

struct admission_sight {
	uint64_t now_us;
	uint64_t bytes; /* payload of complete messages, ever */
	const struct stream_insight *insight;
};

struct admission_verdict {
	enum rtmp_reject why;
	char text[ADMISSION_TEXT]; /* with the figure and its limit, for the encoder's log */
};

/* Whether there is anything to look into a stream for. */
bool admission_wanted(const struct config_stream_limits *limits);

/* True when the stream has to end, and why. */
bool admission_exceeded(const struct config_stream_limits *limits, struct admission_state *state,
			const struct admission_sight *sight, struct admission_verdict *verdict);

#endif
