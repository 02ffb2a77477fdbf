#include "bench/micro_src/micro.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CALLGRIND
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT      ((void)0)
#define CALLGRIND_ZERO_STATS          ((void)0)
#define CALLGRIND_DUMP_STATS_AT(name) ((void)(name))
#endif

static struct {
	bool callgrind; /* instructions are collected between begin and end */
	bool paused;
	uint64_t from;
	uint64_t cycles;
	uint32_t stretches;
	uint64_t overhead; /* cycles of an empty stretch */
} state;

void micro_begin(void)
{
	if (state.callgrind && !state.paused) {
		CALLGRIND_TOGGLE_COLLECT;
	}
	state.from = rte_rdtsc_precise();
}

void micro_end(void)
{
	uint64_t to = rte_rdtsc_precise();

	if (state.paused) {
		return;
	}
	if (state.callgrind) {
		CALLGRIND_TOGGLE_COLLECT;
	}
	state.cycles += to - state.from;
	state.stretches++;
}

void micro_pause(bool paused)
{
	state.paused = paused;
}

void micro_require(bool condition, const char *text, const char *file, int line)
{
	if (!condition) {
		(void)fprintf(stderr, "penstock-micro: %s:%d: not so: %s\n", file, line, text);
		exit(EXIT_FAILURE);
	}
}

static void measure_overhead(void)
{
	state.overhead = UINT64_MAX;
	for (uint32_t i = 0; i < 1000; i++) {
		state.cycles = 0;
		micro_begin();
		micro_end();
		if (state.cycles < state.overhead) {
			state.overhead = state.cycles;
		}
	}
}

/* Cycles of one operation. */
static double take_sample(const struct micro_case *micro, struct micro_count *total)
{
	struct micro_count count = {0};

	state.cycles = 0;
	state.stretches = 0;
	micro->sample(&count);
	MICRO_REQUIRE(count.operations != 0);
	total->operations += count.operations;
	total->bytes += count.bytes;
	uint64_t overhead = state.overhead * state.stretches;
	uint64_t cycles = state.cycles > overhead ? state.cycles - overhead : 0;
	return (double)cycles / (double)count.operations;
}

int micro_run(const struct micro_case *micro, uint32_t samples, bool callgrind,
	      struct micro_result *result)
{
	static double cycles[MICRO_SAMPLES_MAX];
	struct micro_count warm = {0};

	*result = (struct micro_result){0};
	measure_overhead();
	int err = micro->open(micro->parameter);
	if (err < 0) {
		return err;
	}
	for (uint32_t i = 0; i < samples / 10 + 1; i++) {
		(void)take_sample(micro, &warm);
	}
	CALLGRIND_ZERO_STATS;
	state.callgrind = callgrind;
	for (uint32_t i = 0; i < samples; i++) {
		cycles[i] = take_sample(micro, &result->count);
	}
	state.callgrind = false;
	if (callgrind) {
		CALLGRIND_DUMP_STATS_AT(micro->name);
	}
	micro->close();
	result->cycles = statistics_of(cycles, samples);
	return 0;
}
