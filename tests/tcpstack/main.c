#include <stdio.h>
#include <stdlib.h>

#include <CUnit/Basic.h>

#include "peer.h"
#include "suites.h"

int main(void)
{
#define SUITE(name) {#name, NULL, NULL, NULL, NULL, name##_tests},
	CU_SuiteInfo suites[] = {TCPSTACK_SUITES(SUITE) CU_SUITE_INFO_NULL};
#undef SUITE
	unsigned int failures;

	wire_start();
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		(void)fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
