/*
 * A CUnit program of one suite: a table of tests, and an exit code that tells the truth.
 */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <CUnit/Basic.h>
#include <stdlib.h>

struct suite_test {
	const char *name;
	void (*run)(void);
};

/* Exit code of main(). `tests` ends with an empty entry. */
static inline int suite_run(const char *name, const struct suite_test *tests)
{
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return EXIT_FAILURE;
	}
	CU_pSuite suite = CU_add_suite(name, NULL, NULL);
	for (; suite != NULL && tests->name != NULL; tests++) {
		if (CU_add_test(suite, tests->name, tests->run) == NULL) {
			suite = NULL;
		}
	}
	if (suite == NULL) {
		return EXIT_FAILURE;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	/* Its code tells of the framework only: what failed is counted. */
	(void)CU_basic_run_tests();
	unsigned int failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
