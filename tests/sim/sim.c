/*
 * sim: runs the stack against itself over a bad network in virtual time.
 *   sim [--seeds N] [--first S] [--seed S] [--loss PERCENT] [--jobs N] [--trace]
 * A seed is a world. One that fails is printed; `sim --seed S` with the same --loss runs it again.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "run.h"

static const char usage[] =
	"usage: sim [--seeds N] [--first S] [--seed S] [--loss PERCENT] [--jobs N] [--trace]\n"
	"  --seeds N       worlds (1000), from seed --first (1) on\n"
	"  --seed S        this one alone\n"
	"  --loss PERCENT  what loss, duplication and their like may be (30)\n"
	"  --jobs N        processes (1)\n"
	"  --trace         print each packet that is sent\n";

static const struct option names[] = {
	{"seeds", required_argument, NULL, 's'}, {"first", required_argument, NULL, 'f'},
	{"seed", required_argument, NULL, 'o'},  {"loss", required_argument, NULL, 'l'},
	{"jobs", required_argument, NULL, 'j'},  {"trace", no_argument, NULL, 't'},
	{"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};

/* 0, or -1 for an option that there is not. */
static int take_option(int name, struct run_options *options)
{
	switch (name) {
	case 's':
		options->seeds = strtoull(optarg, NULL, 10);
		return 0;
	case 'f':
		options->first = strtoull(optarg, NULL, 10);
		return 0;
	case 'o':
		options->first = strtoull(optarg, NULL, 10);
		options->seeds = 1;
		return 0;
	case 'l':
		options->loss_pm = (uint32_t)(strtod(optarg, NULL) * 10);
		return 0;
	case 'j':
		options->jobs = (uint32_t)strtoul(optarg, NULL, 10);
		return options->jobs > 0 && options->jobs <= RUN_JOBS_MAX ? 0 : -1;
	case 't':
		options->trace = true;
		return 0;
	default:
		return -1;
	}
}

int main(int argc, char **argv)
{
	struct run_options options = {.seeds = 1000, .first = 1, .loss_pm = 300, .jobs = 1};
	int name;

	while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (name == 'h') {
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (take_option(name, &options) < 0) {
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	return run_all(&options) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
