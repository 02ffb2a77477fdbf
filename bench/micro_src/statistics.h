/*
 * Order statistics of a few hundred samples.
 */
#ifndef MICRO_STATISTICS_H
#define MICRO_STATISTICS_H

#include <stdint.h>

struct statistics {
	double min;
	double median;
};

/* Sorts the samples; all 0 when there are none. */
struct statistics statistics_of(double *samples, uint32_t count);

#endif
