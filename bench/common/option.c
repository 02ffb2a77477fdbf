#include "bench/common/option.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX  64u
#define HELP_COLUMN  22
#define CODE_FIRST   256
#define CODE_HELP    (CODE_FIRST + (int)ENTRIES_MAX)
#define CODE_VERSION (CODE_HELP + 1)

int option_complain(const struct option_program *program, const char *what)
{
	fprintf(stderr, "%s: %s (see --help)\n", program->name, what);
	return -1;
}

int option_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || number < min ||
	    number > max) {
		return -1;
	}
	*value = number;
	return 0;
}

bool option_item(const char **text, char *item, size_t size)
{
	*text += strspn(*text, ",");
	size_t len = strcspn(*text, ",");

	if (len == 0) {
		return false;
	}
	snprintf(item, size, "%.*s", (int)len, *text);
	*text += len;
	return true;
}

/* "  --name ARG  help", further lines of the help below its beginning. */
static void print_entry(const struct option_entry *e, int column)
{
	int n = printf("  --%s%s%s", e->name, e->argument != NULL ? " " : "",
		       e->argument != NULL ? e->argument : "");
	const char *line = e->help;

	if (n > column - 2) {
		putchar('\n');
		n = 0;
	}
	for (;;) {
		int len = (int)strcspn(line, "\n");

		printf("%*s%.*s\n", column - n, "", len, line);
		line += len;
		if (*line == '\0') {
			return;
		}
		line++;
		n = 0;
	}
}

static void print_help(const struct option_program *program)
{
	int column = program->help_column != 0 ? program->help_column : HELP_COLUMN;

	printf("usage: %s %s\n\n%s\n\n", program->name, program->synopsis, program->purpose);
	for (uint32_t i = 0; i < program->count; i++) {
		print_entry(&program->entries[i], column);
	}
	printf("  --help, --version\n\n%s\n", program->footer);
}

static int complain_range(const struct option_program *program, const struct option_entry *e)
{
	char what[160];

	if (e->max == UINT64_MAX || e->max == UINT32_MAX) {
		snprintf(what, sizeof(what), "--%s: a number from %" PRIu64 " on", e->name, e->min);
	} else {
		snprintf(what, sizeof(what), "--%s: a number from %" PRIu64 " to %" PRIu64, e->name,
			 e->min, e->max);
	}
	return option_complain(program, what);
}

static int apply(const struct option_program *program, const struct option_entry *e, void *options)
{
	char *member = (char *)options + e->offset;
	const char *why = "";
	char what[160];
	uint64_t number;

	switch (e->kind) {
	case OPTION_FLAG:
		*(bool *)member = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)(void *)member = optarg;
		return 0;
	case OPTION_NUMBER:
	case OPTION_LONG:
		if (option_number(optarg, e->min, e->max, &number) != 0) {
			return complain_range(program, e);
		}
		if (e->kind == OPTION_LONG) {
			memcpy(member, &number, sizeof(number));
		} else {
			*(uint32_t *)(void *)member = (uint32_t)number;
		}
		return 0;
	default:
		break;
	}
	if (e->call(options, optarg, &why) == 0) {
		return 0;
	}
	snprintf(what, sizeof(what), "--%s: %s", e->name, why);
	return option_complain(program, what);
}

static void fill(const struct option_program *program, struct option *out)
{
	for (uint32_t i = 0; i < program->count && i < ENTRIES_MAX; i++) {
		const struct option_entry *e = &program->entries[i];

		out[i] = (struct option){
			.name = e->name,
			.has_arg = e->argument != NULL ? required_argument : no_argument,
			.val = CODE_FIRST + (int)i,
		};
	}
	out[program->count] = (struct option){.name = "help", .val = CODE_HELP};
	out[program->count + 1] = (struct option){.name = "version", .val = CODE_VERSION};
}

int option_parse(const struct option_program *program, void *options, int argc, char *argv[])
{
	struct option table[ENTRIES_MAX + 3] = {{0}};
	int code;

	fill(program, table);
	while ((code = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (code == CODE_HELP) {
			print_help(program);
			return 1;
		}
		if (code == CODE_VERSION) {
			printf("%s " PENSTOCK_VERSION "\n", program->name);
			return 1;
		}
		/* What getopt does not know, it has complained about. */
		if (code < CODE_FIRST ||
		    apply(program, &program->entries[code - CODE_FIRST], options) != 0) {
			return -1;
		}
	}
	return optind == argc ? 0 : option_complain(program, "arguments that are not options");
}
