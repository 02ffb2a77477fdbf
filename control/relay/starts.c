#include "starts.h"

#include <stdlib.h>
#include <string.h>

/* Takes `count` of them from `first` on out. */
static void take_out(struct starts *starts, uint32_t first, uint32_t count)
{
	uint32_t left = starts->count - first - count;

	for (uint32_t i = first; i < first + count; i++) {
		headers_put(starts->list[i].headers);
	}
	memmove(&starts->list[first], &starts->list[first + count], left * sizeof(starts->list[0]));
	memset(&starts->list[first + left], 0, count * sizeof(starts->list[0]));
	starts->count -= count;
}

static void thin(struct starts *starts)
{
	for (uint32_t i = 1; i + STARTS_NEW < starts->count; i++) {
		take_out(starts, i, 1);
	}
}

void starts_add(struct starts *starts, const struct log_message *message,
		struct header_set *headers, uint32_t timestamp)
{
	struct start *start;

	if (!starts->list) {
		starts->list = calloc(STARTS_MAX, sizeof(starts->list[0]));
		if (!starts->list) {
			return;
		}
	}
	if (starts->count == STARTS_MAX) {
		thin(starts);
	}
	start = &starts->list[starts->count++];
	start->cursor = message->at;
	start->cursor.messages = message->entry.number;
	start->timestamp = timestamp;
	start->arrived_us = message->entry.arrived_us;
	start->headers = headers_get(headers);
}

const struct start *starts_for(const struct starts *starts, uint64_t number, uint64_t from)
{
	const struct start *found = NULL;

	for (uint32_t i = starts->count; i > 0; i--) {
		const struct start *start = &starts->list[i - 1];

		if (start->cursor.messages < from) {
			break;
		}
		found = start;
		if (start->cursor.messages <= number) {
			break;
		}
	}
	return found;
}

const struct start *starts_newest(const struct starts *starts)
{
	return starts->count > 0 ? &starts->list[starts->count - 1] : NULL;
}

void starts_release(struct starts *starts, uint64_t position)
{
	uint32_t below = 0;

	while (below < starts->count && starts->list[below].cursor.position < position) {
		below++;
	}
	if (below > 0) {
		take_out(starts, 0, below);
	}
}

void starts_clear(struct starts *starts)
{
	if (starts->count > 0) {
		take_out(starts, 0, starts->count);
	}
}

void starts_fini(struct starts *starts)
{
	starts_clear(starts);
	free(starts->list);
	starts->list = NULL;
}
