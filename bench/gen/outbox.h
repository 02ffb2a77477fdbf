/*
 * Outbox: messages and replies of one publisher that TCP has not taken yet, in order.
 *
 * Only a publisher with something to send has memory for it: blocks come from a list that all share
 * and go back when they are empty.
 */
#ifndef GEN_OUTBOX_H
#define GEN_OUTBOX_H

#include "bench/gen/wire.h"

#define OUTBOX_WIRES   16u
#define OUTBOX_MEDIA   12u         /* of them for media: replies find room behind */
#define OUTBOX_BYTES   (96u << 10) /* media is not generated beyond it */
#define OUTBOX_REPLIES (64u << 10) /* bytes; a peer that asks and never reads */

struct outbox_block {
	struct outbox_block *next; /* free ones */
	struct wire wires[OUTBOX_WIRES];
};

struct outbox_pool {
	struct outbox_block *free;
};

struct outbox {
	struct outbox_block *block; /* NULL: nothing to send */
	uint32_t bytes;             /* not taken yet */
	uint32_t offset;            /* bytes of the first wire that were taken */
	uint16_t first;
	uint16_t count;
};

/* Whether another media message may be generated. */
static inline bool outbox_has_room(const struct outbox *o)
{
	return o->count < OUTBOX_MEDIA && o->bytes < OUTBOX_BYTES;
}

/* A new last wire to be filled in, or NULL without room or memory; outbox_put() follows. */
struct wire *outbox_get(struct outbox *o, struct outbox_pool *pool);
/* The wire that outbox_get() gave is complete. */
void outbox_put(struct outbox *o);

/* Copies a reply: 0 or -ENOMEM. */
int outbox_reply(struct outbox *o, struct outbox_pool *pool, const void *data, size_t len)
	__attribute__((warn_unused_result));

/* The next bytes, as wire_cut(). */
uint32_t outbox_cut(const struct outbox *o, uint32_t limit, struct iovec *iov, uint32_t max,
		    uint32_t *count);
/* TCP took `len` bytes. */
void outbox_taken(struct outbox *o, struct outbox_pool *pool, uint32_t len);

void outbox_clear(struct outbox *o, struct outbox_pool *pool);
void outbox_pool_fini(struct outbox_pool *pool);

#endif
