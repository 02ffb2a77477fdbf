#include "marks.h"

#include <stdlib.h>
#include <string.h>

void marks_clear(struct marks *marks)
{
	free(marks->list);
	marks->list = NULL;
	marks->count = 0;
}

int marks_reserve(struct marks *marks)
{
	if (!marks->list) {
		marks->list = malloc(MARKS_MAX * sizeof(marks->list[0]));
	}
	return marks->list ? 0 : -1;
}

void marks_init(struct marks *marks, uint64_t bytes, uint64_t number)
{
	marks->count = 0;
	marks_add(marks, bytes, number);
}

/* The first one stays: it is what is reached in any case. */
static void thin(struct marks *marks)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < marks->count; i += 2) {
		marks->list[kept++] = marks->list[i];
	}
	marks->count = kept;
}

void marks_add(struct marks *marks, uint64_t bytes, uint64_t number)
{
	if (marks->count > 0 && marks->list[marks->count - 1].number >= number) {
		return;
	}
	if (marks->count == MARKS_MAX) {
		thin(marks);
	}
	marks->list[marks->count].bytes = bytes;
	marks->list[marks->count].number = number;
	marks->count++;
}

/* Index of the last mark at or before `bytes`, 0 if there is none. */
static uint32_t find(const struct marks *marks, uint64_t bytes)
{
	uint32_t low = 0;
	uint32_t high = marks->count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (marks->list[middle].bytes <= bytes) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

uint64_t marks_reached(const struct marks *marks, uint64_t bytes)
{
	return marks->count > 0 ? marks->list[find(marks, bytes)].number : 0;
}

void marks_forget(struct marks *marks, uint64_t bytes)
{
	uint32_t first = marks->count > 0 ? find(marks, bytes) : 0;

	if (first > 0) {
		marks->count -= first;
		memmove(marks->list, marks->list + first, marks->count * sizeof(marks->list[0]));
	}
}
