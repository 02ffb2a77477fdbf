#include "admission.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rtmp/media.h"

#define US_PER_MS         UINT64_C(1000)
#define FRAME_SLACK_MHZ   500u /* 29.97 beside 30, and what timestamps in ms round */
#define KEYFRAME_SLACK_MS 100u
/* Of a GOP that has not ended: what comes late is not longer for that. */
#define OPEN_SLACK_MS     1000u

static bool __attribute__((format(printf, 3, 4)))
refuse(struct admission_verdict *verdict, enum rtmp_reject why, const char *format, ...)
{
	va_list args;

	verdict->why = why;
	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started the line before */
	(void)vsnprintf(verdict->text, sizeof(verdict->text), format, args);
	va_end(args);
	return true;
}

bool admission_wanted(const struct config_stream_limits *limits)
{
	return limits->video_codecs_count != 0 || limits->audio_codecs_count != 0 ||
	       limits->long_side_max != 0 || limits->bitrate_max_kbps != 0 ||
	       limits->frame_rate_max != 0 || limits->keyframe_interval_max_ms != 0;
}

/* Codecs */

struct codecs {
	const char *medium;
	const uint32_t *allowed;
	uint32_t count;
};

static bool is_allowed(const struct codecs *codecs, uint32_t codec)
{
	for (uint32_t i = 0; i < codecs->count; i++) {
		if (codecs->allowed[i] == codec) {
			return true;
		}
	}
	return codecs->count == 0;
}

/* A track with frames and no codec has one without a name: it is not on the list. */
static bool is_foreign(const struct codecs *codecs, const struct track_insight *track,
		       struct admission_verdict *verdict)
{
	char name[RTMP_FOURCC_TEXT];
	uint32_t codec = track->config.codec;

	if ((codec == 0 && track->frames == 0) || is_allowed(codecs, codec)) {
		return false;
	}
	if (codec == 0) {
		return refuse(verdict, RTMP_REJECT_CODEC, "unknown %s codec is not allowed here",
			      codecs->medium);
	}
	rtmp_fourcc_text(codec, name);
	return refuse(verdict, RTMP_REJECT_CODEC, "%s codec %s is not allowed here", codecs->medium,
		      name);
}

static bool codecs_exceeded(const struct config_stream_limits *limits,
			    const struct stream_insight *insight, struct admission_verdict *verdict)
{
	const struct codecs video = {"video", limits->video_codecs, limits->video_codecs_count};
	const struct codecs audio = {"audio", limits->audio_codecs, limits->audio_codecs_count};

	if ((video.count != 0 || audio.count != 0) && insight->totals.untracked != 0) {
		return refuse(verdict, RTMP_REJECT_CODEC,
			      "more than %u tracks are not allowed here", INSIGHT_TRACKS);
	}
	for (uint32_t i = 0; i < insight->videos; i++) {
		if (is_foreign(&video, &insight->video[i], verdict)) {
			return true;
		}
	}
	for (uint32_t i = 0; i < insight->audios; i++) {
		if (is_foreign(&audio, &insight->audio[i], verdict)) {
			return true;
		}
	}
	return false;
}

/* Pictures */

static bool resolution_exceeded(const struct config_stream_limits *limits,
				const struct stream_insight *insight,
				struct admission_verdict *verdict)
{
	for (uint32_t i = 0; i < insight->videos && limits->long_side_max != 0; i++) {
		uint32_t width = insight->video[i].config.width;
		uint32_t height = insight->video[i].config.height;
		uint32_t wide = width > height ? width : height;
		uint32_t narrow = width > height ? height : width;

		if (wide > limits->long_side_max || narrow > limits->short_side_max) {
			return refuse(verdict, RTMP_REJECT_RESOLUTION,
				      "resolution %ux%u exceeds %ux%u", width, height,
				      limits->long_side_max, limits->short_side_max);
		}
	}
	return false;
}

/* True when it has been so for long enough. */
static bool lasts(bool over, uint64_t *since_us, uint64_t now_us)
{
	if (!over) {
		*since_us = 0;
	} else if (*since_us == 0) {
		*since_us = now_us;
	}
	return over && now_us - *since_us >= ADMISSION_SUSTAIN_US;
}

static uint32_t highest_rate(const struct stream_insight *insight)
{
	uint32_t rate = 0;

	for (uint32_t i = 0; i < insight->videos; i++) {
		rate = insight->video[i].rate_mhz > rate ? insight->video[i].rate_mhz : rate;
	}
	return rate;
}

