/*
 * Micro-benchmarks: how the cost of one operation is taken.
 *
 * A case does one sample at a time: it prepares, calls micro_begin(), does a batch of operations,
 * calls micro_end(), and says how many operations that were. It may measure several stretches of
 * one sample. Cycles are those of the time stamp counter; what reading it costs is taken off.
 */
#ifndef MICRO_MICRO_H
#define MICRO_MICRO_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/micro_src/statistics.h"

#define MICRO_SAMPLES_MAX 10000u

struct micro_count {
	uint64_t operations;
	uint64_t bytes; /* of payload; 0: that is no measure here */
};

struct micro_case {
	const char *name; /* "layer/what" */
	const char *unit; /* of one operation */
	uint32_t parameter;
	int (*open)(uint32_t parameter); /* 0 or -errno */
	void (*sample)(struct micro_count *count);
	void (*close)(void);
};

/* Tables of cases, by layer; the last one has no name. */
extern const struct micro_case micro_net_cases[];
extern const struct micro_case micro_tcp_cases[];
extern const struct micro_case micro_loss_cases[];
extern const struct micro_case micro_chunk_cases[];
extern const struct micro_case micro_rtmp_cases[];
extern const struct micro_case micro_log_cases[];
extern const struct micro_case micro_timer_cases[];
extern const struct micro_case micro_flow_cases[];
extern const struct micro_case micro_path_cases[];

struct micro_result {
	struct statistics cycles; /* of one operation */
	struct micro_count count; /* of all samples */
};

void micro_begin(void);
void micro_end(void);
/* What is measured meanwhile does not count: another case's work as preparation. */
void micro_pause(bool paused);

/*
 * Runs one case: a tenth of the samples before it counts, then `samples`. Under callgrind with
 * `callgrind`, the instructions of exactly these samples are dumped under the name of the case.
 * 0 or -errno.
 */
int micro_run(const struct micro_case *micro, uint32_t samples, bool callgrind,
	      struct micro_result *result) __attribute__((warn_unused_result));

/* A failed precondition of a case: what it measures is not what it says. Ends the process. */
#define MICRO_REQUIRE(condition) micro_require((condition), #condition, __FILE__, __LINE__)
void micro_require(bool condition, const char *text, const char *file, int line);

#endif
