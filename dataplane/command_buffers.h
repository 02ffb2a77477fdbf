/*
 * Buffers of a worker in which its RTMP sessions put handshakes and commands together
 * (rtmp/gather.h): taken for the moments between the first and the last segment of one. All memory
 * is allocated at start-up.
 *
 * When all are lent, the one lent longest is taken back: who is served in moments never has it, and
 * connections that send half a handshake and wait keep nobody out, unless they come faster than
 * others finish. A connection that finds none all the same is refused (rtmp_no_buffer).
 */
#ifndef DP_COMMAND_BUFFERS_H
#define DP_COMMAND_BUFFERS_H

#include <stdint.h>
#include <sys/queue.h>

#include "rtmp/gather.h"

struct command_buffer {
	uint8_t bytes[RTMP_COMMAND_MAX];
};

/* Beside the buffers, so that these are touched by those who use them only. */
struct command_loan {
	TAILQ_ENTRY(command_loan) entry;
	void *borrower;
};

TAILQ_HEAD(command_loans, command_loan);

struct command_buffers {
	struct rtmp_buffers source; /* for the sessions */
	struct command_buffer *all;
	struct command_loan *loans; /* [count], of the buffer with the same index */
	struct command_loans free;
	struct command_loans lent; /* the longest first */
	uint32_t count;
	void *borrower; /* who asks next; set by the owner */
	/* Has the borrower give its buffer back at once; NULL: nothing is taken back. */
	void (*take_back)(void *borrower);
};

/* 0 or -ENOMEM. The struct must not move afterwards. */
int command_buffers_init(struct command_buffers *buffers, uint32_t count, int numa_node)
	__attribute__((warn_unused_result));
void command_buffers_fini(struct command_buffers *buffers);

#endif
