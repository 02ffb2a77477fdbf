#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_init(struct check *c, struct document *doc, struct config_error *error)
{
	memset(c, 0, sizeof(*c));
	c->doc = doc;
	c->error = error;
}

__attribute__((format(printf, 2, 3))) static size_t append(struct check *c, const char *format, ...)
{
	size_t mark = c->path_len;
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(c->path + mark, sizeof(c->path) - mark, format, ap);
	va_end(ap);
	if (n > 0) {
		c->path_len = strlen(c->path);
	}
	return mark;
}

size_t check_enter(struct check *c, const char *key)
{
	return append(c, c->path_len > 0 ? ".%s" : "%s", key);
}

size_t check_enter_index(struct check *c, size_t index)
{
	return append(c, "[%zu]", index);
}

void check_leave(struct check *c, size_t mark)
{
	c->path_len = mark;
	c->path[mark] = '\0';
}

void check_fail(struct check *c, const char *sentence)
{
	if (c->failed) {
		return;
	}
	c->failed = true;
	snprintf(c->error->text, sizeof(c->error->text), "%s:%zu: %s: %s", c->doc->file,
		 document_line(c->doc, c->path), c->path, sentence);
}

void check_fail_key(struct check *c, const char *key, const char *sentence)
{
	size_t mark = check_enter(c, key);

	check_fail(c, sentence);
	check_leave(c, mark);
}

uint32_t check_number(struct check *c, const char *key, const uint32_t *value,
		      struct check_range range)
{
	char sentence[96];

	if (value == NULL) {
		return range.unset;
	}
	if (*value < range.min || *value > range.max) {
		snprintf(sentence, sizeof(sentence), "%u is not between %u and %u", *value,
			 range.min, range.max);
		check_fail_key(c, key, sentence);
	}
	return *value;
}

void *check_calloc(struct check *c, size_t count, size_t size)
{
	if (count == 0) {
		return NULL;
	}
	void *p = calloc(count, size);
	if (p == NULL) {
		check_fail(c, "out of memory");
	}
	return p;
}

char *check_strdup(struct check *c, const char *text)
{
	if (text == NULL) {
		return NULL;
	}
	char *copy = strdup(text);
	if (copy == NULL) {
		check_fail(c, "out of memory");
	}
	return copy;
}
