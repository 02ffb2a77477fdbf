#include "commands.h"

#include "escape.h"

#include <string.h>

#define STREAM_NAME_MAX 1024u

/* Request without arguments; the reply's member has the command's name. */
static enum client_status run_plain(const struct command *command, struct invocation *inv)
{
	json_t *reply;
	enum client_status status = client_request(&inv->client, command->name, NULL, &reply);

	if (status != CLIENT_OK) {
		return status;
	}
	inv->output->show[command->view](stdout, json_object_get(reply, command->name),
					 &inv->options);
	json_decref(reply);
	return CLIENT_OK;
}

static enum client_status run_named(const struct command *command, struct invocation *inv)
{
	char full[STREAM_NAME_MAX];
	json_t *reply;

	enum client_status status =
		command_resolve(&inv->client, inv->argument, full, sizeof(full));
	if (status == CLIENT_OK) {
		status = client_request(&inv->client, command->name, full, &reply);
	}
	if (status != CLIENT_OK) {
		return status;
	}
	const json_t *value = json_object_get(reply, command->name);
	inv->output->show[command->view](stdout, value != NULL ? value : reply, &inv->options);
	json_decref(reply);
	return CLIENT_OK;
}

/* A stream by its name, or a player by its connection. */
static enum client_status run_kick(const struct command *command, struct invocation *inv)
{
	json_t *reply;
	int worker;
	uint32_t id;

	if (!command_parse_id(inv->argument, &worker, &id)) {
		return run_named(command, inv);
	}
	json_t *request = json_pack("{s:s, s:i, s:I}", "command", command->name, "worker", worker,
				    "id", (json_int_t)id);
	enum client_status status = client_ask(&inv->client, request, &reply);
	if (status == CLIENT_OK) {
		inv->output->show[command->view](stdout, json_object_get(reply, command->name),
						 &inv->options);
		json_decref(reply);
	}
	return status;
}

static enum client_status run_counters(const struct command *command, struct invocation *inv)
{
	inv->options.pattern = inv->argument;
	return run_plain(command, inv);
}

const struct command commands[] = {
	{"streams", NULL, "live streams, one a line",
	 "Lists the publications with their publisher, rates, and how many of their origins take\n"
	 "them. LAG is that of the origin that is furthest behind.\n",
	 0, OUTPUT_STREAMS, run_plain},
	{"stream", "NAME", "one stream and its origins",
	 "NAME is app/name; the name alone will do while only one application has it.\n", 0,
	 OUTPUT_STREAM, run_named},
	{"origins", NULL, "origins of all streams",
	 "SKIPS: how often the origin was moved on to a later keyframe because it was too far\n"
	 "behind; SKIPPED: messages that it did not get for that; REPEATED: messages sent again\n"
	 "on a new connection. BEHIND and LAG are what waits for it. All messages before SENT\n"
	 "were handed to its socket; its kernel has those before TCP ACKED, and it has those\n"
	 "before ACKED, by its RTMP acknowledgements, or for want of any by TCP's (ACK).\n",
	 0, OUTPUT_ORIGINS, run_plain},
	{"workers", NULL, "poll loops of the dataplane",
	 "BUSY is the share of cycles spent in loops that found work.\n", 0, OUTPUT_WORKERS,
	 run_plain},
	{"counters", "[PATTERN]", "counters that are not 0",
	 "PATTERN with * ? [ ] must match the whole name, without them any part of it.\n"
	 "  --all   also counters that are 0\n",
	 COMMAND_TAKES_ALL, OUTPUT_COUNTERS, run_counters},
	{"players", NULL, "who plays, one a line",
	 "Players of all streams (apps[].play). SENT is what TCP was given; LAG is the age of "
	 "what\n"
	 "the player gets next, PINNED the memory that waits for it. SKIPS: how often it fell\n"
	 "behind and was moved on to another keyframe; SKIPPED: messages that it missed for "
	 "that.\n",
	 0, OUTPUT_PLAYERS, run_plain},
	{"kick", "NAME", "end a stream, or a player, and close its connection",
	 "The encoder is told that the operator ended the stream. Most reconnect at once. NAME "
	 "may\n"
	 "also be the ID of a player, as in penstockctl players.\n",
	 0, OUTPUT_KICK, run_kick},
	{"record", "NAME FILE", "record a stream to an FLV file",
	 "From the last keyframe on, with its headers first, until the stream ends, a limit is\n"
	 "reached, or Ctrl-C. FILE is made with your own rights, - is standard output. A disk "
	 "that\n"
	 "is too slow holds nobody up: what is missing is said at the end.\n"
	 "  --seconds N   not more than so much, by the stream's time\n"
	 "  --bytes N     not more than so much\n"
	 "  --force       overwrite FILE\n",
	 COMMAND_TAKES_FILE | COMMAND_TAKES_LIMITS, OUTPUT_RECORD, command_record},
	{"rejects", NULL, "publishers that were refused or ended last, and why",
	 "The latest first, as long as control runs. The encoder was told the same. Names that "
	 "were\n"
	 "refused are not shown: they may be keys.\n",
	 0, OUTPUT_REJECTS, run_plain},
	{"drain", NULL, "take the edge out of service",
	 "New publishes and plays are refused. Publishers and players that said they can\n"
	 "(Enhanced RTMP) are asked to connect elsewhere; the others stay until they leave, or\n"
	 "the time is over.\n"
	 "  --target URL   where to: rtmp://host[:port][/app]; without it, to the same name again\n"
	 "  --timeout S    streams and players that are left after S seconds are ended\n",
	 COMMAND_TAKES_TARGET | COMMAND_TAKES_TIMEOUT, OUTPUT_DRAIN, command_drain},
	{"undrain", NULL, "take the edge back into service",
	 "Publishes and plays are accepted again.\n", 0, OUTPUT_DRAIN, run_plain},
	{"top", NULL, "workers and streams, refreshed each second",
	 "Streams with the highest bitrate first. q or Ctrl-C ends.\n"
	 "  --count N   end after N refreshes\n",
	 COMMAND_TAKES_COUNT, OUTPUT_TOP, command_top},
	{"status", NULL, "the two processes",
	 "Version, process ids, and whether they are attached.\n", 0, OUTPUT_STATUS, run_plain},
	{"memory", NULL, "who holds packet memory",
	 "For each worker: the whole pool, what is free, and what media logs, messages that are\n"
	 "not complete, segments out of order and the port's rings hold of the rest. RESERVE is\n"
	 "kept for the rings; PROMISED is what publishers were admitted for. For each stream:\n"
	 "what its log holds (PINNED), and payload kept for origins that return (GOP).\n",
	 0, OUTPUT_MEMORY, run_plain},
	{"connections", NULL, "TCP connections, one a line",
	 "All connections of all workers with their publication, if they carry one. RATE is that "
	 "of\n"
	 "the stream, or what came since the connection was opened; RETRANS are segments that "
	 "were\n"
	 "sent again, OOO those that came out of order, DUP those that came twice.\n"
	 "  --all              also what is half-open or in TIME_WAIT, which has no ID\n"
	 "  --worker N         only those of this worker\n"
	 "  --publisher NAME   only those of this stream\n"
	 "  --sort COLUMN      highest first: rtt, cwnd, rate, rx, tx, retrans, ooo, dup, pinned,\n"
	 "                     age or idle (tables only)\n",
	 COMMAND_TAKES_ALL | COMMAND_TAKES_WORKER | COMMAND_TAKES_PUBLISHER | COMMAND_TAKES_SORT,
	 OUTPUT_CONNECTION, command_connections},
	{"connection", "ID", "all about one TCP connection",
	 "ID is that of penstockctl connections: worker and number, as in 0:17.\n", 0,
	 OUTPUT_CONNECTION, command_connection},
	{"trace", NULL, "what happened to TCP connections",
	 "The workers always write down what happens to connections, in rings that overwrite "
	 "their\n"
	 "oldest: one for segments, one for life, loss and windows, one for what was dropped. An\n"
	 "address of four bytes is IPv4, or the end of an IPv6 address.\n"
	 "  --connection ID   only this one, as in penstockctl connections\n"
	 "  --worker N        only those of this worker\n"
	 "  --follow          go on with what happens next; says what was lost\n"
	 "  --count N         end after N events\n",
	 COMMAND_TAKES_WORKER | COMMAND_TAKES_CONNECTION | COMMAND_TAKES_FOLLOW |
		 COMMAND_TAKES_COUNT,
	 OUTPUT_TRACE, command_trace},
	{"config", "check FILE", "say whether a configuration is good",
	 "Reads FILE as both processes do and starts nothing; neither has to run. What is wrong "
	 "is\n"
	 "said with its line. Exit status: 0 good, 1 not, 2 usage.\n",
	 COMMAND_TAKES_FILE, OUTPUT_CONFIG, command_config},
	{.name = NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0) {
			return c;
		}
	}
	return NULL;
}

