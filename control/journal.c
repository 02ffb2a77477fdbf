#include "journal.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal_line.h"

static _Atomic int journal_level = CONFIG_LOG_INFO;
static _Atomic uint64_t lost;

/* Of the thread that holds its lines. */
static _Thread_local bool holding;
static struct {
	char text[JOURNAL_LINE_MAX];
	size_t length;
	uint32_t lines;
} held;

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

/* A reader that stands still must not stop us: then lines are lost. */
static bool writable(void)
{
	struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

/* At most JOURNAL_LINE_MAX bytes: more might wait. */
static void write_lines(const char *text, size_t length, uint32_t lines)
{
	if (!writable() || write(STDERR_FILENO, text, length) != (ssize_t)length) {
		atomic_fetch_add_explicit(&lost, lines, memory_order_relaxed);
	}
}

void journal_flush(void)
{
	if (holding && held.lines > 0) {
		write_lines(held.text, held.length, held.lines);
		held.length = 0;
		held.lines = 0;
	}
}

static void hold_line(const struct journal_line *line)
{
	if (line->length > sizeof(held.text) - held.length) {
		journal_flush();
	}
	memcpy(held.text + held.length, line->text, line->length);
	held.length += line->length;
	held.lines++;
}

void journal_hold(void)
{
	holding = true;
}

void journal_release(void)
{
	journal_flush();
	holding = false;
}

uint64_t journal_lost(void)
{
	return atomic_load_explicit(&lost, memory_order_relaxed);
}

void journal(enum config_log_level level, const char *event, const char *format, ...)
{
	struct journal_line line;
	struct timespec now;

	if ((int)level > atomic_load_explicit(&journal_level, memory_order_relaxed)) {
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	journal_line_begin(&line, &now, level_name(level), event);
	if (format) {
		va_list args;

		va_start(args, format);
		journal_line_fields(&line, format, args);
		va_end(args);
	}
	journal_line_end(&line);
	if (!holding) {
		write_lines(line.text, line.length, 1);
		return;
	}
	hold_line(&line);
	if (level == CONFIG_LOG_ERROR) {
		journal_flush();
	}
}
