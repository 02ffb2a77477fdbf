/*
 * Where a log may be cut: the keyframes that it still holds, oldest first. In a publication without
 * video any message would do, and every 32nd is noted.
 *
 * Bounded: when it is full every second one is forgotten, so that what is dropped at once grows,
 * but is still whole GOPs.
 */
#ifndef DP_PUBLISH_GOPS_H
#define DP_PUBLISH_GOPS_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLISH_GOPS     16u
#define PUBLISH_GOP_NONE UINT64_MAX

struct publish_gops {
	uint64_t positions[PUBLISH_GOPS];
	uint32_t count;
	uint64_t number;   /* of the message noted last */
	uint64_t truesize; /* ever written to the log when it began */
	uint64_t longest;  /* truesize of the longest of the last GOPs */
};

static inline void publish_gops_clear(struct publish_gops *gops)
{
	*gops = (struct publish_gops){.count = 0};
}

/*
 * A message was written at `position`, the `number`-th, after `truesize` bytes of segments.
 * `video`: a keyframe was there already, or is this message.
 */
void publish_gops_note(struct publish_gops *gops, uint64_t position, uint64_t number,
		       uint64_t truesize, bool keyframe, bool video);

/* First place behind `reclaimed`, PUBLISH_GOP_NONE when there is none. Forgets those before it. */
uint64_t publish_gops_next(struct publish_gops *gops, uint64_t reclaimed);

#endif
