/*
 * What relay.c (calls of the main thread) and relay_thread.c (the thread) share.
 */
#ifndef RELAY_PRIVATE_H
#define RELAY_PRIVATE_H

#include <pthread.h>
#include <sys/queue.h>

#include "context.h"
#include "news.h"
#include "relay.h"
#include "stream.h"

TAILQ_HEAD(stream_list, relay_stream);

struct relay {
	struct relay_context context;
	pthread_t thread;
	struct relay_stream **slots; /* [slots_count]; guarded for readers */
	uint32_t slots_count;
	struct stream_list streams; /* guarded for readers */
	struct stream_list dirty;
	struct news news;
	uint64_t serial;
	uint64_t tick_us;              /* next */
	uint64_t shed_us;              /* last */
	uint64_t flush_deadline_us;    /* of a shutdown, 0: over */
	uint64_t shutdown_deadline_us; /* or of having let go */
	bool stop;
	bool joined; /* main thread's */
	_Atomic bool stopped;
	_Atomic bool gone; /* has let go */
	_Atomic uint64_t progress;
};

void *relay_main(void *arg); /* of the thread */

/* NULL when it is gone. By the main thread with the lock held. */
struct relay_stream *relay_find(struct relay *relay, uint32_t slot, uint64_t generation);

/* Takes the stream out of the lists and destroys it. */
void relay_reap(struct relay *relay, struct relay_stream *stream);

#endif
