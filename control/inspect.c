#include "inspect.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "text.h"

#define WAIT_STEP_US 50

/* Never one that was used before: also not by the control that was attached before us. */
static uint64_t next_request(struct control *control, uint32_t worker)
{
	uint64_t first = control->dataplane.epoch << 32;
	uint64_t *request = &control->workers[worker].inspect_request;

	*request = *request < first ? first + 1 : *request + 1;
	return *request;
}

static void ask(const struct dataplane_worker *worker, uint64_t request, uint32_t from, uint32_t id)
{
	struct abi_inspect *inspect = &worker->sub->inspect;

	atomic_store_explicit(&inspect->from, from, memory_order_relaxed);
	atomic_store_explicit(&inspect->id, id, memory_order_relaxed);
	/* Pairs with the acquire of the worker. */
	atomic_store_explicit(&inspect->request, request, memory_order_release);
	/* The other side of the worker's going to sleep (abi/pub.h). */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&worker->pub->sleeping, memory_order_relaxed)) {
		(void)eventfd_write(worker->commands_fd, 1); /* full: it is awake anyway */
	}
}

const struct abi_page *inspect_page(struct control *control, uint32_t worker, uint32_t from,
				    uint32_t id, uint32_t *count)
{
	const struct dataplane_worker *to = &control->dataplane.workers[worker];
	const struct abi_page *page = dataplane_table(to, to->layout.page_offset);
	uint64_t request = next_request(control, worker);
	uint64_t began_us = clock_us();

	ask(to, request, from, id);
	/* Acquire: pairs with the worker's release of the whole page. */
	while (atomic_load_explicit(&page->answered, memory_order_acquire) != request) {
		if (clock_us() - began_us > INSPECT_WAIT_US) {
			return NULL;
		}
		(void)usleep(WAIT_STEP_US);
	}
	*count = page->count;
	/* The compiler may not look again for what was checked. */
	atomic_signal_fence(memory_order_seq_cst);
	return *count <= ABI_PAGE_CONNECTIONS ? page : NULL;
}

void inspect_name(const struct dataplane_worker *from, const struct abi_names *names,
		  uint32_t value, char out[INSPECT_NAME_MAX])
{
	const struct abi_name *table = dataplane_table(from, from->layout.names_offset);
	uint64_t index = (uint64_t)names->first + value;

	atomic_signal_fence(memory_order_seq_cst); /* as above */
	if (value < names->count && index < from->layout.names) {
		text_printable(out, INSPECT_NAME_MAX, table[index].text, sizeof(table[0].text));
	} else {
		memcpy(out, "?", 2);
	}
}
