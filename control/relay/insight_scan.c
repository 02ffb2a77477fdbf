/*
 * Messages of a stream: their heads, and of sequence headers and metadata what they say.
 */
#include <string.h>

#include "clock.h"
#include "insight_claims.h"
#include "insight_private.h"
#include "rtmp/message.h"

#define CONFIG_BYTES   1024u /* of a sequence header: parameter sets come first */
#define CATCH_UP_US    US_PER_S
#define METADATA_BYTES 4096u
#define HEAD_BYTES     RTMP_CLASSIFY_BYTES
#define TRACKS_LOOKED  16u /* at, of one message */
#define SKEW_SHIFT     5   /* averaged over the last 32 messages or so */

/* A message, in the log or in one piece, and its beginning. */
struct look {
	struct insight *insight;
	const struct abi_log_entry *entry;
	const struct log_view *view;
	const struct log_message *message; /* in the log, */
	const uint8_t *flat;               /* or all of it */
	const uint8_t *head;
	uint32_t len; /* bytes at `head` */
	uint8_t copy[HEAD_BYTES];
};

/* Copies what there is from byte `offset` on: how many bytes, or below 0 from a broken log. */
static int read_at(const struct look *look, uint32_t offset, void *out, uint32_t size)
{
	uint32_t left = look->entry->length - offset;

	if (!look->flat) {
		return log_reader_copy_at(look->view, look->message, offset, out, size);
	}
	if (offset > look->entry->length) {
		return 0;
	}
	size = size < left ? size : left;
	memcpy(out, look->flat + offset, size);
	return (int)size;
}

/* The first track of a medium that has frames. */
static const struct insight_track *first_track(const struct insight *in, bool video)
{
	for (uint32_t i = 0; i < in->tracks_count; i++) {
		if (in->tracks[i].video == video && in->tracks[i].shown.frames > 0) {
			return &in->tracks[i];
		}
	}
	return NULL;
}

/*
 * Audio and video that come together should have the same time. The difference wobbles by a frame,
 * to one side after the one and to the other side after the other, so it is averaged.
 */
static void take_skew(struct insight *in)
{
	const struct insight_track *video = first_track(in, true);
	const struct insight_track *audio = first_track(in, false);
	int32_t skew;
	uint32_t size;

	if (!video || !audio) {
		return;
	}
	skew = (int32_t)(audio->shown.last_timestamp - video->shown.last_timestamp);
	if (!in->totals.skew_known) {
		in->skew = (int64_t)skew * (1 << SKEW_SHIFT);
		in->totals.skew_known = true;
	}
	in->skew += skew - in->skew / (1 << SKEW_SHIFT);
	skew = (int32_t)(in->skew / (1 << SKEW_SHIFT));
	size = skew < 0 ? 0u - (uint32_t)skew : (uint32_t)skew;
	in->totals.skew_ms = skew;
	in->totals.skew_ms_max = size > in->totals.skew_ms_max ? size : in->totals.skew_ms_max;
}

/* The beginning of the message, in place where it is in one piece. */
static bool read_head(struct look *look)
{
	uint32_t want = look->entry->length;
	struct log_slices slices;
	struct iovec iov;

	want = want < HEAD_BYTES ? want : HEAD_BYTES;
	look->len = want;
	look->head = look->copy;
	if (look->flat) {
		look->head = look->flat;
		return true;
	}
	if (want == 0) {
		return true;
	}
	log_slices_init(&slices, look->message);
	if (log_slices_next(look->view, &slices, &iov) <= 0) {
		return false;
	}
	if (iov.iov_len >= want) {
		look->head = iov.iov_base;
		return true;
	}
	return read_at(look, 0, look->copy, want) == (int)want;
}

static void take_config(struct look *look, struct insight_track *track,
			const struct rtmp_track *part)
{
	uint8_t body[CONFIG_BYTES];
	int len;

	if (!insight_may_parse(&track->next_parse_us, look->entry->arrived_us)) {
		look->insight->catch_up_us = look->entry->arrived_us + CATCH_UP_US;
		return;
	}
	len = read_at(look, part->body, body,
		      part->length < sizeof(body) ? part->length : sizeof(body));
	if (len >= 0) {
		insight_track_config(track, part->codec, body, (uint32_t)len);
	}
}

/* "process multichannel configuration": order and number of channels. */
static void take_channels(const struct look *look, struct insight_track *track,
			  const struct rtmp_track *part)
{
	uint8_t body[2];

	if (part->length >= sizeof(body) && read_at(look, part->body, body, sizeof(body)) == 2) {
		track->shown.config.channels = body[1];
	}
}

