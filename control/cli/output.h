/*
 * Output: the replies of control, for people or for programs.
 *
 * Both are one struct of functions; a command names the view, the options choose the struct.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum output_view {
	OUTPUT_STREAMS = 0,
	OUTPUT_STREAM,
	OUTPUT_ORIGINS,
	OUTPUT_WORKERS,
	OUTPUT_COUNTERS,
	OUTPUT_STATUS,
	OUTPUT_MEMORY,
	OUTPUT_KICK,
	OUTPUT_RECORD,
	OUTPUT_REJECTS,
	OUTPUT_DRAIN,
	OUTPUT_PLAYERS,
	OUTPUT_CONFIG,
	OUTPUT_CONNECTION, /* one, with all its members */
	OUTPUT_TRACE,      /* one event */
	OUTPUT_TOP,        /* {"status":, "workers":, "streams":} */
	OUTPUT_VIEWS
};

struct output_options {
	const char *pattern; /* counters: only these; NULL: all */
	bool all;            /* counters: also those that are 0 */
	unsigned int rows;   /* top: rows of the screen; 0: no limit */
};

struct output {
	void (*show[OUTPUT_VIEWS])(FILE *out, const json_t *value,
				   const struct output_options *options);
};

extern const struct output output_text;
extern const struct output output_json;

#endif
