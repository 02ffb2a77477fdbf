/*
 * Time of one stream: what the publisher's timestamps do, and what origins get for them.
 *
 * An encoder's clock may jump: back, when the encoder restarts it or a playlist begins anew; ahead,
 * when its host sets the time; and it wraps after 2^32 ms (49.7 days; RTMP 1.0 section 5.3.1).
 * Jumps are told from gaps, in which nothing was sent, by the time that passed between the
 * arrivals. With `timestamps: repair` what goes out is continuous: each jump begins an epoch, from
 * which on another offset is added. Audio and video have an offset each, since after a jump of the
 * clock messages of both come interleaved with timestamps from before and after it; the second one
 * to jump takes the offset of the first where that fits, so that they keep their relation. Steps
 * back by up to TIMELINE_JUMP_MS are left alone: they are the jitter of interleaving, B-frames by
 * broken muxers, and tracks beside each other.
 *
 * Origins read the log at their own pace and begin again at earlier places: so epochs stand by
 * position in the log, and a message is mapped by where it stands, whoever sends it and however
 * often.
 *
 * Written by the relay thread; the counters are read by the main thread.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "log_reader.h"

#define TIMELINE_EPOCHS     64u   /* within what is kept of the log: further jumps are passed on */
#define TIMELINE_JUMP_MS    1000  /* a longer step back is a jump */
#define TIMELINE_FORWARD_MS 10000 /* so is a step ahead of so much more than the time it took */
#define TIMELINE_GAP_MS     1000  /* a longer step ahead is a gap */
#define TIMELINE_BEGIN_MS   1000u /* where a clock that would soon wrap is made to begin */

enum timeline_kind { TIMELINE_AUDIO = 0, TIMELINE_VIDEO, TIMELINE_KINDS };

struct timeline_clock {
	uint32_t last;   /* ms, as it came */
	uint32_t step;   /* ms, the last one ahead */
	uint32_t offset; /* ms, modulo 2^32 */
	bool seen;
	uint64_t arrived_us; /* the last message */
};

struct timeline_epoch {
	uint64_t position; /* of its first message */
	uint32_t offset[TIMELINE_KINDS];
	uint32_t newest; /* of these: what all else gets */
};

struct timeline {
	bool repair;
	bool begun;
	uint32_t high; /* the highest timestamp so far, as mapped */
	struct timeline_clock clocks[TIMELINE_KINDS];
	uint32_t epochs_count;
	struct timeline_epoch *epochs; /* [TIMELINE_EPOCHS], oldest first; NULL: none yet */

	_Atomic uint64_t jumps;    /* of the publisher's clock, audio and video together */
	_Atomic uint64_t repaired; /* of these */
	_Atomic uint64_t gaps;
	_Atomic uint64_t wraps;
};

struct timeline_status {
	bool repair;
	uint64_t jumps;
	uint64_t repaired;
	uint64_t gaps;
	uint64_t wraps;
};

void timeline_init(struct timeline *t, bool repair);
void timeline_fini(struct timeline *t);

/* Every message of the log, once and in order. */
void timeline_take(struct timeline *t, const struct log_message *message);

/* Forgets what only messages below the position need. */
void timeline_release(struct timeline *t, uint64_t position);

/* The timestamp that a message goes out with. */
uint32_t timeline_map(const struct timeline *t, const struct log_message *message);

/*
 * The same on one connection, whose time of the media sent last is `*media`: what has no time of
 * its own, headers and data, is given that one when it is far off.
 */
uint32_t timeline_send(const struct timeline *t, const struct log_message *message,
		       uint32_t *media);

void timeline_status(const struct timeline *t, struct timeline_status *out); /* any thread */

#endif
