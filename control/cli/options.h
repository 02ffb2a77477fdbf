/*
 * Command line of penstockctl.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "commands.h"

struct cli_options {
	const struct command *command;
	struct invocation invocation;
	char socket[128];
};

/* 0: run; 1: done (--help, --version); -1: usage error, said on stderr. */
int options_parse(struct cli_options *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

#endif
