#include "admission.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "rtmp/media.h"

#define FRAME_SLACK_MHZ   500u /* 29.97 beside 30, and what timestamps in ms round */
#define KEYFRAME_SLACK_MS 100u
#define FRAMES_SETTLE_US  UINT64_C(2000000)
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

	if ((video.count != 0 || audio.count != 0 || limits->long_side_max != 0 ||
	     limits->frame_rate_max != 0) &&
	    insight->totals.untracked != 0) {
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

/* Of VP8 and VP9 the keyframes say it, of all others the sequence header. */
static bool hides_resolution(const struct track_insight *track)
{
	bool in_keyframes =
		track->config.codec == RTMP_CODEC_VP8 || track->config.codec == RTMP_CODEC_VP9;

	return track->config.width == 0 && track->frames != 0 &&
	       (!in_keyframes || track->keyframes != 0);
}

/* What cannot be judged is not allowed: a header that nobody can parse would hide anything. */
static bool resolution_hidden(const struct config_stream_limits *limits,
			      struct admission_state *state, const struct admission_sight *sight,
			      struct admission_verdict *verdict)
{
	bool hidden = false;

	for (uint32_t i = 0; i < sight->insight->videos && limits->long_side_max != 0; i++) {
		hidden |= hides_resolution(&sight->insight->video[i]);
	}
	return lasts(hidden, &state->hidden_since_us, sight->now_us) &&
	       refuse(verdict, RTMP_REJECT_RESOLUTION,
		      "resolution is not known: no sequence header that can be read");
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

/* What comes, whatever its timestamps say */

/* Of something that may come at a rate, counted in units of which there are many a second. */
struct flow {
	uint64_t count; /* ever */
	uint64_t rate;  /* a second */
	uint32_t window_s;
};

static uint64_t allowed(uint64_t rate, uint64_t us)
{
	return us / US_PER_S * rate + us % US_PER_S * rate / US_PER_S;
}

static void save(struct admission_bucket *bucket, const struct flow *flow, uint64_t units)
{
	uint64_t most = flow->rate * ADMISSION_SAVED_S;

	bucket->saved = most - bucket->saved < units ? most : bucket->saved + units;
}

/* What is over the rate is taken from what was saved, and then added to the debt. */
static bool overdraws(struct admission_bucket *bucket, const struct flow *flow, uint64_t over)
{
	uint64_t back = over < bucket->saved ? over : bucket->saved;

	bucket->saved -= back;
	bucket->debt = over - back;
	return bucket->debt > flow->rate * flow->window_s;
}

static bool floods(struct admission_bucket *bucket, const struct flow *flow, uint64_t seen_us,
		   uint64_t now_us)
{
	uint64_t before = bucket->count;
	uint64_t came = flow->count > before ? flow->count - before : 0;
	uint64_t paid = allowed(flow->rate, now_us - seen_us);

	bucket->count = flow->count;
	if (seen_us == 0) {
		return false;
	}
	if (bucket->debt == 0) {
		bucket->since_us = seen_us;
		bucket->since = before;
	}
	if (bucket->debt + came > paid) {
		return overdraws(bucket, flow, bucket->debt + came - paid);
	}
	save(bucket, flow, paid - bucket->debt - came);
	bucket->debt = 0;
	return false;
}

/* Units a second, since the debt began. */
static double flow_rate(const struct admission_bucket *bucket, uint64_t now_us)
{
	return (double)(bucket->count - bucket->since) * (double)US_PER_S /
	       (double)(now_us - bucket->since_us);
}

static bool bitrate_exceeded(const struct config_stream_limits *limits,
			     struct admission_state *state, const struct admission_sight *sight,
			     struct admission_verdict *verdict)
{
	const struct flow bits = {.count = sight->bytes * 8,
				  .rate = limits->bitrate_max_kbps * UINT64_C(1000),
				  .window_s = limits->bitrate_window_s};

	return bits.rate != 0 && floods(&state->bits, &bits, state->seen_us, sight->now_us) &&
	       refuse(verdict, RTMP_REJECT_BITRATE, "bitrate %.1f Mb/s exceeds %.1f Mb/s",
		      flow_rate(&state->bits, sight->now_us) / 1e6,
		      limits->bitrate_max_kbps / 1000.0);
}

static uint64_t most_frames(const struct stream_insight *insight)
{
	uint64_t frames = 0;

	for (uint32_t i = 0; i < insight->videos; i++) {
		frames = insight->video[i].frames > frames ? insight->video[i].frames : frames;
	}
	return frames;
}

/* A control that was restarted is shown at once what the log still has. */
static bool settles(struct admission_state *state, uint64_t frames, uint64_t now_us)
{
	if (frames == 0) {
		state->frames_first_us = 0;
	} else if (state->frames_first_us == 0) {
		state->frames_first_us = now_us;
	}
	return frames == 0 || now_us - state->frames_first_us < FRAMES_SETTLE_US;
}

/* Timestamps that stand still, or run ahead, make the measured rate what the encoder likes. */
static bool frames_flood(const struct config_stream_limits *limits, struct admission_state *state,
			 const struct admission_sight *sight, struct admission_verdict *verdict)
{
	const struct flow frames = {.count = most_frames(sight->insight) * 1000,
				    .rate = limits->frame_rate_max * UINT64_C(1000) +
					    FRAME_SLACK_MHZ,
				    .window_s = limits->bitrate_window_s};

	if (settles(state, frames.count, sight->now_us)) {
		state->frames = (struct admission_bucket){.count = frames.count};
		return false;
	}
	return limits->frame_rate_max != 0 &&
	       floods(&state->frames, &frames, state->seen_us, sight->now_us) &&
	       refuse(verdict, RTMP_REJECT_FRAME_RATE, "frame rate %.1f by arrival exceeds %u",
		      flow_rate(&state->frames, sight->now_us) / 1000, limits->frame_rate_max);
}

bool admission_exceeded(const struct config_stream_limits *limits, struct admission_state *state,
			const struct admission_sight *sight, struct admission_verdict *verdict)
{
	bool exceeded = codecs_exceeded(limits, sight->insight, verdict) ||
			resolution_exceeded(limits, sight->insight, verdict) ||
			resolution_hidden(limits, state, sight, verdict) ||
			bitrate_exceeded(limits, state, sight, verdict) ||
			frames_flood(limits, state, sight, verdict) ||
			frame_rate_exceeded(limits, state, sight, verdict) ||
			keyframes_exceeded(limits, state, sight, verdict);

	state->seen_us = sight->now_us;
	return exceeded;
}
