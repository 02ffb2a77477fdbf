#include "rtmp/codec.h"

#include <stdio.h>
#include <string.h>

#include "codec_private.h"
#include "rtmp/media.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct codec {
	uint32_t codec;
	const char *name;
	int (*read)(struct rtmp_codec_config *config, const uint8_t *data, uint32_t len);
} codecs[] = {
	{RTMP_CODEC_AVC, "H.264", rtmp_codec_avc},
	{RTMP_CODEC_HEVC, "H.265", rtmp_codec_hevc},
	{RTMP_CODEC_VVC, "H.266", rtmp_codec_vvc},
	{RTMP_CODEC_AV1, "AV1", rtmp_codec_av1},
	{RTMP_CODEC_VP8, "VP8", rtmp_codec_vpx},
	{RTMP_CODEC_VP9, "VP9", rtmp_codec_vpx},
	{RTMP_CODEC_AAC, "AAC", rtmp_codec_aac},
	{RTMP_CODEC_OPUS, "Opus", rtmp_codec_opus},
	{RTMP_CODEC_FLAC, "FLAC", rtmp_codec_flac},
	{RTMP_CODEC_MP3, "MP3", NULL},
	{RTMP_CODEC_AC3, "AC-3", NULL},
	{RTMP_CODEC_EAC3, "E-AC-3", NULL},
	{RTMP_CODEC_SORENSON, "Sorenson H.263", NULL},
	{RTMP_CODEC_SCREEN, "Screen video", NULL},
	{RTMP_CODEC_SCREEN2, "Screen video 2", NULL},
	{RTMP_CODEC_VP6, "VP6", NULL},
	{RTMP_CODEC_VP6A, "VP6 with alpha", NULL},
	{RTMP_CODEC_PCM, "PCM", NULL},
	{RTMP_CODEC_ADPCM, "ADPCM", NULL},
	{RTMP_CODEC_NELLYMOSER, "Nellymoser", NULL},
	{RTMP_CODEC_ALAW, "G.711 A-law", NULL},
	{RTMP_CODEC_MULAW, "G.711 mu-law", NULL},
	{RTMP_CODEC_SPEEX, "Speex", NULL},
};

static const struct codec *find(uint32_t codec)
{
	for (size_t i = 0; i < COUNT(codecs); i++) {
		if (codecs[i].codec == codec) {
			return &codecs[i];
		}
	}
	return NULL;
}

int rtmp_codec_read(struct rtmp_codec_config *config, uint32_t codec, const uint8_t *data,
		    uint32_t len)
{
	const struct codec *c = find(codec);

	memset(config, 0, sizeof(*config));
	config->codec = codec;
	return c && c->read ? c->read(config, data, len) : 0;
}

const char *rtmp_codec_name(uint32_t codec)
{
	const struct codec *c = find(codec);

	return c ? c->name : NULL;
}

struct profile {
	uint16_t number;
	const char *name;
};

static const char *name_of(const struct profile *profiles, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++) {
		if (profiles[i].number == number) {
			return profiles[i].name;
		}
	}
	return NULL;
}

/* ITU-T H.264 Annex A: constraint_set1_flag makes Baseline Constrained Baseline. */
static const char *avc_profile(const struct rtmp_codec_config *c)
{
	static const struct profile profiles[] = {
		{66, "Baseline"},          {77, "Main"},
		{88, "Extended"},          {100, "High"},
		{110, "High 10"},          {122, "High 4:2:2"},
		{244, "High 4:4:4"},       {44, "CAVLC 4:4:4"},
		{83, "Scalable Baseline"}, {86, "Scalable High"},
		{118, "Multiview High"},   {128, "Stereo High"},
	};

	if (c->profile == 66 && c->compatible & 0x40) {
		return "Constrained Baseline";
	}
	return name_of(profiles, COUNT(profiles), c->profile);
}

