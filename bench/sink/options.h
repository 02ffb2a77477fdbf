/*
 * Command line of penstock-sink.
 */
#ifndef SINK_OPTIONS_H
#define SINK_OPTIONS_H

#include "sink.h"

/* 0: run; 1: done (--help, --version); -1: usage error, said on stderr. */
int options_parse(struct sink_options *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

#endif
