/*
 * Log lines of the process: one JSON object per line on stderr (ts, level, event, fields).
 *
 * For start-up, shutdown and the main thread only; workers never log, they count.
 */
#ifndef DP_DIAG_H
#define DP_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum dp_diag_level { DP_DIAG_ERROR = 0, DP_DIAG_WARN, DP_DIAG_INFO };

/* A line under construction; too long a line is cut between two fields. */
struct dp_diag {
	char text[1024];
	size_t used;
};

void dp_diag_begin(struct dp_diag *diag, enum dp_diag_level level, const char *event);
void dp_diag_str(struct dp_diag *diag, const char *key, const char *value);
void dp_diag_int(struct dp_diag *diag, const char *key, int64_t value);
void dp_diag_bool(struct dp_diag *diag, const char *key, bool value);
/* Closes the object and writes the line in one write(). */
void dp_diag_end(struct dp_diag *diag, FILE *file);

/* A whole line with one sentence: {"ts":..., "level":..., "event":..., "text":"..."}. */
void dp_diag_text(enum dp_diag_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
