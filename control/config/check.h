/*
 * Where the reader of the file stands, and the first error that it met.
 *
 * The error sticks: after it every check passes quietly and returns something harmless, so that
 * the code that builds the configuration reads straight through and looks once at the end.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "document.h"

struct check {
	struct document *doc;
	struct config_error *error;
	bool failed;
	char path[256]; /* "apps[0].origins[1]" */
	size_t path_len;
};

void check_init(struct check *c, struct document *doc, struct config_error *error);

/* Appends a key or an index to the path; returns the mark that check_leave() goes back to. */
size_t check_enter(struct check *c, const char *key);
size_t check_enter_index(struct check *c, size_t index);
void check_leave(struct check *c, size_t mark);

/* "FILE:LINE: PATH: sentence", unless an error is there already. */
void check_fail(struct check *c, const char *sentence);

/* The same for a key of the present path: "apps[0]" and "name". */
void check_fail_key(struct check *c, const char *key, const char *sentence);

struct check_range {
	uint32_t min;
	uint32_t max;
	uint32_t unset; /* default */
};

/* The number at `key`, or its default when `value` is NULL; out of range is an error. */
uint32_t check_number(struct check *c, const char *key, const uint32_t *value,
		      struct check_range range);

/* As calloc() and strdup(): NULL is an error that sticks, except for no members and no text. */
void *check_calloc(struct check *c, size_t count, size_t size);
char *check_strdup(struct check *c, const char *text);

#endif
