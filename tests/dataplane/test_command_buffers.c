/*
 * Buffers for commands: each is given once, and an empty pool says so.
 */
#include <string.h>

#include "dataplane/command_buffers.h"
#include "suite.h"

#define COUNT 3u

static void test_exhausted(void)
{
	struct command_buffers buffers;
	uint8_t *taken[COUNT];

	CU_ASSERT_EQUAL_FATAL(command_buffers_init(&buffers, COUNT, -1), 0);
	const struct rtmp_buffers *source = &buffers.source;
	for (uint32_t i = 0; i < COUNT; i++) {
		taken[i] = source->get(source->app);
		if (taken[i] == NULL) {
			CU_FAIL_FATAL("no buffer");
			return;
		}
		memset(taken[i], (int)i, RTMP_COMMAND_MAX);
	}
	CU_ASSERT_PTR_NULL(source->get(source->app));
	for (uint32_t i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL(taken[i][0], i);
		CU_ASSERT_EQUAL(taken[i][RTMP_COMMAND_MAX - 1], i);
		source->put(source->app, taken[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		CU_ASSERT_PTR_NOT_NULL(source->get(source->app));
	}
	CU_ASSERT_PTR_NULL(source->get(source->app));
	command_buffers_fini(&buffers);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"each is given once", test_exhausted},
		{NULL, NULL},
	};
	return suite_run("command_buffers", tests);
}
