#include "dataplane/command_buffers.h"

#include <errno.h>
#include <stddef.h>

#include "dataplane/local_memory.h"

union command_buffer {
	union command_buffer *next; /* while free */
	uint8_t bytes[RTMP_COMMAND_MAX];
};

static uint8_t *get(void *app)
{
	struct command_buffers *buffers = app;
	union command_buffer *buffer = buffers->free;

	if (!buffer) {
		return NULL;
	}
	buffers->free = buffer->next;
	return buffer->bytes;
}

static void put(void *app, uint8_t *bytes)
{
	struct command_buffers *buffers = app;
	union command_buffer *buffer = (union command_buffer *)(void *)bytes;

	buffer->next = buffers->free;
	buffers->free = buffer;
}

int command_buffers_init(struct command_buffers *buffers, uint32_t count, int numa_node)
{
	*buffers = (struct command_buffers){
		.source = {.get = get, .put = put, .app = buffers},
		.all = local_alloc(count * sizeof(buffers->all[0]), numa_node),
		.count = count,
	};
	if (!buffers->all) {
		return -ENOMEM;
	}
	for (uint32_t i = count; i-- > 0;) {
		put(buffers, buffers->all[i].bytes);
	}
	return 0;
}

void command_buffers_fini(struct command_buffers *buffers)
{
	local_free(buffers->all, buffers->count * sizeof(buffers->all[0]));
	buffers->all = NULL;
}
