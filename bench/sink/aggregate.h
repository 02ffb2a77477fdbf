/*
 * Aggregate messages (RTMP 1.0 section 7.1.6): several messages in one.
 */
#ifndef SINK_AGGREGATE_H
#define SINK_AGGREGATE_H

#include <stdbool.h>
#include <stdint.h>

struct aggregate {
	const uint8_t *at;
	const uint8_t *end;
	uint32_t base;   /* timestamp of the aggregate message */
	uint32_t offset; /* added to each part's timestamp, from the first part on */
	bool first;
	bool malformed; /* a part reached over the end: what came before it is good */
};

struct aggregate_part {
	const uint8_t *data;
	uint32_t len;
	uint32_t timestamp; /* of the stream, the offset already added */
	uint8_t type;
};

void aggregate_init(struct aggregate *a, uint32_t timestamp, const uint8_t *data, uint32_t len);

/* The next part; false at the end or when the rest is malformed. */
bool aggregate_next(struct aggregate *a, struct aggregate_part *part);

#endif
