#include "insight_track.h"

#include <string.h>

#include "clock.h"

#define WINDOW_MS       4000u /* long enough to tell 29.97 from 30 by whole milliseconds */
#define WINDOW_FIRST_MS 500u  /* a first guess */
#define PARSE_EVERY_US  (100 * US_PER_MS)
#define PARSE_BURST_US  (1000 * US_PER_MS)

bool insight_may_parse(uint64_t *next_us, uint64_t now_us)
{
	if (*next_us > now_us + PARSE_BURST_US) {
		return false;
	}
	*next_us = (*next_us > now_us ? *next_us : now_us) + PARSE_EVERY_US;
	return true;
}

static void take_range(struct insight_range *range, uint32_t value)
{
	range->min = range->max == 0 || value < range->min ? value : range->min;
	range->max = value > range->max ? value : range->max;
	range->last = value;
}

/* Rates hold for frames without a jump of time between them. */
static void restart_window(struct insight_window *w, uint32_t timestamp)
{
	w->since = timestamp;
	w->frames = 0;
	w->bytes = 0;
}

/* The frames before this one, over the time until it. */
static void measure(struct insight_track *t, uint32_t timestamp)
{
	struct insight_window *w = &t->window;
	uint64_t span = timestamp - w->since;

	if (span < (w->latched ? WINDOW_MS : WINDOW_FIRST_MS)) {
		return;
	}
	t->shown.rate_mhz = (uint32_t)((w->frames * UINT64_C(1000000) + span / 2) / span);
	t->shown.bitrate_kbps = (uint32_t)((w->bytes * 8 + span / 2) / span);
	if (span >= WINDOW_MS) {
		w->latched = true;
		restart_window(w, timestamp);
	}
}

/* A clock that was set ahead, not one that ran while nothing was sent. */
static bool is_set_ahead(uint32_t step, uint64_t passed_us)
{
	return step > passed_us / US_PER_MS + INSIGHT_GAP_MS;
}

/* False when time jumped. */
static bool take_time(struct insight_track *t, const struct insight_frame *frame)
{
	struct track_insight *s = &t->shown;
	int32_t step = (int32_t)(frame->timestamp - s->last_timestamp);
	uint32_t size = step < 0 ? 0u - (uint32_t)step : (uint32_t)step;

	s->last_timestamp = frame->timestamp;
	if (step < 0) {
		s->backward++;
		s->backward_ms_max = size > s->backward_ms_max ? size : s->backward_ms_max;
		t->gop_frames = 0; /* its length says nothing */
		return false;
	}
	if (step > INSIGHT_GAP_MS) {
		s->gaps++;
		s->gap_ms_max = size > s->gap_ms_max ? size : s->gap_ms_max;
		if (is_set_ahead(size, frame->arrived_us - s->last_us)) {
			t->gop_frames = 0;
		}
		return false;
	}
	return true;
}

static void take_keyframe(struct insight_track *t, const struct insight_frame *frame)
{
	if (t->gop_frames > 0) {
		take_range(&t->shown.gop_frames, t->gop_frames);
		take_range(&t->shown.gop_ms, frame->timestamp - t->gop_since);
	}
	t->gop_since = frame->timestamp;
	t->gop_frames = 1;
	t->shown.keyframes++;
	t->shown.last_key_us = frame->arrived_us;
}

static bool same_video(const struct rtmp_codec_config *a, const struct rtmp_codec_config *b)
{
	return a->width == b->width && a->height == b->height && a->rate_mhz == b->rate_mhz &&
	       a->compatible == b->compatible && a->chroma == b->chroma &&
	       a->high_tier == b->high_tier;
}

static bool same_audio(const struct rtmp_codec_config *a, const struct rtmp_codec_config *b)
{
	return a->sample_rate == b->sample_rate && a->channels == b->channels && a->sbr == b->sbr &&
	       a->ps == b->ps;
}

static bool same_config(const struct rtmp_codec_config *a, const struct rtmp_codec_config *b)
{
	return a->codec == b->codec && a->profile == b->profile && a->level == b->level &&
	       a->bit_depth == b->bit_depth && same_video(a, b) && same_audio(a, b);
}

static void change_config(struct insight_track *t, const struct rtmp_codec_config *config)
{
	if (same_config(&t->shown.config, config)) {
		return;
	}
	t->shown.config_changes += t->shown.config.codec != 0;
	t->shown.config = *config;
}

/* What frames say of themselves, where no sequence header does. */
static void take_codec(struct insight_track *t, const struct insight_frame *frame)
{
	struct rtmp_codec_config config;

	if (frame->codec != 0 && frame->codec != t->shown.config.codec) {
		memset(&config, 0, sizeof(config));
		config.codec = frame->codec;
		change_config(t, &config);
		t->sound = UINT8_MAX;
	}
	config = t->shown.config;
	if (!t->video && !frame->enhanced && frame->sound != t->sound) {
		t->sound = frame->sound;
		rtmp_codec_sound(&config, frame->codec, frame->sound);
	}
	if ((frame->key || (!t->video && config.sample_rate == 0)) && frame->body_len > 0) {
		(void)rtmp_codec_frame(&config, frame->codec, frame->body, frame->body_len);
	}
	/* The size of a VP9 keyframe completes its configuration, and changes nothing. */
	if (t->shown.config.width == 0 && t->shown.config.sample_rate == 0) {
		t->shown.config = config;
	} else {
		change_config(t, &config);
	}
}

void insight_track_frame(struct insight_track *t, const struct insight_frame *frame)
{
	struct track_insight *s = &t->shown;

	s->enhanced = frame->enhanced;
	if (frame->codec != s->config.codec || frame->key || frame->sound != t->sound ||
	    (!t->video && s->config.sample_rate == 0)) {
		take_codec(t, frame);
	}
	if (s->frames == 0) {
		s->first_us = frame->arrived_us;
		s->last_timestamp = frame->timestamp;
		restart_window(&t->window, frame->timestamp);
	} else if (take_time(t, frame)) {
		measure(t, frame->timestamp);
	} else {
		restart_window(&t->window, frame->timestamp);
	}
	if (frame->key) {
		take_keyframe(t, frame);
	} else if (t->gop_frames > 0) {
		t->gop_frames++;
	}
	if (frame->composition_ms > s->composition_ms_max) {
		s->composition_ms_max = frame->composition_ms;
	}
	s->frames++;
	s->bytes += frame->length;
	s->last_us = frame->arrived_us;
	t->window.frames++;
	t->window.bytes += frame->length;
}

void insight_track_config(struct insight_track *t, uint32_t codec, const uint8_t *body,
			  uint32_t len)
{
	struct rtmp_codec_config config;

	(void)rtmp_codec_read(&config, codec, body, len);
	/* A repeated VP9 header has no size: that of the keyframes holds. */
	if (config.width == 0 && codec == t->shown.config.codec) {
		config.width = t->shown.config.width;
		config.height = t->shown.config.height;
	}
	change_config(t, &config);
}
