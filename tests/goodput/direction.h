/*
 * Direction: one way through the bridge. A frame meets its chance (lost, doubled, damaged, late),
 * then a queue of limited length in front of a link of limited rate, then a line of constant delay.
 *
 * No clock and no socket: the caller says what time it is, in nanoseconds of any monotonic clock.
 * What happens to the n-th frame is decided by the seed alone.
 */
#ifndef GOODPUT_DIRECTION_H
#define GOODPUT_DIRECTION_H

#include <stdbool.h>
#include <stdint.h>

#define DIRECTION_FRAME_MAX 2048u

struct direction_config {
	uint64_t rate_bps; /* 0: not limited */
	uint64_t delay_us;
	uint64_t queue_bytes; /* what may wait for the link, as it counts on the wire */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t corrupt_ppm;
	uint32_t reorder_ppm;
	uint32_t reorder_us; /* a late frame is up to so late */
	uint32_t frames;     /* that it can hold at all */
	uint64_t seed;
};

struct direction_frame {
	uint64_t due_ns;
	uint64_t number; /* of two that are due at once the first goes first */
	uint32_t len;
	uint8_t bytes[DIRECTION_FRAME_MAX];
};

struct direction_counts {
	uint64_t passed;
	uint64_t lost;
	uint64_t queue_full;
	uint64_t no_frame; /* the bridge itself is too small: should be 0 */
	uint64_t duplicated;
	uint64_t corrupted;
	uint64_t reordered;
};

struct direction {
	struct direction_config config;
	struct direction_counts counts;
	uint64_t random;
	uint64_t number;
	uint64_t idle_ns; /* when the link has sent all that it was given */
	struct direction_frame *frames;
	struct direction_frame **idle;
	uint32_t idle_count;
	struct direction_frame **heap; /* by due_ns, then number */
	uint32_t heap_count;
};

/* 0 or -ENOMEM. */
int direction_init(struct direction *direction, const struct direction_config *config)
	__attribute__((warn_unused_result));
void direction_fini(struct direction *direction);

/* An empty frame to be filled, and given to put(); NULL when all are under way. */
struct direction_frame *direction_get(struct direction *direction);
/* A frame that was received whole. One that is not IP passes unharmed: ARP has no second chance. */
void direction_put(struct direction *direction, struct direction_frame *frame, uint64_t now_ns);
/* Gives a frame of get() or take() back. */
void direction_free(struct direction *direction, struct direction_frame *frame);

/* When the next frame leaves; UINT64_MAX for none. */
uint64_t direction_due_ns(const struct direction *direction);
/* The frame that is due, or NULL. */
struct direction_frame *direction_take(struct direction *direction, uint64_t now_ns);

#endif
