/*
 * The owner's own reader of a log: a place in it that holds nothing back.
 *
 * Only for the thread that writes the log. What lies below log_writer.reclaimed is gone: whoever
 * uses a cursor looks first whether it still is at or above that.
 */
#ifndef DP_LOG_CURSOR_H
#define DP_LOG_CURSOR_H

#include "dataplane/log_writer.h"

struct log_cursor {
	uint64_t position; /* of the next unit */
	uint32_t block;    /* that it stands in; ABI_LOG_NO_BLOCK: there was none yet */
};

/* To a position that the log holds: reclaimed <= position <= head. */
void log_cursor_seek(struct log_cursor *cursor, const struct log_writer *log, uint64_t position);

/* The unit at the cursor, which is below head; the cursor moves on by one. */
const union abi_log_unit *log_cursor_next(struct log_cursor *cursor, const struct log_writer *log);

/* The same without moving on. */
const union abi_log_unit *log_cursor_peek(const struct log_cursor *cursor,
					  const struct log_writer *log);

static inline bool log_cursor_is_lost(const struct log_cursor *cursor, const struct log_writer *log)
{
	return cursor->position < log->reclaimed;
}

static inline bool log_cursor_at_end(const struct log_cursor *cursor, const struct log_writer *log)
{
	return cursor->position == log->head;
}

#endif
