#include "ranges.h"

#include <string.h>

/* Index of the first range that ends at `number` or later: it holds, touches or follows it. */
static uint32_t find(const struct ranges *r, uint64_t number)
{
	uint32_t i = r->count;

	/* From the end: new numbers are the highest. */
	while (i > 0 && r->range[i - 1].to >= number) {
		i--;
	}
	return i;
}

bool ranges_contain(const struct ranges *r, uint64_t number)
{
	for (uint32_t i = find(r, number); i < r->count && r->range[i].from <= number; i++) {
		if (number < r->range[i].to) {
			return true;
		}
	}
	return false;
}

static void remove_at(struct ranges *r, uint32_t i)
{
	r->count--;
	memmove(&r->range[i], &r->range[i + 1], (r->count - i) * sizeof(r->range[0]));
}

static void insert_at(struct ranges *r, uint32_t i, uint64_t number)
{
	if (r->count == RANGES_MAX) {
		r->lost++;
		return;
	}
	memmove(&r->range[i + 1], &r->range[i], (r->count - i) * sizeof(r->range[0]));
	r->range[i] = (struct range){.from = number, .to = number + 1};
	r->count++;
}

bool ranges_add(struct ranges *r, uint64_t number)
{
	uint32_t i = find(r, number);

	if (ranges_contain(r, number)) {
		return false;
	}
	if (i < r->count && r->range[i].to == number) {
		r->range[i].to++;
		if (i + 1 < r->count && r->range[i + 1].from == number + 1) {
			r->range[i].to = r->range[i + 1].to;
			remove_at(r, i + 1);
		}
	} else if (i < r->count && r->range[i].from == number + 1) {
		r->range[i].from--;
	} else {
		insert_at(r, i, number);
	}
	return true;
}
