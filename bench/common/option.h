/*
 * Long options from a table: parsing, ranges, --help and --version, in one place for all tools.
 */
#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	OPTION_FLAG = 0, /* bool */
	OPTION_TEXT,     /* const char * */
	OPTION_NUMBER,   /* uint32_t, from min to max */
	OPTION_LONG,     /* uint64_t, from min to max */
	OPTION_CALL,     /* `call` does it; may come several times */
};

struct option_entry {
	const char *name;
	const char *argument; /* how --help calls it; NULL: none */
	const char *help;     /* further lines begin at the same column */
	enum option_kind kind;
	size_t offset; /* of the member in the program's struct */
	uint64_t min;
	uint64_t max;
	/* 0, or -1 with `why` set to a sentence. */
	int (*call)(void *options, const char *text, const char **why);
};

struct option_program {
	const char *name;
	const char *synopsis; /* what stands behind the name in "usage:" */
	const char *purpose;  /* one sentence */
	const char *footer;
	int help_column; /* where the help of an option begins; 0: at 22 */
	const struct option_entry *entries;
	uint32_t count;
};

/* 0; 1 when --help or --version was printed; -1 when the arguments are wrong (said on stderr). */
int option_parse(const struct option_program *program, void *options, int argc, char *argv[])
	__attribute__((warn_unused_result));

/* Says on stderr what is wrong with the arguments; always -1. */
int option_complain(const struct option_program *program, const char *what);

/* A decimal number of digits only, within [min, max]: 0 or -1. */
int option_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
	__attribute__((warn_unused_result));

/* Cuts the next item of a list with commas out of `text`; false at its end. Empty ones are none. */
bool option_item(const char **text, char *item, size_t size) __attribute__((warn_unused_result));

#endif
