/*
 * penstock-micro: runs the cases that are asked for and prints one line of JSON for each.
 */
#include <fnmatch.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/option.h"
#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"

struct options {
	const char *filter;
	uint32_t samples;
	bool callgrind;
	bool list;
};

static const struct micro_case *const layers[] = {
	micro_net_cases, micro_tcp_cases,   micro_loss_cases, micro_chunk_cases, micro_rtmp_cases,
	micro_log_cases, micro_timer_cases, micro_flow_cases, micro_path_cases,
};

#define AT(member) offsetof(struct options, member)

static const struct option_entry entries[] = {
	{.name = "filter",
	 .argument = "PATTERN",
	 .kind = OPTION_TEXT,
	 .offset = AT(filter),
	 .help = "only cases whose name contains it, or matches it with * and ?"},
	{.name = "samples",
	 .argument = "N",
	 .kind = OPTION_NUMBER,
	 .offset = AT(samples),
	 .min = 1,
	 .max = MICRO_SAMPLES_MAX,
	 .help = "of each case, 1 to 10000; default 300"},
	{.name = "callgrind",
	 .kind = OPTION_FLAG,
	 .offset = AT(callgrind),
	 .help = "runs under valgrind --tool=callgrind --collect-atstart=no: a dump for\n"
		 "each case, of what is measured alone"},
	{.name = "list", .kind = OPTION_FLAG, .offset = AT(list), .help = "names of the cases"},
};

static const struct option_program program = {
	.name = "penstock-micro",
	.synopsis = "[--filter PATTERN] [--samples N] [--callgrind] [--list]",
	.purpose =
		"Cycles of single operations of the data path; bench/micro runs it and compares.",
	.footer = "Prints an object for each case: cycles of one operation, smallest and median.",
	.help_column = 20,
	.entries = entries,
	.count = RTE_DIM(entries),
};

static bool wanted(const struct options *o, const char *name)
{
	return strstr(name, o->filter) != NULL || fnmatch(o->filter, name, 0) == 0;
}

static int run_case(const struct options *o, const struct micro_case *micro)
{
	struct micro_result result;
	int err = micro_run(micro, o->samples, o->callgrind, &result);

	if (err < 0) {
		(void)fprintf(stderr, "penstock-micro: %s: %s\n", micro->name, strerror(-err));
		return err;
	}
	double bytes = (double)result.count.bytes / (double)result.count.operations;
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"samples\": %u, \"operations\": %" PRIu64
	       ", \"bytes_per_operation\": %.1f, \"cycles_min\": %.1f, \"cycles_median\": %.1f}\n",
	       micro->name, micro->unit, o->samples, result.count.operations, bytes,
	       result.cycles.min, result.cycles.median);
	(void)fflush(stdout);
	return 0;
}

static int run_all(const struct options *o)
{
	int err = 0;

	for (size_t i = 0; i < RTE_DIM(layers); i++) {
		for (const struct micro_case *micro = layers[i]; err == 0 && micro->name != NULL;
		     micro++) {
			if (wanted(o, micro->name)) {
				err = o->list ? (puts(micro->name), 0) : run_case(o, micro);
			}
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	struct options options = {.filter = "*", .samples = 300};
	int rc = option_parse(&program, &options, argc, argv);

	if (rc != 0) {
		return rc < 0 ? 2 : EXIT_SUCCESS;
	}
	if (options.list) {
		return run_all(&options);
	}
	int err = plant_init(!options.callgrind);
	if (err == 0) {
		err = run_all(&options);
		plant_fini();
	}
	(void)rte_eal_cleanup();
	return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
