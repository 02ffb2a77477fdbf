/*
 * JSON report: an array with one object for each publish.
 *
 * Pure ASCII whatever the names are, so that it may be shown on a terminal.
 */
#ifndef SINK_REPORT_H
#define SINK_REPORT_H

#include "record.h"

TAILQ_HEAD(record_list, record);

void report_print(FILE *out, const struct record_list *records);

/* Replaces the file at `path` in one step; "-" prints to standard output. 0, or -errno. */
int report_write(const char *path, const struct record_list *records)
	__attribute__((warn_unused_result));

/* A name from the network in quotes, as a JSON string. */
void report_string(FILE *out, const char *text);

#endif
