/*
 * EAL for unit tests: one lcore, ordinary pages, no file that another process would see.
 */
#ifndef TEST_EAL_H
#define TEST_EAL_H

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>

/* `vdev` is an argument "--vdev=..." or NULL. */
static inline void test_eal_start_with(const char *vdev)
{
	static char text[][24] = {
		"test",       "--no-huge",      "--no-shconf",         "--no-pci", "-m", "128",
		"--lcores=0", "--no-telemetry", "--log-level=*:error",
	};
	static char device[64];
	char *argv[] = {text[0], text[1], text[2], text[3], text[4], text[5],
			text[6], text[7], text[8], device,  NULL};

	(void)snprintf(device, sizeof(device), "%s", vdev != NULL ? vdev : "");
	if (rte_eal_init(vdev != NULL ? 10 : 9, argv) < 0) {
		(void)fputs("EAL does not start\n", stderr);
		exit(EXIT_FAILURE);
	}
}

static inline void test_eal_start(void)
{
	test_eal_start_with(NULL);
}

#endif
