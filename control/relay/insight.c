#include "insight.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "insight_private.h"

#define SHOW_US     (200 * US_PER_MS)
#define TRACKS_STEP 2u /* places that are added at once */

/* The main thread looks at the pointer, too. */
struct insight *insight_create(struct insight **insight, struct relay_context *context)
{
	struct insight *in = calloc(1, sizeof(*in));

	pthread_mutex_lock(&context->lock);
	*insight = in;
	pthread_mutex_unlock(&context->lock);
	return in;
}

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

struct insight_track *insight_find_track(struct insight *in, bool video, uint8_t id)
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
