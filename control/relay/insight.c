#include "insight.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "context.h"
#include "insight_claims.h"
#include "insight_track.h"
#include "rtmp/message.h"

#define SHOW_US        (200 * US_PER_MS)
#define TRACKS_STEP    2u    /* places that are added at once */
#define CONFIG_BYTES   1024u /* of a sequence header: parameter sets come first */
#define METADATA_BYTES 4096u
#define HEAD_BYTES     RTMP_CLASSIFY_BYTES
#define TRACKS_LOOKED  16u /* at, of one message */
#define SKEW_SHIFT     5   /* averaged over the last 32 messages or so */

/* What the main thread reads: as many tracks as there were. */
struct insight_copy {
	struct insight_totals totals;
	uint32_t tracks_count;
	uint32_t tracks_room;
	struct insight_track tracks[];
};

struct insight {
	struct insight_totals totals;
	int64_t skew;           /* << SKEW_SHIFT */
	uint64_t next_parse_us; /* of metadata */
	uint64_t shown_us;
	bool changed;
	struct insight_copy *copy; /* NULL: nothing was shown; guarded */
	uint32_t tracks_count;
	uint32_t tracks_room;
	struct insight_track *tracks; /* by medium, video first, and id */
};

/* A message, and the part of it that is looked at. */
struct look {
	struct insight *insight;
	const struct log_view *view;
	const struct log_message *message;
	const uint8_t *head;
	uint32_t len; /* bytes at `head` */
	uint8_t copy[HEAD_BYTES];
};

/* Tracks */

static bool before(const struct insight_track *a, bool video, uint8_t id)
{
	return a->video != video ? a->video : a->shown.id < id;
}

static uint32_t count_tracks(const struct insight *in, bool video)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < in->tracks_count; i++) {
		count += in->tracks[i].video == video;
	}
	return count;
}

static bool make_room(struct insight *in)
{
	struct insight_track *tracks;
	uint32_t room = in->tracks_room + TRACKS_STEP;

	if (in->tracks_count < in->tracks_room) {
		return true;
	}
	tracks = realloc(in->tracks, room * sizeof(*tracks));
	if (!tracks) {
		return false;
	}
	in->tracks = tracks;
	in->tracks_room = room;
	return true;
}

/* NULL when there are too many. */
static struct insight_track *add_track(struct insight *in, uint32_t at, bool video, uint8_t id)
{
	struct insight_track *track;

	if (count_tracks(in, video) == INSIGHT_TRACKS || !make_room(in)) {
		in->totals.untracked++;
		return NULL;
	}
	track = &in->tracks[at];
	memmove(track + 1, track, (in->tracks_count - at) * sizeof(*track));
	memset(track, 0, sizeof(*track));
	track->video = video;
	track->shown.id = id;
	track->sound = UINT8_MAX;
	in->tracks_count++;
	return track;
}

static struct insight_track *find_track(struct insight *in, bool video, uint8_t id)
{
	uint32_t at = 0;