static void take_frame(const struct look *look, struct insight_track *track,
		       const struct rtmp_media *media, const struct rtmp_track *part)
{
	const struct abi_log_entry *entry = look->entry;
	struct insight_frame frame = {
		.codec = part->codec,
		.timestamp = entry->timestamp,
		.length = part->length,
		.composition_ms = part->composition_ms,
		.key = track->video && media->frame == RTMP_FRAME_KEY,
		.enhanced = media->enhanced,
		.sound = media->sound,
		.arrived_us = entry->arrived_us,
	};

	if (part->body < look->len) {
		frame.body = look->head + part->body;
		frame.body_len = look->len - part->body;
		frame.body_len = frame.body_len < part->length ? frame.body_len : part->length;
	}
	insight_track_frame(track, &frame);
}

static void take_part(struct look *look, const struct rtmp_media *media,
		      const struct rtmp_track *part)
{
	bool video = look->entry->type == RTMP_TYPE_VIDEO;
	struct insight_track *track;

	if (media->packet != RTMP_PACKET_CODED && media->packet != RTMP_PACKET_SEQUENCE_START &&
	    media->packet != RTMP_PACKET_MULTICHANNEL) {
		return;
	}
	track = insight_find_track(look->insight, video, part->id);
	if (!track) {
		return;
	}
	switch (media->packet) {
	case RTMP_PACKET_SEQUENCE_START:
		take_config(look, track, part);
		break;
	case RTMP_PACKET_MULTICHANNEL:
		take_channels(look, track, part);
		break;
	default:
		take_frame(look, track, media, part);
		break;
	}
}

/* The heads of tracks stand anywhere in the message. */
static void take_tracks(struct look *look, const struct rtmp_media *media)
{
	struct rtmp_tracks tracks;
	struct rtmp_track part;

	rtmp_tracks_init(&tracks, media, look->entry->length);
	for (uint32_t i = 0; i < TRACKS_LOOKED; i++) {
		uint8_t head[RTMP_TRACK_HEAD];
		int len = read_at(look, tracks.at, head, sizeof(head));

		if (len < 0 || rtmp_tracks_next(&tracks, head, (uint32_t)len, &part) <= 0) {
			break;
		}
		take_part(look, media, &part);
	}
}

static void take_media(struct look *look)
{
	struct insight *in = look->insight;
	struct rtmp_media media;
	struct rtmp_tracks tracks;
	struct rtmp_track part;

	if (!read_head(look) ||
	    rtmp_media_read(&media, look->entry->type, look->head, look->len) != RTMP_MEDIA_OK) {
		in->totals.unknown++;
		return;
	}
	if (media.packet == RTMP_PACKET_SILENCE) {
		in->totals.silences++;
		return;
	}
	if (media.multitrack > RTMP_TRACKS_ONE) {
		take_tracks(look, &media);
	} else {
		rtmp_tracks_init(&tracks, &media, look->entry->length);
		(void)rtmp_tracks_next(&tracks, NULL, 0, &part);
		take_part(look, &media, &part);
	}
	if (media.packet == RTMP_PACKET_CODED) {
		take_skew(in);
	}
}

static void take_metadata(struct look *look)
{
	struct insight_claims *claims = &look->insight->totals.claims;
	uint64_t now_us = look->entry->arrived_us;
	uint8_t data[METADATA_BYTES];
	int len;

	claims->count++;
	claims->when_us = now_us;
	if (!insight_may_parse(&look->insight->next_parse_us, now_us)) {
		return;
	}
	len = read_at(look, 0, data, sizeof(data));
	if (len > 0) {
		insight_claims_read(claims, data, (uint32_t)len);
	}
}

static void take(struct look *look)
{
	look->insight->changed = true;
	switch (look->entry->type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
		take_media(look);
		break;
	default:
		if (look->entry->header == ABI_HEADER_METADATA) {
			take_metadata(look);
		}
		break;
	}
}

void insight_message(struct insight **insight, struct relay_context *context,
		     const struct log_message *message)
{
	struct look look = {
		.insight = *insight ? *insight : insight_create(insight, context),
		.entry = &message->entry,
		.view = &context->view,
		.message = message,
	};

	if (look.insight) {
		take(&look);
	}
}

static void take_header(struct insight *in, const struct header *header, uint64_t now_us)
{
	struct abi_log_entry entry = {
		.length = header->length,
		.type = header->type,
		.header = header->kind,
		.arrived_us = now_us,
	};
	struct look look = {.insight = in, .entry = &entry, .flat = header->data};

	take(&look);
}

void insight_headers(struct insight **insight, struct relay_context *context,
		     const struct header_set *set, uint64_t now_us)
{
	for (uint32_t i = 0; set && i < set->count; i++) {
		struct insight *in = *insight ? *insight : insight_create(insight, context);

		if (in) {
			take_header(in, set->headers[i], now_us);
		}
	}
}

void insight_catch_up(struct insight *in, const struct header_set *set, uint64_t now_us)
{
	if (!in || in->catch_up_us == 0 || now_us < in->catch_up_us) {
		return;
	}
	in->catch_up_us = 0;
	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct header *header = set->headers[i];

		if (header->kind == ABI_HEADER_VIDEO || header->kind == ABI_HEADER_AUDIO) {
			take_header(in, header, now_us);
		}
	}
}
