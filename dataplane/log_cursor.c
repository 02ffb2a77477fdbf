#include "dataplane/log_cursor.h"

#include <assert.h>

static uint32_t block_after(const struct log_writer *log, uint32_t block)
{
	return atomic_load_explicit(&log->pool->next[block], memory_order_relaxed);
}

/* Number of the block that log->first_block is: at a boundary that before `reclaimed`. */
static uint64_t first_number(const struct log_writer *log)
{
	return log->reclaimed == 0 ? 0 : (log->reclaimed - 1) / ABI_LOG_BLOCK_UNITS;
}

void log_cursor_seek(struct log_cursor *cursor, const struct log_writer *log, uint64_t position)
{
	uint64_t number = position / ABI_LOG_BLOCK_UNITS;

	assert(position >= log->reclaimed && position <= log->head);
	cursor->position = position;
	cursor->block = log->first_block;
	for (uint64_t i = first_number(log); i < number; i++) {
		cursor->block = block_after(log, cursor->block);
	}
}

const union abi_log_unit *log_cursor_peek(const struct log_cursor *cursor,
					  const struct log_writer *log)
{
	/* A cursor made when the log was empty stands at position 0. */
	uint32_t block = cursor->block == ABI_LOG_NO_BLOCK ? log->first_block : cursor->block;

	assert(cursor->position >= log->reclaimed && cursor->position < log->head);
	return &log->pool->blocks[block].units[cursor->position % ABI_LOG_BLOCK_UNITS];
}

const union abi_log_unit *log_cursor_next(struct log_cursor *cursor, const struct log_writer *log)
{
	const union abi_log_unit *unit = log_cursor_peek(cursor, log);

	if (cursor->block == ABI_LOG_NO_BLOCK) {
		cursor->block = log->first_block;
	}
	if (++cursor->position % ABI_LOG_BLOCK_UNITS == 0) {
		/* There is one: that of `head` is always in the chain. */
		cursor->block = block_after(log, cursor->block);
	}
	return unit;
}
