#include "insight_claims.h"

#include <stdio.h>
#include <string.h>

#include "rtmp/amf0.h"
#include "rtmp/amf3.h"
#include "rtmp/media.h"
#include "text.h"

#define PROPERTIES_MAX 64u /* are looked at */

enum claim_type { CLAIM_NUMBER, CLAIM_RATE, CLAIM_CODEC, CLAIM_TEXT, CLAIM_TRACKS };

static const struct claim {
	const char *name;
	enum claim_type type;
	size_t offset;
} list[] = {
	{"width", CLAIM_NUMBER, offsetof(struct insight_claims, width)},
	{"height", CLAIM_NUMBER, offsetof(struct insight_claims, height)},
	{"framerate", CLAIM_RATE, offsetof(struct insight_claims, rate_mhz)},
	{"videodatarate", CLAIM_NUMBER, offsetof(struct insight_claims, video_kbps)},
	{"audiodatarate", CLAIM_NUMBER, offsetof(struct insight_claims, audio_kbps)},
	{"audiosamplerate", CLAIM_NUMBER, offsetof(struct insight_claims, sample_rate)},
	{"videocodecid", CLAIM_CODEC, offsetof(struct insight_claims, video_codec)},
	{"audiocodecid", CLAIM_CODEC, offsetof(struct insight_claims, audio_codec)},
	{"videoTrackIdInfoMap", CLAIM_TRACKS, offsetof(struct insight_claims, video_tracks)},
	{"audioTrackIdInfoMap", CLAIM_TRACKS, offsetof(struct insight_claims, audio_tracks)},
	{"encoder", CLAIM_TEXT, offsetof(struct insight_claims, encoder)},
};

/* 0 for what is none; as large as can be for what is larger. */
static uint32_t to_number(double value)
{
	if (!(value > 0)) {
		return 0;
	}
	return value < UINT32_MAX ? (uint32_t)(value + 0.5) : UINT32_MAX;
}

/* A number of FLV, a FourCC as a number, or any text. */
static void read_codec(struct amf0_reader *r, char out[INSIGHT_CODEC])
{
	struct amf0_string text;
	uint32_t number;

	if (amf0_peek(r) == AMF0_NUMBER) {
		number = to_number(amf0_read_number(r));
		if (number < 256) {
			(void)snprintf(out, INSIGHT_CODEC, "%u", number);
		} else {
			rtmp_fourcc_text(number, out);
		}
		return;
	}
	text = amf0_read_string(r);
	text_printable(out, INSIGHT_CODEC, text.data, text.len);
}

static uint32_t count_properties(struct amf0_reader *r)
{
	struct amf0_string name;
	uint32_t count = 0;

	amf0_enter(r);
	while (amf0_next_property(r, &name)) {
		amf0_skip(r);
		count++;
	}
	return count;
}

static void read_claim(struct amf0_reader *r, const struct claim *claim, struct insight_claims *out)
{
	void *field = (uint8_t *)out + claim->offset;
	int marker = amf0_peek(r);
	bool text = marker == AMF0_STRING || marker == AMF0_LONG_STRING;

	if (claim->type == CLAIM_CODEC && (text || marker == AMF0_NUMBER)) {
		read_codec(r, field);
	} else if (claim->type == CLAIM_TEXT && text) {
		struct amf0_string value = amf0_read_string(r);

		text_printable(field, INSIGHT_ENCODER, value.data, value.len);
	} else if (claim->type == CLAIM_NUMBER && marker == AMF0_NUMBER) {
		*(uint32_t *)field = to_number(amf0_read_number(r));
	} else if (claim->type == CLAIM_RATE && marker == AMF0_NUMBER) {
		*(uint32_t *)field = to_number(amf0_read_number(r) * 1000);
	} else if (claim->type == CLAIM_TRACKS &&
		   (marker == AMF0_OBJECT || marker == AMF0_ECMA_ARRAY)) {
		*(uint32_t *)field = count_properties(r);
	} else {
		amf0_skip(r);
	}
}

static void read_property(struct amf0_reader *r, struct amf0_string name,
			  struct insight_claims *out)
{
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		if (amf0_string_equals(name, list[i].name)) {
			read_claim(r, &list[i], out);
			return;
		}
	}
	amf0_skip(r);
}

/* Up to the object: a format selector, a number, and names may stand before it. */
static bool find_object(struct amf0_reader *r)
{
	for (uint32_t i = 0; i < 4; i++) {
		int marker = amf0_peek(r);

		if (marker == AMF0_OBJECT || marker == AMF0_ECMA_ARRAY) {
			return true;
		}
		amf0_skip(r);
	}
	return false;
}

void insight_claims_read(struct insight_claims *claims, const uint8_t *data, uint32_t len)
{
	uint32_t selector = len > 0 && data[0] == 0 && len > 1 && data[1] == AMF0_STRING;
	struct insight_claims out = {.when_us = claims->when_us, .count = claims->count};
	struct amf3_reader amf3;
	struct amf0_string name;
	struct amf0_reader r;

	amf0_reader_init(&r, data + selector, len - selector);
	amf3_reader_init(&amf3, data + selector, len - selector);
	r.amf3 = &amf3; /* objects of objectEncoding 3 */
	if (find_object(&r)) {
		amf0_enter(&r);
		for (uint32_t i = 0; i < PROPERTIES_MAX && amf0_next_property(&r, &name); i++) {
			read_property(&r, name, &out);
		}
	}
	*claims = out;
}
