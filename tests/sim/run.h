/*
 * Runs many worlds, in several processes, and sums up what came of them.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#define RUN_JOBS_MAX 64

struct run_options {
	uint64_t seeds;
	uint64_t first;
	uint32_t loss_pm;
	uint32_t jobs;
	bool trace;
};

/* Prints each seed that fails, then one line of figures. Returns how many failed; -1: cannot run.
 */
int run_all(const struct run_options *options) __attribute__((warn_unused_result));

#endif
