#include "output_media.h"

#include "field.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))
#define TEXT_MAX     160u

/* Text that grows by pieces, each with a separator before it but the first. */
struct text {
	char data[TEXT_MAX];
	size_t len;
};

__attribute__((format(printf, 3, 4))) static void append(struct text *text, const char *separator,
							 const char *format, ...)
{
	va_list args;
	int n = 0;

	if (text->len > 0) {
		n = snprintf(text->data + text->len, TEXT_MAX - text->len, "%s", separator);
		text->len += n > 0 ? (size_t)n : 0;
	}
	if (text->len >= TEXT_MAX) {
		text->len = TEXT_MAX - 1;
		return;
	}
	va_start(args, format);
	n = vsnprintf(text->data + text->len, TEXT_MAX - text->len, format, args);
	va_end(args);
	text->len += n > 0 ? (size_t)n : 0;
	text->len = text->len < TEXT_MAX ? text->len : TEXT_MAX - 1;
}

static void append_string(struct text *text, const char *separator, const json_t *object,
			  const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	if (value != NULL && value[0] != '\0') {
		append(text, separator, "%s", value);
	}
}

static void append_size(struct text *text, const json_t *object)
{
	if (json_object_get(object, "width") != NULL) {
		append(text, " ", "%" PRIu64 "x%" PRIu64, field_number(object, "width"),
		       field_number(object, "height"));
	}
}

static void append_rate(struct text *text, const char *separator, const json_t *object,
			const char *key)
{
	const json_t *rate = json_object_get(object, key);

	if (json_is_number(rate)) {
		append(text, separator, "%.4g", json_number_value(rate));
	}
}

static void append_sample_rate(struct text *text, const json_t *object)
{
	uint64_t rate = field_number(object, "sample_rate");

	if (rate != 0) {
		append(text, " ", "%.5g kHz", (double)rate / 1000);
	}
}

static void add_text(struct table *t, const struct text *text)
{
	table_add(t, text->len > 0 ? text->data : "-");
}

void media_add_video(struct table *t, const json_t *stream)
{
	struct text text = {.len = 0};

	append_string(&text, "", stream, "video_codec");
	append_size(&text, stream);
	append_rate(&text, "@", stream, "fps");
	add_text(t, &text);
}

void media_add_audio(struct table *t, const json_t *stream)
{
	struct text text = {.len = 0};

	append_string(&text, "", stream, "audio_codec");
	append_sample_rate(&text, stream);
	add_text(t, &text);
}

static void add_skew(struct table *t, const json_t *media)
{
	const json_t *skew = json_object_get(media, "av_skew_ms");

	table_add(t, "audio ahead of video");
	if (json_is_integer(skew)) {
		table_addf(t, "%" JSON_INTEGER_FORMAT " ms (at most %" PRIu64 " ms apart)",
			   json_integer_value(skew), field_number(media, "av_skew_ms_max"));
	} else {
		table_add(t, "-");
	}
}

static void add_claims(struct table *t, const json_t *claims)
{
	struct text video = {.len = 0};
	struct text audio = {.len = 0};

	append_string(&video, "", claims, "video_codec");
	append_size(&video, claims);
	append_rate(&video, "@", claims, "fps");
	append_string(&audio, "", claims, "audio_codec");
	append_sample_rate(&audio, claims);
	table_add(t, "metadata says, encoder");
	field_add_text(t, claims, "encoder");
	table_add(t, "metadata says, video");
	add_text(t, &video);
	table_add(t, "metadata says, audio");
	add_text(t, &audio);
}

/* "repair: 2 jumps (2 repaired), 0 gaps, 1 wrap" */
static void add_timestamps(struct table *t, const json_t *time)
{
	struct text text = {.len = 0};

	if (!json_is_object(time)) {
		return;
	}
	append_string(&text, "", time, "policy");
	append(&text, ": ", "%" PRIu64 " jumps (%" PRIu64 " repaired)", field_number(time, "jumps"),
	       field_number(time, "repaired"));
	append(&text, ", ", "%" PRIu64 " gaps", field_number(time, "gaps"));
	append(&text, ", ", "%" PRIu64 " wraps", field_number(time, "wraps"));
	table_add(t, "timestamps");
	add_text(t, &text);
}

void media_add_totals(struct table *t, const json_t *media)
{
	static const struct {
		const char *title;
		const char *key;
	} rows[] = {
		{"silent messages", "silences"},
		{"messages not understood", "unknown_messages"},
		{"messages of more tracks", "untracked_messages"},
	};

	if (!json_is_object(media)) {
		return;
	}
	add_skew(t, media);
	add_timestamps(t, json_object_get(media, "timestamps"));
	for (uint32_t i = 0; i < COUNT(rows); i++) {
		if (field_number(media, rows[i].key) != 0) {
			table_add(t, rows[i].title);
			field_add_number(t, media, rows[i].key);
		}
	}
	add_claims(t, json_object_get(media, "metadata"));
}

