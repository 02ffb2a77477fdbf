/*
 * Which message began at which byte of a connection: turns the bytes that an origin acknowledged
 * into the messages that it has.
 *
 * Marks ascend in both. When there is no room every other one goes, so that what is read from them
 * is early rather than late: it costs messages sent twice, never messages lost.
 */
#ifndef MARKS_H
#define MARKS_H

#include <stdint.h>

#define MARKS_MAX 64u

struct mark {
	uint64_t bytes;  /* sent on the connection before ... */
	uint64_t number; /* ... this message of the publication */
};

struct marks {
	uint32_t count;
	struct mark *list; /* [MARKS_MAX] */
};

/* Memory for the list, if there is none yet; before marks_init(). -1 without. */
int marks_reserve(struct marks *marks) __attribute__((warn_unused_result));
void marks_clear(struct marks *marks); /* gives it back */

/* The connection begins at message `number`. */
void marks_init(struct marks *marks, uint64_t bytes, uint64_t number);
void marks_add(struct marks *marks, uint64_t bytes, uint64_t number);

/* All messages before the one returned lie within the first `bytes` of the connection. */
uint64_t marks_reached(const struct marks *marks, uint64_t bytes);

/* No question about less than `bytes` will come. */
void marks_forget(struct marks *marks, uint64_t bytes);

#endif
