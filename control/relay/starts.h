/*
 * Places of a stream's log at which a connection to an origin can begin: its keyframes (and, while
 * there is no video, a message now and then), each with the headers that were in force there.
 *
 * Oldest first. The oldest is never lower than what is released, and all of them are in the log as
 * long as they stand here. When there is no room every other one goes, but for the oldest and some
 * of the newest: an origin that is far behind then goes back to an earlier one, and none that is
 * not.
 */
#ifndef STARTS_H
#define STARTS_H

#include "headers.h"

#define STARTS_MAX 32u
#define STARTS_NEW 8u /* of them, at least, are the very last ones */

struct start {
	struct log_cursor cursor; /* at the entry; `messages` is its number */
	struct header_set *headers;
	uint32_t timestamp; /* ms, as it goes out (timeline.h) */
	uint64_t arrived_us;
};

struct starts {
	uint32_t count;
	struct start *list; /* [STARTS_MAX], NULL: none yet */
};

/* Gives the memory back. */
void starts_fini(struct starts *starts);

/* Without memory for the first one there is none. */
void starts_add(struct starts *starts, const struct log_message *message,
		struct header_set *headers, uint32_t timestamp);

/*
 * Of those at or after message `from` the last one at or before `number`, or else the first; NULL
 * without any.
 */
const struct start *starts_for(const struct starts *starts, uint64_t number, uint64_t from);

/* NULL without any. */
const struct start *starts_newest(const struct starts *starts);

/* Drops those that stand below the position. */
void starts_release(struct starts *starts, uint64_t position);
void starts_clear(struct starts *starts);

#endif
