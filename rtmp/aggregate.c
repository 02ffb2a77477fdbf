#include "rtmp/aggregate.h"
#include "rtmp/error.h"
#include "wire.h"

#include <string.h>

#define BACK_POINTER 4u

/* Beside enum rtmp_aggregate_step and errors: go on in the same piece. */
#define STEP_ON      100

enum {
	STATE_HEADER = 0, /* in a tag header */
	STATE_BODY,
	STATE_POINTER, /* in the back pointer behind it */
};

void rtmp_aggregate_pool_init(struct rtmp_aggregate_pool *pool, struct rtmp_aggregate *all,
			      uint32_t count)
{
	pool->free = NULL;
	while (count-- > 0) {
		all[count].next = pool->free;
		pool->free = &all[count];
	}
}

void rtmp_aggregate_begin(struct rtmp_aggregate *a, const struct rtmp_piece *piece)
{
	*a = (struct rtmp_aggregate){
		.next = a->next,
		.msg = {.stream_id = piece->msg->stream_id, .csid = piece->msg->csid},
		.left = piece->msg->length,
		.time = piece->msg->timestamp,
		.slot = piece->slot,
	};
}

void rtmp_aggregate_feed(struct rtmp_aggregate *a, const struct rtmp_piece *piece)
{
	a->rest = *piece;
}

static void advance(struct rtmp_aggregate *a, uint32_t n)
{
	a->left -= n;
	a->rest.len -= n;
	if (n != 0) {
		a->rest.data += n;
	}
}

/* Whether `size` bytes are together in a->header; they may come in any number of pieces. */
static bool gather(struct rtmp_aggregate *a, uint32_t size)
{
	uint32_t n = size - a->have < a->rest.len ? size - a->have : a->rest.len;

	if (n != 0) {
		memcpy(a->header + a->have, a->rest.data, n);
		a->have = (uint8_t)(a->have + n);
		advance(a, n);
	}
	return a->have == size;
}

static bool is_media(uint8_t type)
{
	return type == RTMP_TYPE_AUDIO || type == RTMP_TYPE_VIDEO || type == RTMP_TYPE_DATA_AMF0 ||
	       type == RTMP_TYPE_DATA_AMF3;
}

/* FLV tag header (E.4.1): type, length, timestamp and its upper 8 bits, stream id. */
static int take_header(struct rtmp_aggregate *a)
{
	const uint8_t *h = a->header;
	uint32_t time = rtmp_get_be24(h + 4) | (uint32_t)h[7] << 24;

	a->have = 0;
	a->msg.type = h[0];
	a->msg.length = rtmp_get_be24(h + 1);
	if (a->msg.length > a->left) {
		return RTMP_ERR(AGGREGATE);
	}
	if (!a->shifted) {
		a->shifted = true;
		a->shift = a->time - time;
	}
	a->msg.timestamp = time + a->shift;
	a->body_left = a->msg.length;
	a->state = STATE_BODY;
	a->skips = !is_media(a->msg.type);
	return a->skips ? RTMP_AGGREGATE_SKIPPED : STEP_ON;
}

/* Nothing but whole messages fits: behind the last one the back pointer may be missing. */
static int end_of_piece(const struct rtmp_aggregate *a)
{
	return a->left == 0 && (a->have != 0 || a->state == STATE_BODY) ? RTMP_ERR(AGGREGATE)
									: RTMP_AGGREGATE_MORE;
}

static int read_header(struct rtmp_aggregate *a)
{
	return gather(a, RTMP_AGGREGATE_HEADER) ? take_header(a) : end_of_piece(a);
}

static int read_body(struct rtmp_aggregate *a, struct rtmp_piece *out)
{
	uint32_t n = a->body_left < a->rest.len ? a->body_left : a->rest.len;

	if (n == 0 && a->body_left != 0) {
		return end_of_piece(a);
	}
	*out = (struct rtmp_piece){
		.msg = &a->msg,
		.data = n != 0 ? a->rest.data : NULL,
		.len = n,
		.slot = a->slot,
		.first = a->body_left == a->msg.length,
		.last = a->body_left == n,
		.copied = a->rest.copied,
	};
	a->body_left -= n;
	advance(a, n);
	if (a->body_left == 0) {
		a->state = STATE_POINTER;
	}
	return a->skips ? STEP_ON : RTMP_AGGREGATE_PIECE;
}

static int read_pointer(struct rtmp_aggregate *a)
{
	if (!gather(a, BACK_POINTER)) {
		return end_of_piece(a);
	}
	a->have = 0;
	a->state = STATE_HEADER;
	return rtmp_get_be32(a->header) == RTMP_AGGREGATE_HEADER + a->msg.length
		       ? STEP_ON
		       : RTMP_AGGREGATE_MISMATCH;
}

int rtmp_aggregate_next(struct rtmp_aggregate *a, struct rtmp_piece *out)
{
	int rc;

	do {
		switch (a->state) {
		case STATE_HEADER:
			rc = read_header(a);
			break;
		case STATE_BODY:
			rc = read_body(a, out);
			break;
		default:
			rc = read_pointer(a);
			break;
		}
	} while (rc == STEP_ON);
	return rc;
}