static const char *aac_profile(const struct rtmp_codec_config *c)
{
	static const struct profile types[] = {
		{1, "Main"}, {2, "LC"},   {3, "SSR"},  {4, "LTP"},
		{23, "LD"},  {39, "ELD"}, {42, "xHE"},
	};

	if (c->profile == 2 && c->sbr) {
		return c->ps ? "HE v2" : "HE";
	}
	return name_of(types, COUNT(types), c->profile);
}

static const char *profile_name(const struct rtmp_codec_config *c)
{
	static const struct profile hevc[] = {
		{1, "Main"},
		{2, "Main 10"},
		{3, "Main Still Picture"},
		{4, "Range Extensions"},
		{9, "Screen Content"},
	};
	static const struct profile vvc[] = {
		{1, "Main 10"},
		{17, "Multilayer Main 10"},
		{33, "Main 10 4:4:4"},
		{65, "Main 10 Still Picture"},
	};
	static const struct profile av1[] = {{0, "Main"}, {1, "High"}, {2, "Professional"}};

	switch (c->codec) {
	case RTMP_CODEC_AVC:
		return avc_profile(c);
	case RTMP_CODEC_HEVC:
		return name_of(hevc, COUNT(hevc), c->profile);
	case RTMP_CODEC_VVC:
		return name_of(vvc, COUNT(vvc), c->profile);
	case RTMP_CODEC_AV1:
		return name_of(av1, COUNT(av1), c->profile);
	case RTMP_CODEC_AAC:
		return aac_profile(c);
	default:
		return NULL;
	}
}

/* Codecs that number a profile at all, and 0 as well. */
static bool numbers_profiles(uint32_t codec)
{
	return codec == RTMP_CODEC_VP8 || codec == RTMP_CODEC_VP9;
}

void rtmp_codec_profile(const struct rtmp_codec_config *config, char out[RTMP_CODEC_TEXT])
{
	const char *name = profile_name(config);

	out[0] = '\0';
	if (name) {
		(void)snprintf(out, RTMP_CODEC_TEXT, "%s", name);
	} else if (config->profile != 0 || numbers_profiles(config->codec)) {
		(void)snprintf(out, RTMP_CODEC_TEXT, "%u", config->profile);
	}
}

static void level_text(char *out, uint32_t major, uint32_t minor, bool high_tier)
{
	(void)snprintf(out, RTMP_CODEC_TEXT, "%u.%u%s", major, minor,
		       high_tier ? " high tier" : "");
}

void rtmp_codec_level(const struct rtmp_codec_config *config, char out[RTMP_CODEC_TEXT])
{
	uint32_t level = config->level;

	out[0] = '\0';
	if (level == 0 && config->codec != RTMP_CODEC_AV1) {
		return;
	}
	switch (config->codec) {
	case RTMP_CODEC_AVC:
		if (level == 11 && config->compatible & 0x10 && config->profile <= 88) {
			(void)snprintf(out, RTMP_CODEC_TEXT, "1b"); /* Annex A: constraint_set3 */
			return;
		}
		level_text(out, level / 10, level % 10, false);
		break;
	case RTMP_CODEC_HEVC: /* thirty times the number */
		level_text(out, level / 30, level % 30 / 3, config->high_tier);
		break;
	case RTMP_CODEC_VVC: /* 16 times, and three for each tenth */
		level_text(out, level / 16, level % 16 / 3, config->high_tier);
		break;
	case RTMP_CODEC_AV1: /* Annex A.3: 2.0 to 7.3; 31 has no bounds */
		level_text(out, 2 + level / 4, level % 4, config->high_tier);
		break;
	case RTMP_CODEC_VP8:
	case RTMP_CODEC_VP9:
		level_text(out, level / 10, level % 10, false);
		break;
	default:
		break;
	}
}

const char *rtmp_codec_chroma(const struct rtmp_codec_config *config)
{
	static const char *const names[] = {"", "4:0:0", "4:2:0", "4:2:2", "4:4:4"};

	return config->chroma < COUNT(names) ? names[config->chroma] : "";
}
