/*
 * Streams that control knows of: by place (worker and slot) and, while they are being published,
 * by application and public name, of which there may be one across all workers.
 *
 * One thread uses it: the main thread.
 */
#ifndef REGISTRY_H
#define REGISTRY_H

#include <sys/queue.h>

#include "abi/pub.h"
#include "admission.h"
#include "config/config.h"

enum stream_phase {
	STREAM_ASKED = 0, /* not answered: no room for the command yet */
	STREAM_REJECTED,  /* until the worker frees the slot */
	STREAM_ACCEPTED,  /* the worker has not said LIVE yet */
	STREAM_LIVE,      /* its relay has it */
	STREAM_ENDED,     /* its relay drains it */
};

#define STREAM_SAMPLES 5u

struct registry_stream {
	uint32_t worker;
	uint32_t slot;
	uint64_t generation;
	enum stream_phase phase;
	const struct config_app *app; /* NULL while not accepted */
	char name[ABI_NAME_MAX];      /* public */

	struct {
		uint64_t time_us;
		uint64_t bytes;
	} samples[STREAM_SAMPLES]; /* of the last two seconds, a ring */
	uint32_t samples_taken;

	struct admission_state admission;
	bool ending;          /* the worker was told to end it */
	bool reconnect_asked; /* it was asked to connect elsewhere (drain.h) */

	bool published; /* stands in the table of names */
	LIST_ENTRY(registry_stream) by_name;
	TAILQ_ENTRY(registry_stream) link;
};

TAILQ_HEAD(registry_list, registry_stream);

#define REGISTRY_BUCKETS 4096u

struct registry {
	struct registry_list streams;
	uint32_t workers;
	uint32_t *slots_count;
	struct registry_stream ***slots; /* [worker][slot] */
	LIST_HEAD(, registry_stream) names[REGISTRY_BUCKETS];
};

/* `slots`: of each worker. */
int registry_init(struct registry *registry, uint32_t workers, const uint32_t *slots)
	__attribute__((warn_unused_result));
void registry_fini(struct registry *registry);

/* Makes the entry of a slot; one of an older generation is removed. NULL without memory. */
struct registry_stream *registry_add(struct registry *registry, uint32_t worker, uint32_t slot,
				     uint64_t generation) __attribute__((warn_unused_result));
void registry_remove(struct registry *registry, struct registry_stream *stream);

struct registry_stream *registry_at(const struct registry *registry, uint32_t worker, uint32_t slot,
				    uint64_t generation);

/* The publication under that name. */
struct registry_stream *registry_find(const struct registry *registry, const char *app,
				      const char *name);

/* Takes the name; it must be free. */
void registry_publish(struct registry *registry, struct registry_stream *stream,
		      const struct config_app *app, const char *name);
void registry_unpublish(struct registry_stream *stream);

#endif
