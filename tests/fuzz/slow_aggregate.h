/*
 * Aggregate messages (RTMP 1.0 section 7.1.6) that are there whole: what rtmp/aggregate.c is held
 * against.
 */
#ifndef FUZZ_SLOW_AGGREGATE_H
#define FUZZ_SLOW_AGGREGATE_H

#include "slow_reader.h"

struct slow_within {
	void *context;
	void (*message)(void *context, const struct slow_message *message);
	void (*skipped)(void *context);  /* something else than media */
	void (*mismatch)(void *context); /* a back pointer that is not right */
};

/* What is within, in order. 0 or RTMP_ERR(AGGREGATE) where something does not fit. */
int slow_aggregate(const struct slow_message *aggregate, const struct slow_within *within)
	__attribute__((warn_unused_result));

#endif
