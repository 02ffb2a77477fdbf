/*
 * Reader of one worker's media logs (abi/log.h), which trusts nothing that it reads: the worker
 * is another process, and a reference followed blindly would send memory of one publisher, or of
 * nobody, to an origin. Block numbers, counts of slices and references are checked against the
 * sizes of the mappings, the entry flag and the sum of the slices against the entry.
 *
 * A violation is LOG_BROKEN: the log is not read any further.
 */
#ifndef LOG_READER_H
#define LOG_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "abi/pub.h"
#include "abi/ref.h"

#define LOG_BROKEN (-1)

/* Packet memory of each worker as mapped here; size 0: not mapped. */
struct log_regions {
	struct {
		const uint8_t *base;
		uint64_t size; /* bytes */
	} regions[ABI_REGIONS_MAX];
};

/* Where the logs of one worker stand. Constant once filled in. */
struct log_view {
	const union abi_log_unit *units; /* blocks_offset, as units */
	const _Atomic uint32_t *block_next;
	uint32_t blocks;
	const struct log_regions *regions;
};

/*
 * A position and the block that holds it. At the first unit of a block that the producer has not
 * linked yet, `block` is still the one before (`unresolved`).
 */
struct log_cursor {
	uint64_t position; /* of the next unit */
	uint64_t previous; /* position of the entry last read */
	uint64_t messages; /* number of the next one, once one was read */
	uint64_t bytes;    /* of payload read so far */
	uint32_t block;
	bool unresolved;
};

struct log_message {
	struct abi_log_entry entry;
	struct log_cursor at;     /* at the entry itself, resolved */
	struct log_cursor slices; /* at its first unit of slices */
};

/* Walks the slices of one message. */
struct log_slices {
	struct log_cursor at;
	uint64_t unit[ABI_LOG_SLICES];
	uint32_t left;  /* slices */
	uint32_t bytes; /* that they must still add up to */
	uint32_t index; /* in `unit` */
};

void log_cursor_init(struct log_cursor *cursor, uint64_t position, uint32_t block);

/* Moves on by so many units, all of them below `head`. */
int log_cursor_skip(const struct log_view *view, struct log_cursor *cursor, uint64_t units)
	__attribute__((warn_unused_result));

/*
 * The lowest position that must not be released while the cursor is to be read from: a block that
 * has no successor yet may not be given back, or the way to the next one is lost.
 */
static inline uint64_t log_cursor_hold(const struct log_cursor *cursor)
{
	return cursor->unresolved ? cursor->previous : cursor->position;
}

/*
 * Reads the message at the cursor and moves behind it. `head` was loaded with acquire. 1: `message`
 * is set; 0: there is none below head; LOG_BROKEN.
 */
int log_reader_next(const struct log_view *view, struct log_cursor *cursor, uint64_t head,
		    struct log_message *message) __attribute__((warn_unused_result));

/*
 * Moves a cursor that may stand within a message to the next entry, or to head. The dataplane gives
 * units back one by one, so that a log taken over can begin anywhere. An entry is told from slices
 * by its flag and by fields that no reference can be mistaken for: number <= messages, and a time
 * of arrival between `from_us` and `to_us`.
 */
struct log_bounds {
	uint64_t head;
	uint64_t messages;
	uint64_t from_us;
	uint64_t to_us;
};

int log_reader_find_entry(const struct log_view *view, struct log_cursor *cursor,
			  const struct log_bounds *bounds) __attribute__((warn_unused_result));

void log_slices_init(struct log_slices *slices, const struct log_message *message);

/* The next slice as mapped memory: 1, 0 after the last one, LOG_BROKEN. */
int log_slices_next(const struct log_view *view, struct log_slices *slices, struct iovec *iov)
	__attribute__((warn_unused_result));

/* Copies the payload of a message, at most `size` bytes: 0 or LOG_BROKEN. */
int log_reader_copy(const struct log_view *view, const struct log_message *message, void *out,
		    uint32_t size) __attribute__((warn_unused_result));

/*
 * Copies what there is of the payload from byte `offset` on, at most `size` bytes: how many, or
 * LOG_BROKEN.
 */
int log_reader_copy_at(const struct log_view *view, const struct log_message *message,
		       uint32_t offset, void *out, uint32_t size)
	__attribute__((warn_unused_result));

#endif
