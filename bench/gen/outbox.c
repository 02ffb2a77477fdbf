#include "bench/gen/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct wire *at(const struct outbox *o, uint32_t i)
{
	return &o->block->wires[(o->first + i) % OUTBOX_WIRES];
}

struct wire *outbox_get(struct outbox *o, struct outbox_pool *pool)
{
	if (o->count == OUTBOX_WIRES) {
		return NULL;
	}
	if (o->block == NULL) {
		o->block = pool->free != NULL ? pool->free : malloc(sizeof(*o->block));
		if (o->block == NULL) {
			return NULL;
		}
		pool->free = o->block == pool->free ? pool->free->next : pool->free;
		o->first = 0;
		o->offset = 0;
	}
	return at(o, o->count);
}

void outbox_put(struct outbox *o)
{
	o->bytes += at(o, o->count)->size;
	o->count++;
}

/* To the last wire, when that is a reply too. */
static int extend_reply(struct outbox *o, struct wire *last, const void *data, size_t len)
{
	uint8_t *grown;

	if (last->size + len > OUTBOX_REPLIES) {
		return -ENOMEM;
	}
	grown = realloc(last->raw, last->size + len);
	if (grown == NULL) {
		return -ENOMEM;
	}
	memcpy(grown + last->size, data, len);
	last->raw = grown;
	last->size += (uint32_t)len;
	o->bytes += (uint32_t)len;
	return 0;
}

int outbox_reply(struct outbox *o, struct outbox_pool *pool, const void *data, size_t len)
{
	struct wire *wire;

	if (o->count > 0 && at(o, o->count - 1u)->raw != NULL) {
		return extend_reply(o, at(o, o->count - 1u), data, len);
	}
	wire = outbox_get(o, pool);
	if (wire == NULL) {
		return -ENOMEM;
	}
	wire->raw = malloc(len);
	if (wire->raw == NULL) {
		return -ENOMEM;
	}
	memcpy(wire->raw, data, len);
	wire->size = (uint32_t)len;
	outbox_put(o);
	return 0;
}

uint32_t outbox_cut(const struct outbox *o, uint32_t limit, struct iovec *iov, uint32_t max,
		    uint32_t *count)
{
	uint32_t bytes = 0;
	uint32_t offset = o->offset;

	*count = 0;
	for (uint32_t i = 0; i < o->count && bytes < limit && *count < max; i++) {
		uint32_t n;

		bytes += wire_cut(at(o, i), offset, limit - bytes, iov + *count, max - *count, &n);
		*count += n;
		offset = 0;
	}
	return bytes;
}

static void put_block(struct outbox *o, struct outbox_pool *pool)
{
	o->block->next = pool->free;
	pool->free = o->block;
	o->block = NULL;
}

static void drop_first(struct outbox *o)
{
	free(at(o, 0)->raw);
	at(o, 0)->raw = NULL;
	o->first = (uint16_t)((o->first + 1u) % OUTBOX_WIRES);
	o->count--;
	o->offset = 0;
}

void outbox_taken(struct outbox *o, struct outbox_pool *pool, uint32_t len)
{
	o->bytes -= len;
	while (o->count > 0 && len >= at(o, 0)->size - o->offset) {
		len -= at(o, 0)->size - o->offset;
		drop_first(o);
	}
	o->offset += len;
	if (o->count == 0 && o->block != NULL) {
		put_block(o, pool);
	}
}

void outbox_clear(struct outbox *o, struct outbox_pool *pool)
{
	while (o->count > 0) {
		drop_first(o);
	}
	if (o->block != NULL) {
		put_block(o, pool);
	}
	o->bytes = 0;
}

void outbox_pool_fini(struct outbox_pool *pool)
{
	while (pool->free != NULL) {
		struct outbox_block *block = pool->free;

		pool->free = block->next;
		free(block);
	}
}
