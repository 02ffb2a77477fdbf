/*
 * penstock-micro: runs the cases that are asked for and prints one line of JSON for each.
 */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro_src/micro.h"
#include "bench/micro_src/plant.h"

struct options {
	const char *filter;
	uint32_t samples;
	bool callgrind;
	bool list;
};

static const struct micro_case *const layers[] = {
	micro_net_cases, micro_tcp_cases,   micro_rtmp_cases,
	micro_log_cases, micro_timer_cases, micro_path_cases,
};

static const char help[] =
	"usage: penstock-micro [--filter PATTERN] [--samples N] [--callgrind] [--list]\n"
	"\n"
	"Cycles of single operations of the data path; bench/micro runs it and compares.\n"
	"\n"
	"  --filter PATTERN  only cases whose name contains it, or matches it with * and ?\n"
	"  --samples N       of each case, 1 to 10000; default 300\n"
	"  --callgrind       runs under valgrind --tool=callgrind --collect-atstart=no: a dump "
	"for\n"
	"                    each case, of what is measured alone\n"
	"  --list            names of the cases\n"
	"  --help, --version\n"
	"\n"
	"Prints an object for each case: cycles of one operation, smallest and median.\n";

enum option_code { OPT_FILTER = 256, OPT_SAMPLES, OPT_CALLGRIND, OPT_LIST, OPT_HELP, OPT_VERSION };

static const struct option long_options[] = {
	{"filter", required_argument, NULL, OPT_FILTER},
	{"samples", required_argument, NULL, OPT_SAMPLES},
	{"callgrind", no_argument, NULL, OPT_CALLGRIND},
	{"list", no_argument, NULL, OPT_LIST},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int complain(const char *what)
{
	(void)fprintf(stderr, "penstock-micro: %s (see --help)\n", what);
	return -1;
}

static int parse_samples(const char *text, uint32_t *samples)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*end != '\0' || number < 1 || number > MICRO_SAMPLES_MAX) {
		return complain("--samples: 1 to 10000");
	}
	*samples = (uint32_t)number;
	return 0;
}

/* 1: everything is said. */
static int parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){.filter = "*", .samples = 300};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_FILTER:
			o->filter = optarg;
			break;
		case OPT_SAMPLES:
			if (parse_samples(optarg, &o->samples) < 0) {
				return -1;
			}
			break;
		case OPT_CALLGRIND:
			o->callgrind = true;
			break;
		case OPT_LIST:
			o->list = true;
			break;
		case OPT_HELP:
			(void)fputs(help, stdout);
			return 1;
		case OPT_VERSION:
			puts("penstock-micro " PENSTOCK_VERSION);
			return 1;
		default:
			return -1;
		}
	}
	return optind == argc ? 0 : complain("too many arguments");
}

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
	struct options options;
	int rc = parse(&options, argc, argv);

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
