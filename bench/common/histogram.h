/*
 * Histogram of durations with log-linear buckets, as HdrHistogram has them: 128 buckets for each
 * power of two, so that a value is known to within 1/128 of itself from 0 to 2^40, in memory of
 * fixed size and with one increment a value.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 7u
#define HISTOGRAM_BITS     40u /* larger values count as the largest */
#define HISTOGRAM_BUCKETS  ((HISTOGRAM_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	uint64_t count;
	uint64_t min; /* exact; UINT64_MAX when empty */
	uint64_t max; /* exact; 0 when empty */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t value);

/*
 * Least value that `per_mille` of all values do not exceed, from 0 to 1000, rounded up to the end
 * of its bucket but never above the maximum; 0 when empty.
 */
uint64_t histogram_quantile(const struct histogram *h, uint32_t per_mille);

#endif
