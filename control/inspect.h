/*
 * Asks a worker what its connections are (abi/inspect.h).
 */
#ifndef INSPECT_H
#define INSPECT_H

#include <stdint.h>

#include "abi/pub.h"

struct control;
struct dataplane_worker;

#define INSPECT_WAIT_US UINT64_C(100000)

/*
 * The page of connections of `worker` that begins at slot `from` (with ABI_PAGE_RECORDS: of what is
 * half-open or in TIME_WAIT), of all connections or only of `id`. Waits for the worker: some loops
 * of it, at most INSPECT_WAIT_US. NULL: no answer. The page stays as it is until the worker is
 * asked again, unless the dataplane is not what it should be: `count` is what was checked.
 */
const struct abi_page *inspect_page(struct control *control, uint32_t worker, uint32_t from,
				    uint32_t id, uint32_t *count);

/* What value `value` is called, made printable; "?" where the dataplane gave it no name. */
#define INSPECT_NAME_MAX (sizeof(struct abi_name))
void inspect_name(const struct dataplane_worker *from, const struct abi_names *names,
		  uint32_t value, char out[INSPECT_NAME_MAX]);

#endif
