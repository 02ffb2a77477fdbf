#include "aggregate.h"

#define PART_HEADER  11u
#define BACK_POINTER 4u

void aggregate_init(struct aggregate *a, uint32_t timestamp, const uint8_t *data, uint32_t len)
{
	/* An empty message has no data to point at: NULL + 0 is undefined in C11. */
	const uint8_t *end = len > 0 ? data + len : data;

	*a = (struct aggregate){.at = data, .end = end, .base = timestamp, .first = true};
}

static uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

bool aggregate_next(struct aggregate *a, struct aggregate_part *part)
{
	uint64_t left = (uint64_t)(a->end - a->at);

	if (left == 0 || a->malformed) {
		return false;
	}
	if (left < PART_HEADER || get24(a->at + 1) > left - PART_HEADER) {
		a->malformed = true;
		return false;
	}
	uint32_t timestamp = get24(a->at + 4) | (uint32_t)a->at[7] << 24;
	if (a->first) {
		a->offset = a->base - timestamp;
		a->first = false;
	}
	part->type = a->at[0];
	part->len = get24(a->at + 1);
	part->timestamp = timestamp + a->offset;
	part->data = a->at + PART_HEADER;
	a->at += PART_HEADER + part->len;
	/* Some encoders leave the last back pointer out. */
	left -= PART_HEADER + (uint64_t)part->len;
	a->at += left < BACK_POINTER ? left : BACK_POINTER;
	return true;
}
