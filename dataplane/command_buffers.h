/*
 * Buffers of a worker in which its RTMP sessions put handshakes and commands together
 * (rtmp/gather.h): taken for the moments between the first and the last segment of one. All memory
 * is allocated at start-up. A connection that finds none is refused (rtmp_no_buffer).
 */
#ifndef DP_COMMAND_BUFFERS_H
#define DP_COMMAND_BUFFERS_H

#include <stdint.h>

#include "rtmp/gather.h"

union command_buffer;

struct command_buffers {
	struct rtmp_buffers source; /* for the sessions */
	union command_buffer *all;
	union command_buffer *free;
	uint32_t count;
};

/* 0 or -ENOMEM. The struct must not move afterwards. */
int command_buffers_init(struct command_buffers *buffers, uint32_t count, int numa_node)
	__attribute__((warn_unused_result));
void command_buffers_fini(struct command_buffers *buffers);

#endif
