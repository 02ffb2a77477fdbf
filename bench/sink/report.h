/*
 * JSON report: an array with one object for each publish.
 *
 * Pure ASCII whatever the names are, so that it may be shown on a terminal.
 */
#ifndef SINK_REPORT_H
#define SINK_REPORT_H

#include "record.h"

TAILQ_HEAD(record_list, record);

/* `what` is a struct record_list. */
void report_print(FILE *out, const void *what);

/*
 * Replaces the file at `path` in one step with what `print` prints; "-" prints to standard output.
 * 0, or -errno.
 */
int report_write(const char *path, void (*print)(FILE *out, const void *what), const void *what)
	__attribute__((warn_unused_result));

/* A name from the network in quotes, as a JSON string. */
void report_string(FILE *out, const char *text);

#endif
