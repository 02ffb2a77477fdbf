#include "output.h"

/* Pure ASCII: names from the network cannot reach a terminal raw here either. */
static void show(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	(void)json_dumpf(value, out, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
	putc('\n', out);
}

/* One line a refresh, so that a program can read while it goes on. */
static void show_line(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	(void)json_dumpf(value, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	putc('\n', out);
}

const struct output output_json = {
	.show =
		{
			[OUTPUT_STREAMS] = show,
			[OUTPUT_STREAM] = show,
			[OUTPUT_ORIGINS] = show,
			[OUTPUT_WORKERS] = show,
			[OUTPUT_COUNTERS] = show,
			[OUTPUT_STATUS] = show,
			[OUTPUT_MEMORY] = show,
			[OUTPUT_KICK] = show,
			[OUTPUT_RECORD] = show,
			[OUTPUT_REJECTS] = show,
			[OUTPUT_DRAIN] = show,
			[OUTPUT_PLAYERS] = show,
			[OUTPUT_CONFIG] = show,
			[OUTPUT_CONNECTION] = show,
			[OUTPUT_TRACE] = show_line,
			[OUTPUT_TOP] = show_line,
		},
};
