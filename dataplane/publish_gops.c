#include "dataplane/publish_gops.h"

#include <string.h>

#define WITHOUT_VIDEO 32u /* messages */

static void thin_out(struct publish_gops *gops)
{
	for (uint32_t i = 1; i < PUBLISH_GOPS; i += 2) {
		gops->positions[i / 2] = gops->positions[i];
	}
	gops->count = PUBLISH_GOPS / 2;
}

void publish_gops_note(struct publish_gops *gops, uint64_t position, uint64_t number,
		       uint64_t truesize, bool keyframe, bool video)
{
	if (!keyframe && (video || number - gops->number < WITHOUT_VIDEO)) {
		return;
	}
	if (gops->count == PUBLISH_GOPS) {
		thin_out(gops);
	}
	gops->positions[gops->count++] = position;
	gops->number = number;
	uint64_t size = truesize - gops->truesize;
	uint64_t faded = gops->longest - gops->longest / 8;
	gops->longest = size > faded ? size : faded;
	gops->truesize = truesize;
}

uint64_t publish_gops_next(struct publish_gops *gops, uint64_t reclaimed)
{
	uint32_t gone = 0;

	while (gone < gops->count && gops->positions[gone] <= reclaimed) {
		gone++;
	}
	gops->count -= gone;
	memmove(gops->positions, gops->positions + gone, gops->count * sizeof(gops->positions[0]));
	return gops->count > 0 ? gops->positions[0] : PUBLISH_GOP_NONE;
}