static bool frame_rate_exceeded(const struct config_stream_limits *limits,
				struct admission_state *state, const struct admission_sight *sight,
				struct admission_verdict *verdict)
{
	uint32_t rate = highest_rate(sight->insight);
	bool over = limits->frame_rate_max != 0 &&
		    rate > limits->frame_rate_max * 1000 + FRAME_SLACK_MHZ;

	return lasts(over, &state->frames_since_us, sight->now_us) &&
	       refuse(verdict, RTMP_REJECT_FRAME_RATE, "frame rate %.1f exceeds %u", rate / 1000.0,
		      limits->frame_rate_max);
}

/*
 * The last whole GOP, or the one that is open when it is longer by now; 0: within the limit. It is
 * open as far as frames came: a network that stands still is none of the encoder's settings.
 */
static uint64_t long_gop_ms(const struct track_insight *track, uint32_t max_ms)
{
	uint64_t since_us = track->last_key_us != 0 ? track->last_key_us : track->first_us;
	uint64_t open_ms = track->frames != 0 && track->last_us > since_us
				   ? (track->last_us - since_us) / US_PER_MS
				   : 0;

	if (open_ms > (uint64_t)max_ms + OPEN_SLACK_MS) {
		return open_ms;
	}
	return track->gop_ms.last > max_ms + KEYFRAME_SLACK_MS ? track->gop_ms.last : 0;
}

static bool keyframes_exceeded(const struct config_stream_limits *limits,
			       struct admission_state *state, const struct admission_sight *sight,
			       struct admission_verdict *verdict)
{
	uint32_t max_ms = limits->keyframe_interval_max_ms;
	uint64_t gop_ms = 0;

	for (uint32_t i = 0; i < sight->insight->videos && max_ms != 0 && gop_ms == 0; i++) {
		gop_ms = long_gop_ms(&sight->insight->video[i], max_ms);
	}
	return lasts(gop_ms != 0, &state->keyframes_since_us, sight->now_us) &&
	       refuse(verdict, RTMP_REJECT_KEYFRAMES, "keyframe interval %.1f s exceeds %.1f s",
		      (double)gop_ms / 1000, max_ms / 1000.0);
}

/* Bitrate */

/* Bits that the rate allows in so many microseconds. */
static uint64_t allowed_bits(uint32_t kbps, uint64_t us)
{
	return us / 1000 * kbps + us % 1000 * kbps / 1000;
}

static bool bitrate_exceeded(const struct config_stream_limits *limits,
			     struct admission_state *state, const struct admission_sight *sight,
			     struct admission_verdict *verdict)
{
	uint64_t bits = (sight->bytes - state->bytes) * 8;
	uint64_t paid = allowed_bits(limits->bitrate_max_kbps, sight->now_us - state->seen_us);
	uint64_t window = (uint64_t)limits->bitrate_window_s * limits->bitrate_max_kbps * 1000;
	uint64_t elapsed_us;

	if (limits->bitrate_max_kbps == 0 || state->seen_us == 0) {
		return false;
	}
	if (state->debt + bits <= paid) {
		state->debt = 0;
		return false;
	}
	if (state->debt == 0) {
		state->debt_since_us = state->seen_us;
		state->debt_bytes = state->bytes;
	}
	state->debt += bits - paid;
	if (state->debt <= window) {
		return false;
	}
	elapsed_us = sight->now_us - state->debt_since_us;
	return refuse(verdict, RTMP_REJECT_BITRATE, "bitrate %.1f Mb/s exceeds %.1f Mb/s",
		      (double)(sight->bytes - state->debt_bytes) * 8 / (double)elapsed_us,
		      limits->bitrate_max_kbps / 1000.0);
}

bool admission_exceeded(const struct config_stream_limits *limits, struct admission_state *state,
			const struct admission_sight *sight, struct admission_verdict *verdict)
{
	bool exceeded = codecs_exceeded(limits, sight->insight, verdict) ||
			resolution_exceeded(limits, sight->insight, verdict) ||
			bitrate_exceeded(limits, state, sight, verdict) ||
			frame_rate_exceeded(limits, state, sight, verdict) ||
			keyframes_exceeded(limits, state, sight, verdict);

	state->seen_us = sight->now_us;
	state->bytes = sight->bytes;
	return exceeded;
}
