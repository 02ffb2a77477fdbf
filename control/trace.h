/*
 * Reads the trace rings of a worker (abi/inspect.h) while it writes them.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/inspect.h"

#define TRACE_FROM_OLDEST UINT64_MAX

struct trace_event {
	uint64_t stamp;
	uint32_t connection;
	uint32_t event;
	uint32_t argument[2];
};

/* Where the next reading begins: in each ring a record number, or TRACE_FROM_OLDEST. */
struct trace_cursor {
	uint64_t next[ABI_TRACE_RINGS];
};

struct trace_result {
	uint32_t count;
	uint64_t lost; /* records that were overwritten between the last reading and this one */
	bool more;     /* `max` was reached: read on */
};

/*
 * Puts what was written since `cursor` into `out`, in the order in which it happened, at most `max`
 * events; `connection` 0: of all, else only of this one. Moves the cursor on.
 */
struct trace_result trace_read(const struct abi_trace *trace, uint32_t records,
			       struct trace_cursor *cursor, uint32_t connection,
			       struct trace_event *out, uint32_t max);

#endif
