/*
 * The commands of penstockctl: one table that parsing, help and execution share.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "client.h"
#include "output.h"

enum command_flags {
	COMMAND_TAKES_ALL = 1 << 0,   /* --all */
	COMMAND_TAKES_COUNT = 1 << 1, /* --count */
};

/* What the command line asked for. */
struct invocation {
	struct client client;
	const struct output *output;
	struct output_options options;
	const char *argument; /* NULL: none */
	unsigned int count;   /* top: refreshes; 0: until stopped */
};

struct command {
	const char *name;
	const char *argument; /* "NAME", "[PATTERN]", or NULL */
	const char *summary;
	const char *help;
	unsigned int flags;
	enum output_view view;
	enum client_status (*run)(const struct command *command, struct invocation *inv);
};

extern const struct command commands[];

/* NULL when there is none. */
const struct command *command_find(const char *name);

bool command_wants_argument(const struct command *command);
bool command_takes_argument(const struct command *command);

void command_print_help(const struct command *command, FILE *out);
void command_print_list(FILE *out);

/* Looks a bare name up: "app/name" into `full`. An error is in client->error. */
enum client_status command_resolve(struct client *client, const char *name, char *full,
				   size_t size);

/* top.c */
enum client_status command_top(const struct command *command, struct invocation *inv);

#endif
