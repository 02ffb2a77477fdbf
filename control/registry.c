#include "registry.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a; an attacker who can place many names has many keys, and gains long lists only. */
static uint32_t bucket(const char *app, const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *app; app++) {
		hash = (hash ^ (uint8_t)*app) * UINT64_C(1099511628211);
	}
	hash = (hash ^ (uint8_t)'/') * UINT64_C(1099511628211);
	for (; *name; name++) {
		hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
	}
	return (uint32_t)((hash ^ hash >> 32) % REGISTRY_BUCKETS);
}

int registry_init(struct registry *registry, uint32_t workers, const uint32_t *slots)
{
	memset(registry, 0, sizeof(*registry));
	TAILQ_INIT(&registry->streams);
	registry->slots = calloc(workers, sizeof(struct registry_stream **));
	registry->slots_count = calloc(workers, sizeof(uint32_t));
	if (!registry->slots || !registry->slots_count) {
		goto fail;
	}
	for (; registry->workers < workers; registry->workers++) {
		uint32_t worker = registry->workers;

		registry->slots[worker] = calloc(slots[worker], sizeof(struct registry_stream *));
		if (!registry->slots[worker]) {
			goto fail;
		}
		registry->slots_count[worker] = slots[worker];
	}
	return 0;

fail:
	registry_fini(registry);
	return -1;
}

void registry_fini(struct registry *registry)
{
	while (!TAILQ_EMPTY(&registry->streams)) {
		registry_remove(registry, TAILQ_FIRST(&registry->streams));
	}
	for (uint32_t i = 0; registry->slots && i < registry->workers; i++) {
		free(registry->slots[i]);
	}
	free(registry->slots);
	free(registry->slots_count);
	registry->slots = NULL;
	registry->slots_count = NULL;
	registry->workers = 0;
}

static struct registry_stream **place(const struct registry *registry, uint32_t worker,
				      uint32_t slot)
{
	if (worker >= registry->workers || slot >= registry->slots_count[worker]) {
		return NULL;
	}
	return &registry->slots[worker][slot];
}

struct registry_stream *registry_add(struct registry *registry, uint32_t worker, uint32_t slot,
				     uint64_t generation)
{
	struct registry_stream **at = place(registry, worker, slot);
	struct registry_stream *stream = at ? calloc(1, sizeof(*stream)) : NULL;

	if (!stream) {
		return NULL;
	}
	if (*at) {
		registry_remove(registry, *at);
	}
	stream->worker = worker;
	stream->slot = slot;
	stream->generation = generation;
	*at = stream;
	TAILQ_INSERT_TAIL(&registry->streams, stream, link);
	return stream;
}

void registry_remove(struct registry *registry, struct registry_stream *stream)
{
	registry_unpublish(stream);
	registry->slots[stream->worker][stream->slot] = NULL;
	TAILQ_REMOVE(&registry->streams, stream, link);
	free(stream);
}

struct registry_stream *registry_at(const struct registry *registry, uint32_t worker, uint32_t slot,
				    uint64_t generation)
{
	struct registry_stream **at = place(registry, worker, slot);

	return at && *at && (*at)->generation == generation ? *at : NULL;
}

struct registry_stream *registry_find(const struct registry *registry, const char *app,
				      const char *name)
{
	struct registry_stream *stream;

	LIST_FOREACH (stream, &registry->names[bucket(app, name)], by_name) {
		if (strcmp(stream->app->name, app) == 0 && strcmp(stream->name, name) == 0) {
			return stream;
		}
	}
	return NULL;
}

void registry_publish(struct registry *registry, struct registry_stream *stream,
		      const struct config_app *app, const char *name)
{
	assert(!stream->published);
	stream->app = app;
	text_copy(stream->name, sizeof(stream->name), name);
	LIST_INSERT_HEAD(&registry->names[bucket(app->name, name)], stream, by_name);
	stream->published = true;
}

void registry_unpublish(struct registry_stream *stream)
{
	if (stream->published) {
		LIST_REMOVE(stream, by_name);
		stream->published = false;
	}
}
