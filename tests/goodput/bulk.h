/*
 * Bulk: flows of the pattern (pattern.h), sent (send.c) and received (sink.c) over kernel sockets.
 */
#ifndef GOODPUT_BULK_H
#define GOODPUT_BULK_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/common/endpoint.h"

#define BULK_FLOWS_MAX 256u

struct bulk_options {
	struct endpoint to;
	struct endpoint listen;
	bool sends;
	bool receives;
	uint32_t flows;
	uint32_t seconds; /* how long to count; 0: until all flows ended in order */
	uint64_t bytes;   /* of each flow; 0: without end */
	bool check;       /* compare what comes with the pattern */
};

extern volatile sig_atomic_t bulk_stopped;

/* Closes flows that have not ended (-1: it has), without waiting for what is under way. */
void bulk_reset(const struct pollfd *fds, uint32_t count);

/* Both print their figures as JSON: 0, or 1 when something went wrong (said on stderr). */
int bulk_send(const struct bulk_options *options) __attribute__((warn_unused_result));
int bulk_receive(const struct bulk_options *options) __attribute__((warn_unused_result));

#endif
