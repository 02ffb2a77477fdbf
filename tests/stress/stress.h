/*
 * Two threads over one `pub` and one `sub`: a worker that publishes and gives back, and a control
 * that reads, or lies.
 *
 * Payload is plain memory cut into segments. Each segment is filled when it is written to a log and
 * poisoned when it is given back: a reader that comes too late, or a segment that is given back too
 * early or twice, shows. Nothing here but the rings and logs under test orders the two threads, so
 * that the thread sanitizer sees every edge that they lack.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "abi/sub.h"
#include "dataplane/counters.h"
#include "dataplane/message.h"
#include "dataplane/packets.h"
#include "dataplane/pub.h"
#include "dataplane/publish.h"

#define STRESS_STREAMS      8u
#define STRESS_SEGMENTS     8192u
#define STRESS_SEGMENT_SIZE 256u
#define STRESS_START        64u /* of the payload in its segment */
#define STRESS_WORDS        24u
#define STRESS_SLICES_MAX   90u

struct stress {
	/* shared */
	struct dp_region pub_region;
	struct abi_pub *pub;
	struct abi_sub *sub;
	uint8_t *segments; /* [STRESS_SEGMENTS] of STRESS_SEGMENT_SIZE */
	int news_fd;
	int events_fd;
	_Atomic bool stop; /* the producer has ended all publications */
	_Atomic bool failed;
	bool hostile; /* control lies */
	bool ingest;  /* hostile.h instead */
	bool wake;
	unsigned int seconds;
	uint64_t seed;

	/* the worker's */
	struct dp_packets packets;
	struct dp_packets_table table;
	struct dp_counters counters;
	struct message_pool messages;
	struct publish_table publish;
	uint32_t free[STRESS_SEGMENTS];
	uint32_t free_count;
	bool used[STRESS_SEGMENTS];
	uint64_t written; /* segments */
	uint64_t waits;   /* times that it waited for all to be read */

	/* of the wake-ups alone */
	_Atomic uint64_t woken; /* news that control has seen */

	/* control's */
	uint64_t messages_read;
	uint64_t slices_read;
	uint64_t headers_read;
	uint64_t sleeps;
	uint64_t overruns;
};

void stress_init(struct stress *s);
void stress_fini(struct stress *s);

/* Says what is wrong, once, and lets both threads end. */
void stress_fail(struct stress *s, const char *what);
bool stress_failed(const struct stress *s);

/* What stands in a segment: its words are told by publication, message and slice. */
void stress_fill(struct stress *s, uint32_t segment, uint64_t seed);
bool stress_check(const struct stress *s, uint64_t ref, uint64_t seed);
uint64_t stress_seed(uint32_t slot, uint64_t generation, uint64_t number, uint32_t slice);

/* xorshift, a state for each thread */
uint64_t stress_random(uint64_t *state);
uint64_t stress_now_us(void);

void *stress_worker(void *arg);
void *stress_control(void *arg);
void *stress_liar(void *arg);
void *stress_waker(void *arg);
void *stress_sleeper(void *arg);

#endif