bool command_wants_argument(const struct command *command)
{
	return command->argument != NULL && command->argument[0] != '[';
}

bool command_takes_argument(const struct command *command)
{
	return command->argument != NULL;
}

void command_print_help(const struct command *command, FILE *out)
{
	fprintf(out, "usage: penstockctl [options] %s%s%s\n\n%s.\n\n%s", command->name,
		command->argument != NULL ? " " : "",
		command->argument != NULL ? command->argument : "", command->summary,
		command->help);
}

void command_print_list(FILE *out)
{
	for (const struct command *c = commands; c->name != NULL; c++) {
		int used = fprintf(out, "  %s%s%s", c->name, c->argument != NULL ? " " : "",
				   c->argument != NULL ? c->argument : "");
		fprintf(out, "%*s%s\n", used < 24 ? 24 - used : 1, "", c->summary);
	}
}

/* Applications that have a stream of this name; the last one is in `full`. */
static unsigned int count_named(const json_t *streams, const char *name, char *full, size_t size)
{
	unsigned int found = 0;
	size_t i;
	json_t *stream;

	json_array_foreach(streams, i, stream)
	{
		const char *app = json_string_value(json_object_get(stream, "app"));
		const char *other = json_string_value(json_object_get(stream, "name"));
		if (app == NULL || other == NULL || strcmp(other, name) != 0) {
			continue;
		}
		/* A publication that ended may still stand beside its successor. */
		size_t len = strlen(app);
		if (found == 0 || strncmp(full, app, len) != 0 || full[len] != '/') {
			found++;
			snprintf(full, size, "%s/%s", app, other);
		}
	}
	return found;
}

enum client_status command_resolve(struct client *client, const char *name, char *full, size_t size)
{
	json_t *reply;

	if (strchr(name, '/') != NULL) {
		snprintf(full, size, "%s", name);
		return CLIENT_OK;
	}
	enum client_status status = client_request(client, "streams", NULL, &reply);
	if (status != CLIENT_OK) {
		return status;
	}
	unsigned int found = count_named(json_object_get(reply, "streams"), name, full, size);
	json_decref(reply);
	if (found == 1) {
		return CLIENT_OK;
	}
	char text[200];
	escape_text(text, sizeof(text), name);
	snprintf(client->error, sizeof(client->error), "%s %s",
		 found == 0 ? "no stream has the name" : "several applications have the name",
		 text);
	return CLIENT_REFUSED;
}
