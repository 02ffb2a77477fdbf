#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define RUN_DIR_DEFAULT "/run/penstock"

enum option_code {
	OPT_ALL = 256,
	OPT_COUNT,
	OPT_WORKER,
	OPT_SORT,
	OPT_PUBLISHER,
	OPT_CONNECTION,
	OPT_FOLLOW,
	OPT_TARGET,
	OPT_TIMEOUT,
	OPT_SECONDS,
	OPT_BYTES,
	OPT_FORCE,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"run-dir", required_argument, NULL, 'r'},
	{"json", no_argument, NULL, OPT_JSON},
	{"all", no_argument, NULL, OPT_ALL},
	{"count", required_argument, NULL, OPT_COUNT},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{"worker", required_argument, NULL, OPT_WORKER},
	{"sort", required_argument, NULL, OPT_SORT},
	{"publisher", required_argument, NULL, OPT_PUBLISHER},
	{"connection", required_argument, NULL, OPT_CONNECTION},
	{"follow", no_argument, NULL, OPT_FOLLOW},
	{"target", required_argument, NULL, OPT_TARGET},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"bytes", required_argument, NULL, OPT_BYTES},
	{"force", no_argument, NULL, OPT_FORCE},
	{NULL, 0, NULL, 0},
};

/* What was seen before it is known which command it belongs to. */
struct seen {
	const char *socket;
	const char *run_dir;
	unsigned int flags; /* enum command_flags */
	bool help;
};

static int complain(const char *what)
{
	fprintf(stderr, "penstockctl: %s (see --help)\n", what);
	return -1;
}

static void print_help(void)
{
	fputs("usage: penstockctl [options] COMMAND\n\n", stdout);
	command_print_list(stdout);
	fputs("\nNAME is app/name, or the name alone while only one application has it.\n"
	      "\n"
	      "  -s, --socket PATH    control's socket (default: RUN_DIR/control.sock)\n"
	      "  -r, --run-dir DIR    RUN_DIR (default: $PENSTOCK_RUN_DIR, else " RUN_DIR_DEFAULT
	      ")\n"
	      "      --json           JSON instead of tables\n"
	      "      --help           this text; with a command: about the command\n"
	      "      --version\n"
	      "\n"
	      "Exit status: 0 done, 1 refused, 2 usage, 3 no answer from control.\n",
	      stdout);
}

static int parse_count(struct cli_options *o, const char *text)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value == 0 ||
	    value > 1000000000) {
		return complain("--count wants a number above 0");
	}
	o->invocation.count = (unsigned int)value;
	return 0;
}

static int parse_worker(struct cli_options *o, const char *text)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value > INT16_MAX) {
		return complain("--worker wants a number");
	}
	o->invocation.worker = (int)value;
	return 0;
}

static int parse_timeout(struct cli_options *o, const char *text)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value == 0 ||
	    value > 2000000) {
		return complain("--timeout wants seconds, above 0");
	}
	o->invocation.timeout_s = (unsigned int)value;
	return 0;
}

static int parse_limit(uint64_t *limit, const char *text, const char *complaint)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value == 0 ||
	    value > INT64_MAX / 1000) {
		return complain(complaint);
	}
	*limit = value;
	return 0;
}

static int apply_record(struct cli_options *o, struct seen *seen, int code)
{
	switch (code) {
	case OPT_SECONDS:
		seen->flags |= COMMAND_TAKES_LIMITS;
		return parse_limit(&o->invocation.seconds_max, optarg,
				   "--seconds wants a number above 0");
	case OPT_BYTES:
		seen->flags |= COMMAND_TAKES_LIMITS;
		return parse_limit(&o->invocation.bytes_max, optarg,
				   "--bytes wants a number above 0");
	case OPT_FORCE:
		seen->flags |= COMMAND_TAKES_LIMITS;
		o->invocation.force = true;
		return 0;
	default: /* getopt has said what is wrong */
		return -1;
	}
}

static int apply_drain(struct cli_options *o, struct seen *seen, int code)
{
	switch (code) {
	case OPT_TARGET:
		seen->flags |= COMMAND_TAKES_TARGET;
		o->invocation.target = optarg;
		return 0;
	case OPT_TIMEOUT:
		seen->flags |= COMMAND_TAKES_TIMEOUT;
		return parse_timeout(o, optarg);
	default:
		return apply_record(o, seen, code);
	}
}

