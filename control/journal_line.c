#include "journal_line.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static const char ending[] = "}\n";

#define ENDING      (sizeof(ending) - 1)
#define NUMBER_MAX  24u
#define SECOND_TEXT sizeof("2026-01-31T12:00:00")

/* False, with nothing put, when there is no room. */
static bool put(struct journal_line *line, const char *bytes, size_t count)
{
	if (count > sizeof(line->text) - ENDING - line->length) {
		return false;
	}
	memcpy(line->text + line->length, bytes, count);
	line->length += count;
	return true;
}

static bool is_plain(char c)
{
	return c >= ' ' && c != '"' && c != '\\' && (uint8_t)c < 0x80;
}

/* A character that is not plain; `length` is how many bytes of the string it took. */
static bool put_character(struct journal_line *line, const char *s, size_t *length)
{
	char escape[8];
	int count;

	*length = text_utf8_length(s);
	if (*length > 1) {
		return put(line, s, *length);
	}
	if (*length == 0) { /* no UTF-8: it would make the whole line invalid */
		*length = 1;
		return put(line, "?", 1);
	}
	count = *s == '"' || *s == '\\'
			? snprintf(escape, sizeof(escape), "\\%c", *s)
			: snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(uint8_t)*s);
	return put(line, escape, (size_t)count);
}

/* RFC 8259 section 7. */
static bool put_string(struct journal_line *line, const char *s)
{
	bool fits = put(line, "\"", 1);

	while (fits && *s) {
		size_t length = 0;

		while (is_plain(s[length])) {
			length++;
		}
		fits = length > 0 ? put(line, s, length) : put_character(line, s, &length);
		s += length;
	}
	return fits && put(line, "\"", 1);
}

static bool put_string_or_null(struct journal_line *line, const char *s)
{
	return s ? put_string(line, s) : put(line, "null", strlen("null"));
}

static bool put_number(struct journal_line *line, long long number)
{
	char digits[NUMBER_MAX];
	size_t at = sizeof(digits);
	unsigned long long left =
		number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;

	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (number < 0) {
		digits[--at] = '-';
	}
	return put(line, digits + at, sizeof(digits) - at);
}

static bool put_name(struct journal_line *line, const char *name)
{
	return (line->length == 1 || put(line, ",", 1)) && put_string(line, name) &&
	       put(line, ":", 1);
}

static void put_field(struct journal_line *line, const char *name, const char *value)
{
	size_t before = line->length;

	if (!put_name(line, name) || !put_string(line, value)) {
		line->length = before;
	}
}

/* gmtime_r() once a second: lines come in crowds. */
static const char *second_text(time_t second)
{
	static _Thread_local time_t last = -1;
	static _Thread_local char text[SECOND_TEXT];

	if (second != last) {
		struct tm tm;

		last = second;
		(void)gmtime_r(&second, &tm);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	}
	return text;
}

void journal_line_begin(struct journal_line *line, const struct timespec *now, const char *level,
			const char *event)
{
	char time[SECOND_TEXT + sizeof(".123456Z")];
	size_t at = SECOND_TEXT - 1;
	long us = now->tv_nsec / 1000;

	memcpy(time, second_text(now->tv_sec), at);
	memcpy(time + at, ".000000Z", sizeof(".000000Z"));
	for (size_t digit = at + 6; us > 0; digit--) {
		time[digit] = (char)('0' + us % 10);
		us /= 10;
	}
	line->length = 0;
	(void)put(line, "{", 1);
	put_field(line, "ts", time);
	put_field(line, "level", level);
	put_field(line, "event", event);
}

void journal_line_fields(struct journal_line *line, const char *format, va_list args)
{
	while ((format = strchr(format, ':')) != NULL) {
		size_t before = line->length;
		bool name_fits = put_name(line, va_arg(args, const char *));
		bool fits = false;

		switch (*++format) {
		case 's':
			fits = put_string_or_null(line, va_arg(args, const char *));
			break;
		case 'i':
			fits = put_number(line, va_arg(args, int));
			break;
		case 'I':
			fits = put_number(line, va_arg(args, long long));
			break;
		default:
			assert(false); /* no type that we know */
		}
		if (!name_fits || !fits) {
			line->length = before;
		}
	}
}

void journal_line_end(struct journal_line *line)
{
	memcpy(line->text + line->length, ending, ENDING);
	line->length += ENDING;
}