	while (at < in->tracks_count && before(&in->tracks[at], video, id)) {
		at++;
	}
	if (at < in->tracks_count && in->tracks[at].video == video &&
	    in->tracks[at].shown.id == id) {
		return &in->tracks[at];
	}
	return add_track(in, at, video, id);
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

/* Messages */

/* The beginning of the message, in place where it is in one piece. */
static bool read_head(struct look *look)
{
	uint32_t want = look->message->entry.length;
	struct log_slices slices;
	struct iovec iov;

	want = want < HEAD_BYTES ? want : HEAD_BYTES;
	look->len = want;
	look->head = look->copy;
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
	return log_reader_copy_at(look->view, look->message, 0, look->copy, want) == (int)want;
}

static void take_config(struct look *look, struct insight_track *track,
			const struct rtmp_track *part)
{
	uint8_t body[CONFIG_BYTES];
	int len;

	if (!insight_may_parse(&track->next_parse_us, look->message->entry.arrived_us)) {
		return;
	}
	len = log_reader_copy_at(look->view, look->message, part->body, body,
				 part->length < sizeof(body) ? part->length : sizeof(body));
	if (len >= 0) {
		insight_track_config(track, part->codec, body, (uint32_t)len);
	}
}

static void take_frame(const struct look *look, struct insight_track *track,
		       const struct rtmp_media *media, const struct rtmp_track *part)
{
	const struct abi_log_entry *entry = &look->message->entry;
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
	bool video = look->message->entry.type == RTMP_TYPE_VIDEO;
	struct insight_track *track;

	if (media->packet != RTMP_PACKET_CODED && media->packet != RTMP_PACKET_SEQUENCE_START) {
		return;
	}
	track = find_track(look->insight, video, part->id);
	if (!track) {
		return;
	}
	if (media->packet == RTMP_PACKET_SEQUENCE_START) {
		take_config(look, track, part);
	} else {
		take_frame(look, track, media, part);
	}
}

/* The heads of tracks stand anywhere in the message. */
static void take_tracks(struct look *look, const struct rtmp_media *media)
{
	struct rtmp_tracks tracks;
	struct rtmp_track part;

	rtmp_tracks_init(&tracks, media, look->message->entry.length);
	for (uint32_t i = 0; i < TRACKS_LOOKED; i++) {
		uint8_t head[RTMP_TRACK_HEAD];
		int len = log_reader_copy_at(look->view, look->message, tracks.at, head,
					     sizeof(head));

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

	if (!read_head(look) || rtmp_media_read(&media, look->message->entry.type, look->head,
						look->len) != RTMP_MEDIA_OK) {
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
		rtmp_tracks_init(&tracks, &media, look->message->entry.length);
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
	uint64_t now_us = look->message->entry.arrived_us;
	uint8_t data[METADATA_BYTES];
	int len;

	claims->count++;
	claims->when_us = now_us;
	if (!insight_may_parse(&look->insight->next_parse_us, now_us)) {
		return;
	}
	len = log_reader_copy_at(look->view, look->message, 0, data, sizeof(data));
	if (len > 0) {
		insight_claims_read(claims, data, (uint32_t)len);
	}
}

/* The main thread looks at the pointer, too. */
static struct insight *create(struct insight **insight, struct relay_context *context)
{
	struct insight *in = calloc(1, sizeof(*in));

	pthread_mutex_lock(&context->lock);
	*insight = in;
	pthread_mutex_unlock(&context->lock);
	return in;
}

void insight_message(struct insight **insight, struct relay_context *context,
		     const struct log_message *message)
{
	const struct abi_log_entry *entry = &message->entry;
	struct look look = {.view = &context->view, .message = message};

	look.insight = *insight ? *insight : create(insight, context);
	if (!look.insight) {
		return;
	}
	look.insight->changed = true;
	switch (entry->type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
		take_media(&look);
		break;
	case RTMP_TYPE_AGGREGATE:
		look.insight->totals.aggregates++;
		break;
	default:
		if (entry->header == ABI_HEADER_METADATA) {
			take_metadata(&look);
		}
		break;
	}
}

/* What is shown */

/* A copy with room for all tracks, or NULL. */
static struct insight_copy *copy_with_room(struct insight *in)
{
	struct insight_copy *copy = in->copy;

	if (copy && copy->tracks_room >= in->tracks_count) {
		return copy;
	}
	copy = realloc(copy, sizeof(*copy) + in->tracks_count * sizeof(copy->tracks[0]));
	if (copy) {
		copy->tracks_room = in->tracks_count;
		in->copy = copy;
	}
	return copy;
}

void insight_show(struct insight *in, struct relay_context *context, uint64_t now_us)
{
	struct insight_copy *copy;

	if (!in || !in->changed || now_us - in->shown_us < SHOW_US) {
		return;
	}
	pthread_mutex_lock(&context->lock);
	copy = copy_with_room(in);
	if (copy) {
		copy->totals = in->totals;
		copy->tracks_count = in->tracks_count;
		for (uint32_t i = 0; i < in->tracks_count; i++) {
			copy->tracks[i] = in->tracks[i];
		}
		in->changed = false;
		in->shown_us = now_us;
	}
	pthread_mutex_unlock(&context->lock);
}

void insight_read(const struct insight *in, struct stream_insight *out)
{
	const struct insight_copy *copy = in ? in->copy : NULL;

	memset(out, 0, sizeof(*out));
	if (!copy) {
		return;
	}
	out->totals = copy->totals;
	for (uint32_t i = 0; i < copy->tracks_count; i++) {
		const struct insight_track *track = &copy->tracks[i];

		if (track->video) {
			out->video[out->videos++] = track->shown;
		} else {
			out->audio[out->audios++] = track->shown;
		}
	}
}

void insight_destroy(struct insight *in)
{
	if (in) {
		free(in->copy);
		free(in->tracks);
		free(in);
	}
}