/* Options that choose among connections. */
static int apply_selection(struct cli_options *o, struct seen *seen, int code)
{
	switch (code) {
	case OPT_WORKER:
		seen->flags |= COMMAND_TAKES_WORKER;
		return parse_worker(o, optarg);
	case OPT_SORT:
		seen->flags |= COMMAND_TAKES_SORT;
		o->invocation.sort = optarg;
		return 0;
	case OPT_PUBLISHER:
		seen->flags |= COMMAND_TAKES_PUBLISHER;
		o->invocation.publisher = optarg;
		return 0;
	case OPT_CONNECTION:
		seen->flags |= COMMAND_TAKES_CONNECTION;
		o->invocation.connection = optarg;
		return 0;
	case OPT_FOLLOW:
		seen->flags |= COMMAND_TAKES_FOLLOW;
		o->invocation.follow = true;
		return 0;
	default:
		return apply_drain(o, seen, code);
	}
}

static int apply(struct cli_options *o, struct seen *seen, int code)
{
	switch (code) {
	case 's':
		seen->socket = optarg;
		return 0;
	case 'r':
		seen->run_dir = optarg;
		return 0;
	case OPT_JSON:
		o->invocation.output = &output_json;
		return 0;
	case OPT_ALL:
		seen->flags |= COMMAND_TAKES_ALL;
		o->invocation.options.all = true;
		return 0;
	case OPT_COUNT:
		seen->flags |= COMMAND_TAKES_COUNT;
		return parse_count(o, optarg);
	case OPT_HELP:
		seen->help = true;
		return 0;
	case OPT_VERSION:
		puts("penstockctl " PENSTOCK_VERSION);
		return 1;
	default:
		return apply_selection(o, seen, code);
	}
}

static int set_socket(struct cli_options *o, const struct seen *seen)
{
	const char *dir = seen->run_dir != NULL ? seen->run_dir : getenv("PENSTOCK_RUN_DIR");
	int n;

	if (seen->socket != NULL) {
		n = snprintf(o->socket, sizeof(o->socket), "%s", seen->socket);
	} else {
		n = snprintf(o->socket, sizeof(o->socket), "%s/control.sock",
			     dir != NULL && dir[0] != '\0' ? dir : RUN_DIR_DEFAULT);
	}
	o->invocation.client.socket = o->socket;
	return n > 0 && (size_t)n < sizeof(o->socket) ? 0 : complain("socket path is too long");
}

static int set_command(struct cli_options *o, const struct seen *seen, int words, char *word[])
{
	o->command = command_find(word[0]);
	if (o->command == NULL) {
		return complain("there is no such command");
	}
	if (seen->help) {
		command_print_help(o->command, stdout);
		return 1;
	}
	if ((seen->flags & ~o->command->flags) != 0) {
		return complain("the option does not go with this command");
	}
	bool file = (o->command->flags & COMMAND_TAKES_FILE) != 0;
	if (words > (command_takes_argument(o->command) ? 2 : 1) + file) {
		return complain("too many arguments");
	}
	if (words < 2 + file && command_wants_argument(o->command)) {
		return complain(file ? "the command wants two arguments"
				     : "the command wants an argument");
	}
	o->invocation.argument = words > 1 ? word[1] : NULL;
	o->invocation.file = words > 2 ? word[2] : NULL;
	return 0;
}

int options_parse(struct cli_options *o, int argc, char *argv[])
{
	struct seen seen = {.socket = NULL};
	int code;

	memset(o, 0, sizeof(*o));
	o->invocation.output = &output_text;
	o->invocation.worker = -1;
	while ((code = getopt_long(argc, argv, "s:r:", long_options, NULL)) != -1) {
		int rc = apply(o, &seen, code);
		if (rc != 0) {
			return rc;
		}
	}
	int words = argc - optind;
	if (words == 0) {
		if (seen.help) {
			print_help();
			return 1;
		}
		return complain("a command is missing");
	}
	int rc = set_command(o, &seen, words, argv + optind);
	return rc == 0 ? set_socket(o, &seen) : rc;
}
