#include "gather_private.h"
#include "rtmp/error.h"

#include <string.h>

void gather_init(struct rtmp_gather *g, const struct rtmp_buffers *buffers)
{
	*g = (struct rtmp_gather){.buffers = buffers, .slot = RTMP_CHUNK_STREAMS};
}

void gather_clear(struct rtmp_gather *g)
{
	if (g->buffer != NULL) {
		g->buffers->put(g->buffers->app, g->buffer);
	}
	g->buffer = NULL;
	g->filled = 0;
	g->slot = RTMP_CHUNK_STREAMS;
}

static int append(struct rtmp_gather *g, const uint8_t *data, uint32_t n)
{
	if (g->buffer == NULL) {
		g->buffer = g->buffers->get(g->buffers->app);
		if (g->buffer == NULL) {
			return RTMP_ERR(BUFFERS);
		}
	}
	if (n != 0) {
		memcpy(g->buffer + g->filled, data, n);
		g->filled += n;
	}
	return 0;
}

static uint32_t consume(struct rtmp_span *in, uint32_t n)
{
	n = n < in->len ? n : in->len;
	in->data += n;
	in->len -= n;
	return n;
}

int gather_add(struct rtmp_gather *g, struct rtmp_span *in, uint32_t whole)
{
	const uint8_t *from = in->data;
	uint32_t n = consume(in, whole - g->filled);

	return n != 0 ? append(g, from, n) : 0;
}

bool gather_skip(struct rtmp_gather *g, struct rtmp_span *in, uint32_t whole)
{
	g->filled += consume(in, whole - g->filled);
	return g->filled == whole;
}

int gather_command(struct rtmp_gather *g, const struct rtmp_piece *piece)
{
	int rc;

	if (piece->first) {
		if (g->slot != RTMP_CHUNK_STREAMS) {
			return RTMP_ERR(COMMAND_OVERLAP);
		}
		if (piece->msg->length > RTMP_COMMAND_MAX) {
			return RTMP_ERR(COMMAND_SIZE);
		}
		g->slot = piece->slot;
	}
	rc = append(g, piece->data, piece->len);
	return rc < 0 ? rc : piece->last;
}

bool gather_abort(struct rtmp_gather *g, uint32_t slot)
{
	if (g->slot != slot) {
		return false;
	}
	gather_clear(g);
	return true;
}
