/*
 * Where the origins of a publication go on (abi/sub.h), kept for the time between two controls: the
 * dataplane takes it from the `sub` of the one that is gone and gives it to the next.
 *
 * It knows nothing of origins: a hash names them. What is taken is hostile: each word is loaded
 * once, and a position beyond the log becomes 0, for "at the tail". What is dropped unread in the
 * meantime raises the tail, and the positions below it with it, when they are given.
 *
 * Taking never loses: a `sub` without word of this publication leaves what was taken before, which
 * is older, so that its origins get more again than they had to.
 */
#ifndef DP_PUBLISH_RESUME_H
#define DP_PUBLISH_RESUME_H

#include <stdint.h>

#include "abi/sub.h"

struct publish_resume {
	struct {
		uint64_t origin; /* 0: none */
		uint64_t position;
	} origins[ABI_ORIGINS_MAX];
};

void publish_resume_clear(struct publish_resume *resume);

/* Returns how many positions were beyond `head` and not believed. */
uint32_t publish_resume_take(struct publish_resume *resume, struct abi_resume *from,
			     uint64_t generation, uint64_t head);

/* `to` is not shown to control yet. */
void publish_resume_give(const struct publish_resume *resume, struct abi_resume *to,
			 uint64_t generation, uint64_t tail);

#endif
