#include "log_reader.h"

#include <string.h>

#include "abi/ref.h"

void log_cursor_init(struct log_cursor *cursor, uint64_t position, uint32_t block)
{
	memset(cursor, 0, sizeof(*cursor));
	cursor->position = position;
	cursor->previous = position;
	cursor->block = block;
}

/*
 * The block of the next unit. Called only for positions below head: block_next[] was written
 * before the release of head that the caller's acquire pairs with.
 */
static int resolve(const struct log_view *view, struct log_cursor *cursor)
{
	if (cursor->unresolved) {
		cursor->block = atomic_load_explicit(&view->block_next[cursor->block],
						     memory_order_relaxed);
		cursor->unresolved = false;
	}
	return cursor->block < view->blocks ? 0 : LOG_BROKEN;
}

static void move(struct log_cursor *cursor, uint64_t units)
{
	cursor->position += units;
	cursor->unresolved = cursor->position % ABI_LOG_BLOCK_UNITS == 0;
}

int log_cursor_skip(const struct log_view *view, struct log_cursor *cursor, uint64_t units)
{
	while (units > 0) {
		uint64_t left = ABI_LOG_BLOCK_UNITS - cursor->position % ABI_LOG_BLOCK_UNITS;

		if (resolve(view, cursor)) {
			return LOG_BROKEN;
		}
		left = left < units ? left : units;
		move(cursor, left);
		units -= left;
	}
	return 0;
}

/* Copies the next unit out, so that what is checked is what is used. */
static int read_unit(const struct log_view *view, struct log_cursor *cursor,
		     union abi_log_unit *unit)
{
	uint64_t index;

	if (resolve(view, cursor)) {
		return LOG_BROKEN;
	}
	index = (uint64_t)cursor->block * ABI_LOG_BLOCK_UNITS +
		cursor->position % ABI_LOG_BLOCK_UNITS;
	memcpy(unit, &view->units[index], sizeof(*unit));
	move(cursor, 1);
	return 0;
}

/* `room`: units between the entry and head. */
static bool entry_valid(const struct abi_log_entry *entry, uint64_t room)
{
	if (!(entry->flags & ABI_LOG_ENTRY) || abi_log_units(entry->slices) - 1 > room) {
		return false;
	}
	return entry->length >= entry->slices &&
	       entry->length <= (uint64_t)entry->slices * ABI_REF_LENGTH_MAX;
}

int log_reader_next(const struct log_view *view, struct log_cursor *cursor, uint64_t head,
		    struct log_message *message)
{
	uint64_t start = cursor->position;
	union abi_log_unit unit;

	if (start >= head) {
		return start == head ? 0 : LOG_BROKEN;
	}
	if (resolve(view, cursor)) {
		return LOG_BROKEN;
	}
	message->at = *cursor;
	if (read_unit(view, cursor, &unit) || !entry_valid(&unit.entry, head - start - 1)) {
		return LOG_BROKEN;
	}
	message->entry = unit.entry;
	message->slices = *cursor;
	cursor->previous = start;
	cursor->messages = unit.entry.number + 1;
	cursor->bytes += unit.entry.length;
	return log_cursor_skip(view, cursor, abi_log_units(unit.entry.slices) - 1) ? LOG_BROKEN : 1;
}

static bool plausible(const struct abi_log_entry *entry, uint64_t room,
		      const struct log_bounds *bounds)
{
	return entry_valid(entry, room) && entry->number <= bounds->messages &&
	       entry->arrived_us >= bounds->from_us && entry->arrived_us <= bounds->to_us;
}

int log_reader_find_entry(const struct log_view *view, struct log_cursor *cursor,
			  const struct log_bounds *bounds)
{
	while (cursor->position < bounds->head) {
		struct log_cursor here = *cursor;
		union abi_log_unit unit;

		if (read_unit(view, cursor, &unit)) {
			return LOG_BROKEN;
		}
		if (plausible(&unit.entry, bounds->head - cursor->position, bounds)) {
			*cursor = here;
			break;
		}
	}
	cursor->previous = cursor->position;
	return 0;
}

void log_slices_init(struct log_slices *slices, const struct log_message *message)
{
	slices->at = message->slices;
	slices->left = message->entry.slices;
	slices->bytes = message->entry.length;
	slices->index = 0;
}

static int follow(const struct log_view *view, uint64_t ref, struct iovec *iov)
{
	uint32_t region = abi_ref_region(ref);
	uint64_t offset = abi_ref_offset(ref);
	uint32_t length = abi_ref_length(ref);
	uint64_t size = view->regions->regions[region].size;

	if (length == 0 || offset > size || length > size - offset) {
		return LOG_BROKEN;
	}
	/* The memory is mapped read-only; struct iovec has no const. */
	iov->iov_base = (void *)(uintptr_t)(view->regions->regions[region].base + offset);
	iov->iov_len = length;
	return 0;
}

int log_slices_next(const struct log_view *view, struct log_slices *slices, struct iovec *iov)
{
	if (slices->left == 0) {
		return slices->bytes == 0 ? 0 : LOG_BROKEN;
	}
	if (slices->index == 0) {
		union abi_log_unit unit;

		if (read_unit(view, &slices->at, &unit)) {
			return LOG_BROKEN;
		}
		memcpy(slices->unit, unit.slices, sizeof(slices->unit));
	}
	if (follow(view, slices->unit[slices->index], iov) || iov->iov_len > slices->bytes) {
		return LOG_BROKEN;
	}
	slices->bytes -= (uint32_t)iov->iov_len;
	slices->left--;
	slices->index = (slices->index + 1) % ABI_LOG_SLICES;
	return 1;
}

int log_reader_copy_at(const struct log_view *view, const struct log_message *message,
		       uint32_t offset, void *out, uint32_t size)
{
	struct log_slices slices;
	struct iovec iov;
	uint32_t done = 0;
	int rc = 0;

	log_slices_init(&slices, message);
	while (done < size && (rc = log_slices_next(view, &slices, &iov)) > 0) {
		uint32_t n = (uint32_t)iov.iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		n = n < size - done ? n : size - done;
		memcpy((uint8_t *)out + done, (const uint8_t *)iov.iov_base + offset, n);
		done += n;
		offset = 0;
	}
	return rc < 0 ? LOG_BROKEN : (int)done;
}

int log_reader_copy(const struct log_view *view, const struct log_message *message, void *out,
		    uint32_t size)
{
	return log_reader_copy_at(view, message, 0, out, size) < 0 ? LOG_BROKEN : 0;
}
