/*
 * Report: the figures of a run as text or JSON.
 */
#ifndef GEN_REPORT_H
#define GEN_REPORT_H

#include "bench/gen/fleet.h"

struct report {
	uint32_t publishers;
	uint32_t published; /* at once, when measuring began */
	uint64_t publisher_bytes_min;
	uint64_t publisher_bytes_median;
	double seconds;      /* measured */
	double ramp_seconds; /* until all published */
	double publishes_per_second;
	double cpu_seconds;
	struct fleet_counts counts;
	struct transport_usage usage;
};

/* Takes the figures at the end of the time measured. */
void report_take(struct report *report, const struct fleet *fleet);

/* 0 or -errno. */
int report_write(const struct report *report, const struct fleet *fleet, const char *json)
	__attribute__((warn_unused_result));

#endif
