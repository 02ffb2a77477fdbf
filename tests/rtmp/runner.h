/*
 * One CUnit suite per executable. The exit code is the number of failures told as a bool: the run
 * functions of CUnit return a code of the framework, not the result.
 */
#ifndef TESTS_RTMP_RUNNER_H
#define TESTS_RTMP_RUNNER_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

struct test {
	const char *name;
	void (*run)(void);
};

#define RUN_TESTS(suite, tests) run_tests(suite, tests, sizeof(tests) / sizeof((tests)[0]))

static inline int run_tests(const char *name, const struct test *tests, size_t count)
{
	CU_pSuite suite;
	unsigned int failures;

	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 2;
	}
	suite = CU_add_suite(name, NULL, NULL);
	for (size_t i = 0; suite != NULL && i < count; i++) {
		if (CU_add_test(suite, tests[i].name, tests[i].run) == NULL) {
			suite = NULL;
		}
	}
	if (suite == NULL) {
		CU_cleanup_registry();
		return 2;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures != 0;
}

#endif
