#include "bench/common/histogram.h"

#include <string.h>

#define SUB (UINT64_C(1) << HISTOGRAM_SUB_BITS)

void histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
	h->min = UINT64_MAX;
}

/* Values below 2^7 have a bucket each; above, the seven bits behind the leading one count. */
static uint32_t bucket_of(uint64_t value)
{
	uint32_t shift;

	if (value < SUB) {
		return (uint32_t)value;
	}
	if (value >= UINT64_C(1) << HISTOGRAM_BITS) {
		return HISTOGRAM_BUCKETS - 1;
	}
	shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return (uint32_t)(((shift + 1) << HISTOGRAM_SUB_BITS) + (value >> shift) - SUB);
}

/* The largest value of a bucket. */
static uint64_t bucket_end(uint32_t bucket)
{
	uint32_t shift;

	if (bucket < SUB) {
		return bucket;
	}
	shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	return ((bucket % SUB + SUB + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->buckets[bucket_of(value)]++;
	h->count++;
	h->min = value < h->min ? value : h->min;
	h->max = value > h->max ? value : h->max;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t per_mille)
{
	uint64_t rank = (h->count * per_mille + 999) / 1000;
	uint64_t below = 0;

	rank = rank > 0 ? rank : 1;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += h->buckets[i];
		if (below >= rank) {
			uint64_t end = bucket_end(i);

			/* The last bucket has no end but the maximum. */
			return end < h->max && i < HISTOGRAM_BUCKETS - 1 ? end : h->max;
		}
	}
	return 0;
}
