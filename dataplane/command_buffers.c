#include "dataplane/command_buffers.h"

#include <errno.h>
#include <stddef.h>

#include "dataplane/local_memory.h"

static uint8_t *get(void *app)
{
	struct command_buffers *buffers = app;
	struct command_loan *oldest = TAILQ_FIRST(&buffers->lent);

	if (TAILQ_EMPTY(&buffers->free) && oldest && buffers->take_back) {
		buffers->take_back(oldest->borrower);
	}
	struct command_loan *loan = TAILQ_FIRST(&buffers->free);
	if (!loan) {
		return NULL;
	}
	TAILQ_REMOVE(&buffers->free, loan, entry);
	TAILQ_INSERT_TAIL(&buffers->lent, loan, entry);
	loan->borrower = buffers->borrower;
	return buffers->all[loan - buffers->loans].bytes;
}

static void put(void *app, uint8_t *bytes)
{
	struct command_buffers *buffers = app;
	const struct command_buffer *buffer = (const struct command_buffer *)(const void *)bytes;
	struct command_loan *loan = &buffers->loans[buffer - buffers->all];

	TAILQ_REMOVE(&buffers->lent, loan, entry);
	/* The one used last is still in the cache. */
	TAILQ_INSERT_HEAD(&buffers->free, loan, entry);
}

int command_buffers_init(struct command_buffers *buffers, uint32_t count, int numa_node)
{
	*buffers = (struct command_buffers){
		.source = {.get = get, .put = put, .app = buffers},
		.all = local_alloc(count * sizeof(buffers->all[0]), numa_node),
		.loans = local_alloc(count * sizeof(buffers->loans[0]), numa_node),
		.count = count,
	};
	TAILQ_INIT(&buffers->free);
	TAILQ_INIT(&buffers->lent);
	if (!buffers->all || !buffers->loans) {
		command_buffers_fini(buffers);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++) {
		TAILQ_INSERT_TAIL(&buffers->free, &buffers->loans[i], entry);
	}
	return 0;
}

void command_buffers_fini(struct command_buffers *buffers)
{
	local_free(buffers->all, buffers->count * sizeof(buffers->all[0]));
	local_free(buffers->loans, buffers->count * sizeof(buffers->loans[0]));
	buffers->all = NULL;
	buffers->loans = NULL;
}
