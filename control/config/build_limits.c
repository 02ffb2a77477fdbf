#include "build.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_MAX 65535u

/* Of rtmp/media.h: this library is the smaller one, and a name mistyped would keep all out. */
static const char video_codecs[][5] = {"avc1", "hvc1", "vvc1", "av01", "vp08", "vp09",
				       "FLV1", "FSV1", "FSV2", "VP6F", "VP6A"};
static const char audio_codecs[][5] = {"mp4a", "Opus", "ac-3", "ec-3", ".mp3", "fLaC",
				       "lpcm", "SWFA", "nmos", "alaw", "ulaw", "spex"};

struct codec_names {
	const char (*names)[5];
	size_t count;
};

static uint32_t fourcc(const char *text)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		value = value << 8 | (uint8_t)text[i];
	}
	return value;
}

static bool is_one_of(const struct codec_names *known, const char *text)
{
	for (size_t i = 0; i < known->count; i++) {
		if (strcmp(known->names[i], text) == 0) {
			return true;
		}
	}
	return false;
}

static uint32_t *build_codecs(struct check *c, const char *key, char **file, uint32_t count,
			      const struct codec_names *known)
{
	uint32_t *codecs = check_calloc(c, count, sizeof(*codecs));
	size_t mark = check_enter(c, key);

	for (uint32_t i = 0; codecs != NULL && i < count; i++) {
		size_t inner = check_enter_index(c, i);

		if (is_one_of(known, file[i])) {
			codecs[i] = fourcc(file[i]);
		} else {
			check_fail(c, "not the FourCC of a codec (penstock.yaml(5) has them)");
		}
		check_leave(c, inner);
	}
	check_leave(c, mark);
	return codecs;
}

/* Decimal digits up to `end`; 0 when it is anything else. */
static uint32_t side(const char *text, const char *end)
{
	uint32_t value = 0;

	for (; text < end; text++) {
		if (*text < '0' || *text > '9' || value > SIDE_MAX) {
			return 0;
		}
		value = value * 10 + (uint32_t)(*text - '0');
	}
	return value <= SIDE_MAX ? value : 0;
}

static void build_resolution(struct check *c, const char *text, struct config_stream_limits *limits)
{
	const char *x = strchr(text, 'x');
	uint32_t a = x != NULL ? side(text, x) : 0;
	uint32_t b = x != NULL ? side(x + 1, x + strlen(x)) : 0;

	if (a == 0 || b == 0) {
		check_fail_key(c, "resolution_max", "not a resolution (\"1920x1080\")");
	}
	limits->long_side_max = a > b ? a : b;
	limits->short_side_max = a > b ? b : a;
}

void build_stream_limits(struct check *c, const struct file_stream_limits *file,
			 struct config_stream_limits *limits)
{
	static const struct codec_names video = {video_codecs, sizeof(video_codecs) / 5};
	static const struct codec_names audio = {audio_codecs, sizeof(audio_codecs) / 5};
	size_t mark = check_enter(c, "admission");

	limits->video_codecs = build_codecs(c, "video_codecs", file->video_codecs,
					    file->video_codecs_count, &video);
	limits->video_codecs_count = file->video_codecs_count;
	limits->audio_codecs = build_codecs(c, "audio_codecs", file->audio_codecs,
					    file->audio_codecs_count, &audio);
	limits->audio_codecs_count = file->audio_codecs_count;
	if (file->resolution_max != NULL) {
		build_resolution(c, file->resolution_max, limits);
	}
#define BUILD_LIMIT(key, least, most, unset) \
	limits->key = check_number(c, #key, file->key, (struct check_range){least, most, unset});
	CONFIG_STREAM_LIMITS(BUILD_LIMIT)
#undef BUILD_LIMIT
	check_leave(c, mark);
}
