#include "report_insight.h"

#include <string.h>

#include "clock.h"
#include "rtmp/media.h"

static void read_insight(const struct control *control, const struct registry_stream *stream,
			 struct stream_insight *out)
{
	if (!relay_insight(control->workers[stream->worker].relay, stream->slot, stream->generation,
			   out)) {
		memset(out, 0, sizeof(*out));
	}
}

static void set_number(json_t *object, const char *key, uint64_t value)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* What is not known is left out. */
static void set_known(json_t *object, const char *key, uint64_t value)
{
	if (value != 0) {
		set_number(object, key, value);
	}
}

static void set_rate(json_t *object, const char *key, uint32_t rate_mhz)
{
	if (rate_mhz != 0) {
		(void)json_object_set_new(object, key, json_real(rate_mhz / 1000.0));
	}
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text && text[0] != '\0') {
		(void)json_object_set_new(object, key, json_string(text));
	}
}

static void set_codec(json_t *object, const char *key, uint32_t codec)
{
	char text[RTMP_FOURCC_TEXT];

	if (codec != 0) {
		rtmp_fourcc_text(codec, text);
		set_text(object, key, text);
	}
}

static void set_range(json_t *object, const char *key, const struct insight_range *range)
{
	if (range->max != 0) {
		(void)json_object_set_new(
			object, key,
			json_pack("{s:I, s:I, s:I}", "last", (json_int_t)range->last, "min",
				  (json_int_t)range->min, "max", (json_int_t)range->max));
	}
}

static void set_ago(json_t *object, const char *key, const struct control *control, uint64_t us)
{
	if (us != 0) {
		set_number(object, key,
			   control->now_us > us ? (control->now_us - us) / US_PER_MS : 0);
	}
}

static void set_config(json_t *object, const struct rtmp_codec_config *config)
{
	char text[RTMP_CODEC_TEXT];

	set_codec(object, "codec", config->codec);
	set_text(object, "codec_name", rtmp_codec_name(config->codec));
	rtmp_codec_profile(config, text);
	set_text(object, "profile", text);
	rtmp_codec_level(config, text);
	set_text(object, "level", text);
	set_known(object, "width", config->width);
	set_known(object, "height", config->height);
	set_text(object, "chroma", rtmp_codec_chroma(config));
	set_known(object, "bit_depth", config->bit_depth);
	set_rate(object, "configured_fps", config->rate_mhz);
	set_known(object, "sample_rate", config->sample_rate);
	set_known(object, "channels", config->channels);
}

static json_t *track_object(const struct control *control, const struct track_insight *t)
{
	json_t *object = json_object();

	set_number(object, "track", t->id);
	set_config(object, &t->config);
	set_number(object, "config_changes", t->config_changes);
	(void)json_object_set_new(object, "enhanced", json_boolean(t->enhanced));
	set_known(object, "bitrate_kbps", t->bitrate_kbps);
	set_number(object, "frames", t->frames);
	set_number(object, "bytes", t->bytes);
	set_number(object, "gaps", t->gaps);
	set_number(object, "gap_ms_max", t->gap_ms_max);
	set_number(object, "backward", t->backward);
	set_number(object, "backward_ms_max", t->backward_ms_max);
	set_number(object, "last_timestamp_ms", t->last_timestamp);
	set_ago(object, "last_ago_ms", control, t->last_us);
	return object;
}

static json_t *video_object(const struct control *control, const struct track_insight *t)
{
	json_t *object = track_object(control, t);

	set_rate(object, "fps", t->rate_mhz);
	set_number(object, "keyframes", t->keyframes);
	set_range(object, "gop_frames", &t->gop_frames);
	set_range(object, "keyframe_interval_ms", &t->gop_ms);
	set_ago(object, "keyframe_ago_ms", control, t->last_key_us);
	set_number(object, "composition_ms_max", (uint32_t)t->composition_ms_max);
	return object;
}

static json_t *claims_object(const struct control *control, const struct insight_claims *claims)
{
	json_t *object = json_object();

	set_number(object, "count", claims->count);
	set_ago(object, "ago_ms", control, claims->when_us);
	set_text(object, "video_codec", claims->video_codec);
	set_known(object, "width", claims->width);
	set_known(object, "height", claims->height);
	set_rate(object, "fps", claims->rate_mhz);
	set_known(object, "video_kbps", claims->video_kbps);
	set_text(object, "audio_codec", claims->audio_codec);
	set_known(object, "sample_rate", claims->sample_rate);
	set_known(object, "audio_kbps", claims->audio_kbps);
	set_known(object, "video_tracks", claims->video_tracks);
	set_known(object, "audio_tracks", claims->audio_tracks);
	set_text(object, "encoder", claims->encoder);
	return object;
}

static void set_totals(const struct control *control, json_t *object,
		       const struct insight_totals *totals)
{
	if (totals->skew_known) {
		(void)json_object_set_new(object, "av_skew_ms", json_integer(totals->skew_ms));
		set_number(object, "av_skew_ms_max", totals->skew_ms_max);
	}
	set_number(object, "silences", totals->silences);
	set_number(object, "unknown_messages", totals->unknown);
	set_number(object, "untracked_messages", totals->untracked);
	if (totals->claims.count != 0) {
		(void)json_object_set_new(object, "metadata",
					  claims_object(control, &totals->claims));
	}
}

/* What the timestamps did, as the relay followed them. */
static void set_timeline(const struct control *control, const struct registry_stream *stream,
			 json_t *object)
{
	struct timeline_status time;

	if (relay_timeline(control->workers[stream->worker].relay, stream->slot, stream->generation,
			   &time)) {
		(void)json_object_set_new(
			object, "timestamps",
			json_pack("{s:s, s:I, s:I, s:I, s:I}", "policy",
				  time.repair ? "repair" : "pass", "jumps", (json_int_t)time.jumps,
				  "repaired", (json_int_t)time.repaired, "gaps",
				  (json_int_t)time.gaps, "wraps", (json_int_t)time.wraps));
	}
}

json_t *report_insight_object(const struct control *control, const struct registry_stream *stream)
{
	json_t *object = json_object();
	json_t *video = json_array();
	json_t *audio = json_array();
	struct stream_insight in;

	read_insight(control, stream, &in);
	for (uint32_t i = 0; i < in.videos; i++) {
		(void)json_array_append_new(video, video_object(control, &in.video[i]));
	}
	for (uint32_t i = 0; i < in.audios; i++) {
		(void)json_array_append_new(audio, track_object(control, &in.audio[i]));
	}
	(void)json_object_set_new(object, "video", video);
	(void)json_object_set_new(object, "audio", audio);
	set_totals(control, object, &in.totals);
	set_timeline(control, stream, object);
	return object;
}

void report_insight_brief(const struct control *control, const struct registry_stream *stream,
			  json_t *object)
{
	struct stream_insight in;

	read_insight(control, stream, &in);
	if (in.videos > 0) {
		set_codec(object, "video_codec", in.video[0].config.codec);
		set_known(object, "width", in.video[0].config.width);
		set_known(object, "height", in.video[0].config.height);
		set_rate(object, "fps", in.video[0].rate_mhz);
	}
	if (in.audios > 0) {
		set_codec(object, "audio_codec", in.audio[0].config.codec);
		set_known(object, "sample_rate", in.audio[0].config.sample_rate);
	}
}