static void add_codec(struct table *t, const json_t *track)
{
	const char *key = json_object_get(track, "codec_name") != NULL ? "codec_name" : "codec";
	struct text text = {.len = 0};

	append_string(&text, "", track, key);
	append_string(&text, " ", track, "profile");
	append_string(&text, " L", track, "level");
	add_text(t, &text);
}

static void add_picture(struct table *t, const json_t *track)
{
	struct text text = {.len = 0};

	append_size(&text, track);
	append_string(&text, " ", track, "chroma");
	if (field_number(track, "bit_depth") > 8) {
		append(&text, " ", "%" PRIu64 " bits", field_number(track, "bit_depth"));
	}
	add_text(t, &text);
}

static void add_rate(struct table *t, const json_t *track)
{
	struct text text = {.len = 0};

	append_rate(&text, "", track, "fps");
	add_text(t, &text);
}

/* "2 s" or, where they differ, "2 s (1.5 s to 4 s)", in thousands or ones. */
static void add_range(struct table *t, const json_t *range, double unit, const char *suffix)
{
	uint64_t min = field_number(range, "min");
	uint64_t max = field_number(range, "max");
	double last = (double)field_number(range, "last") / unit;

	if (!json_is_object(range)) {
		table_add(t, "-");
	} else if (min == max) {
		table_addf(t, "%.5g%s", last, suffix);
	} else {
		table_addf(t, "%.5g%s (%.5g to %.5g)", last, suffix, (double)min / unit,
			   (double)max / unit);
	}
}

/* "3, at most 1500 ms" */
static void add_jumps(struct table *t, const json_t *track, const char *count, const char *max)
{
	uint64_t n = field_number(track, count);

	if (n == 0) {
		table_add(t, "0");
	} else {
		table_addf(t, "%" PRIu64 ", up to %" PRIu64 " ms", n, field_number(track, max));
	}
}

static void add_times(struct table *t, const json_t *track)
{
	add_jumps(t, track, "gaps", "gap_ms_max");
	add_jumps(t, track, "backward", "backward_ms_max");
	field_add_duration(t, track, "last_ago_ms");
}

static void print_video(FILE *out, const json_t *tracks)
{
	static const struct table_column columns[] = {
		{"VIDEO", TABLE_RIGHT},     {"CODEC", TABLE_LEFT},
		{"PICTURE", TABLE_LEFT},    {"FPS", TABLE_RIGHT},
		{"BITRATE", TABLE_RIGHT},   {"KEYFRAME EVERY", TABLE_LEFT},
		{"GOP FRAMES", TABLE_LEFT}, {"GAPS", TABLE_LEFT},
		{"BACKWARD", TABLE_LEFT},   {"LAST AGO", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *track;

	table_init(&t, columns, COUNT(columns));
	json_array_foreach(tracks, i, track)
	{
		field_add_number(&t, track, "track");
		add_codec(&t, track);
		add_picture(&t, track);
		add_rate(&t, track);
		field_add_bitrate(&t, track, "bitrate_kbps");
		add_range(&t, json_object_get(track, "keyframe_interval_ms"), 1000, " s");
		add_range(&t, json_object_get(track, "gop_frames"), 1, "");
		add_times(&t, track);
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

static void print_audio(FILE *out, const json_t *tracks)
{
	static const struct table_column columns[] = {
		{"AUDIO", TABLE_RIGHT},    {"CODEC", TABLE_LEFT},     {"SAMPLE RATE", TABLE_RIGHT},
		{"CHANNELS", TABLE_RIGHT}, {"BITRATE", TABLE_RIGHT},  {"GAPS", TABLE_LEFT},
		{"BACKWARD", TABLE_LEFT},  {"LAST AGO", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *track;

	table_init(&t, columns, COUNT(columns));
	json_array_foreach(tracks, i, track)
	{
		struct text rate = {.len = 0};

		append_sample_rate(&rate, track);
		field_add_number(&t, track, "track");
		add_codec(&t, track);
		add_text(&t, &rate);
		field_add_number(&t, track, "channels");
		field_add_bitrate(&t, track, "bitrate_kbps");
		add_times(&t, track);
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

void media_print_tracks(FILE *out, const json_t *media)
{
	const json_t *video = json_object_get(media, "video");
	const json_t *audio = json_object_get(media, "audio");

	if (json_array_size(video) > 0) {
		putc('\n', out);
		print_video(out, video);
	}
	if (json_array_size(audio) > 0) {
		putc('\n', out);
		print_audio(out, audio);
	}
}
