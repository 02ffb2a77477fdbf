/*
 * The commands of penstockctl: one table that parsing, help and execution share.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "client.h"
#include "output.h"

#include <stdint.h>

enum command_flags {
	COMMAND_TAKES_ALL = 1 << 0,   /* --all */
	COMMAND_TAKES_COUNT = 1 << 1, /* --count */
	COMMAND_TAKES_WORKER = 1 << 2,
	COMMAND_TAKES_SORT = 1 << 3,
	COMMAND_TAKES_PUBLISHER = 1 << 4,
	COMMAND_TAKES_CONNECTION = 1 << 5,
	COMMAND_TAKES_FOLLOW = 1 << 6,
	COMMAND_TAKES_TARGET = 1 << 7,
	COMMAND_TAKES_TIMEOUT = 1 << 8,
	COMMAND_TAKES_FILE = 1 << 9,    /* a second argument */
	COMMAND_TAKES_LIMITS = 1 << 10, /* --seconds, --bytes, --force */
};

/* What the command line asked for. */
struct invocation {
	struct client client;
	const struct output *output;
	struct output_options options;
	const char *argument;   /* NULL: none */
	unsigned int count;     /* top: refreshes; trace: events; 0: until stopped */
	int worker;             /* connections, trace: only this one; -1: all */
	const char *sort;       /* connections: name of a column; NULL: none */
	const char *publisher;  /* connections: only those of this stream; NULL: all */
	const char *connection; /* trace: ID of the only one; NULL: all */
	bool follow;            /* trace: wait for more */
	const char *target;     /* drain: URL; NULL: none */
	unsigned int timeout_s; /* drain; 0: none */
	const char *file;       /* record: path, or "-"; config: path */
	uint64_t seconds_max;   /* record; 0: no limit */
	uint64_t bytes_max;     /* record; 0: no limit */
	bool force;             /* record: overwrite */
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

/* connections.c */
enum client_status command_connections(const struct command *command, struct invocation *inv);
enum client_status command_connection(const struct command *command, struct invocation *inv);

/* "0:17", a worker and a number. False: it is none. */
bool command_parse_id(const char *text, int *worker, uint32_t *id);

/* config.c */
enum client_status command_config(const struct command *command, struct invocation *inv);

/* drain.c */
enum client_status command_drain(const struct command *command, struct invocation *inv);

/* record.c */
enum client_status command_record(const struct command *command, struct invocation *inv);

/* trace.c */
enum client_status command_trace(const struct command *command, struct invocation *inv);

/* top.c */
enum client_status command_top(const struct command *command, struct invocation *inv);

#endif
