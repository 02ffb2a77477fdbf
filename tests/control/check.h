/*
 * A CUnit run that ends the process with the number of failures in mind: the run functions return
 * a code of the framework, not the result.
 */
#ifndef CHECK_H
#define CHECK_H

#include <CUnit/Basic.h>
#include <stdlib.h>
#include <unistd.h>

static inline int check_run(const char *suite, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {
		{.pName = suite, .pTests = tests},
		CU_SUITE_INFO_NULL,
	};
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Within 20 s, by far more than it takes; `action` is done before each further look. */
#define WAIT_FOR_AND(condition, action)                                       \
	do {                                                                  \
		for (int wait_ = 0; wait_ < 10000 && !(condition); wait_++) { \
			action;                                               \
			usleep(2000);                                         \
		}                                                             \
		CU_ASSERT_FATAL(condition);                                   \
	} while (0)

#define WAIT_FOR(condition) WAIT_FOR_AND(condition, (void)0)

#endif
