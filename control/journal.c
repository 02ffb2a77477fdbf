#include "journal.h"

#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int journal_level = CONFIG_LOG_INFO;

void journal_init(enum config_log_level level)
{
	atomic_store_explicit(&journal_level, (int)level, memory_order_relaxed);
}

static const char *level_name(enum config_log_level level)
{
	switch (level) {
	case CONFIG_LOG_ERROR:
		return "error";
	case CONFIG_LOG_WARN:
		return "warn";
	case CONFIG_LOG_INFO:
		return "info";
	case CONFIG_LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}

static void format_time(char *out, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t length;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	(void)gmtime_r(&ts.tv_sec, &tm);
	length = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + length, size - length, ".%06ldZ", ts.tv_nsec / 1000);
}

/* A reader that stands still must not stop us: then lines are lost. */
static bool writable(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

static void write_line(const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT);
	size_t length;

	if (!text) {
		return;
	}
	if (!writable()) {
		free(text);
		return;
	}
	length = strlen(text);
	text[length] = '\n'; /* in place of the NUL: length is kept */
	if (write(STDERR_FILENO, text, length + 1) < 0) {
		/* There is nowhere left to say so. */
	}
	free(text);
}

void journal(enum config_log_level level, const char *event, const char *format, ...)
{
	char time[40];
	json_t *fields = NULL;
	json_t *line;

	if ((int)level > atomic_load_explicit(&journal_level, memory_order_relaxed)) {
		return;
	}
	format_time(time, sizeof(time));
	line = json_pack("{s:s, s:s, s:s}", "ts", time, "level", level_name(level), "event", event);
	if (format) {
		va_list args;

		va_start(args, format);
		fields = json_vpack_ex(NULL, 0, format, args);
		va_end(args);
	}
	if (line && fields) {
		(void)json_object_update_missing(line, fields);
	}
	if (line) {
		write_line(line);
	}
	json_decref(fields);
	json_decref(line);
}
