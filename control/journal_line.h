/*
 * One line of the journal: a JSON object, put together in place. What does not fit is left out
 * field by field, so that the line is always whole.
 */
#ifndef JOURNAL_LINE_H
#define JOURNAL_LINE_H

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

/* A pipe that poll(2) calls writable takes so much at once without a wait (man 7 pipe). */
#define JOURNAL_LINE_MAX ((size_t)PIPE_BUF)

struct journal_line {
	size_t length;
	char text[JOURNAL_LINE_MAX];
};

/* {"ts":"2026-01-31T12:00:00.123456Z","level":"info","event":"publish.accepted" */
void journal_line_begin(struct journal_line *line, const struct timespec *now, const char *level,
			const char *event);

/*
 * `format` is that of jansson's json_pack() for a flat object: "{s:s, s:i, s:I}", a name before
 * each; a string (s; NULL is none), an int (i), a long long (I).
 */
void journal_line_fields(struct journal_line *line, const char *format, va_list args);

/* } and the end of the line, for which there is always room. */
void journal_line_end(struct journal_line *line);

#endif
