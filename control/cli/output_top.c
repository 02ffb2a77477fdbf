#include "field.h"
#include "output_text.h"
#include "units.h"

#include <stdlib.h>

/* A stream and what it is sorted by. */
struct ranked {
	json_t *stream;
	uint64_t kbps;
};

static int by_bitrate(const void *a, const void *b)
{
	const struct ranked *left = a;
	const struct ranked *right = b;

	return left->kbps < right->kbps ? 1 : left->kbps > right->kbps ? -1 : 0;
}

/* The streams with the highest bitrate first. A new reference. */
static json_t *sorted(const json_t *streams)
{
	size_t count = json_array_size(streams);
	struct ranked *order = calloc(count + 1, sizeof(*order));
	json_t *result = json_array();

	if (order == NULL) {
		return result;
	}
	for (size_t i = 0; i < count; i++) {
		order[i].stream = json_array_get(streams, i);
		order[i].kbps = field_number(order[i].stream, "bitrate_kbps");
	}
	qsort(order, count, sizeof(*order), by_bitrate);
	for (size_t i = 0; i < count; i++) {
		(void)json_array_append(result, order[i].stream);
	}
	free(order);
	return result;
}

void text_top(FILE *out, const json_t *value, const struct output_options *options)
{
	const json_t *streams = json_object_get(value, "streams");
	const json_t *workers = json_object_get(value, "workers");
	const json_t *dataplane = json_object_get(json_object_get(value, "status"), "dataplane");
	size_t used = 5 + json_array_size(workers);
	uint64_t kbps = 0;
	char bitrate[UNITS_MAX];
	size_t i;
	json_t *stream;

	json_array_foreach(streams, i, stream)
	{
		kbps += field_number(stream, "bitrate_kbps");
	}
	units_bitrate(bitrate, kbps);
	fprintf(out, "penstock: dataplane %s, %zu workers, %zu streams, %s\n\n",
		json_is_true(json_object_get(dataplane, "attached")) ? "attached" : "NOT ATTACHED",
		json_array_size(workers), json_array_size(streams), bitrate);
	text_workers(out, workers, options);
	putc('\n', out);
	json_t *order = sorted(streams);
	text_streams(out, order,
		     options->rows == 0     ? 0
		     : options->rows > used ? options->rows - used
					    : 1);
	json_decref(order);
}
