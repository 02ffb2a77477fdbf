#include "bench/micro_src/statistics.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

struct statistics statistics_of(double *samples, uint32_t count)
{
	if (count == 0) {
		return (struct statistics){0};
	}
	qsort(samples, count, sizeof(*samples), compare);
	double upper = samples[count / 2];
	double lower = count % 2 != 0 ? upper : samples[count / 2 - 1];
	return (struct statistics){.min = samples[0], .median = (lower + upper) / 2};
}
