/*
 * Latency from the sender's hands to ours: from the time that a message's mark says to the arrival
 * of its last byte. Both clocks are CLOCK_MONOTONIC, so both ends stand on one host.
 */
#ifndef SINK_LATENCY_H
#define SINK_LATENCY_H

#include <stdint.h>
#include <stdio.h>

#include "bench/common/histogram.h"

struct latency {
	uint64_t now_ns;  /* when the bytes under way were read from their socket */
	uint64_t untimed; /* messages without a mark, or without a time in it */
	uint64_t early;   /* that were sent later than they came: not of this host */
	struct histogram us;
};

void latency_init(struct latency *latency);

/* Reads the clock: what is handled from now on has arrived. */
void latency_arrived(struct latency *latency);

/* One complete message. */
void latency_message(struct latency *latency, uint8_t type, const uint8_t *data, uint32_t len);

/* JSON object. */
void latency_print(FILE *out, const void *latency);

#endif
