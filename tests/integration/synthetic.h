/*
 * Synthetic: an endless H.264 + AAC stream whose every payload carries a mark
 * (bench/common/mark.h).
 *
 * 30 frames a second, audio every 23 ms, a keyframe at the beginning of each GOP; the first three
 * messages are metadata and the two sequence headers, which carry marks without a number.
 */
#ifndef INTEGRATION_SYNTHETIC_H
#define INTEGRATION_SYNTHETIC_H

#include "bench/common/flv_file.h"
#include "bench/common/mark.h"

#include <stdbool.h>

struct synthetic {
	struct mark mark; /* of the next message */
	struct flv_tag tag;
	uint8_t *bytes;       /* of the tag */
	uint32_t frame_bytes; /* of an inter frame; a keyframe has SYNTHETIC_KEYFRAME times that */
	uint32_t gop_frames;
	uint32_t preamble; /* messages of it that were given out */
	uint64_t frames;
	uint64_t audio;
};

#define SYNTHETIC_KEYFRAME 8u

/* 0 or -ENOMEM. `kbps` counts video; audio brings 130 kb/s more. */
int synthetic_init(struct synthetic *s, const char *name, uint32_t gop_ms, uint32_t kbps)
	__attribute__((warn_unused_result));
void synthetic_fini(struct synthetic *s);

/* Begins anew, as the next incarnation if anything was given out. */
void synthetic_restart(struct synthetic *s);

/* Time of the next message, ms since the beginning. */
uint32_t synthetic_due_ms(const struct synthetic *s);

/* The next message; it stands until the next call. */
const struct flv_tag *synthetic_next(struct synthetic *s);

#endif
