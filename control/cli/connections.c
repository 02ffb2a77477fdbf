/*
 * TCP connections: control gives a page of them at a time (control/report_inspect.h). A table keeps
 * the cells of all, programs get each connection as a line as soon as it is known.
 */
#include "commands.h"
#include "escape.h"
#include "field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* What --sort takes, and the member of a connection that it means. */
static const struct {
	const char *name;
	const char *key;
} sort_keys[] = {
	{"rtt", "rtt_us"},          {"cwnd", "cwnd"},         {"rate", "rate_kbps"},
	{"rx", "rx_bytes"},         {"tx", "tx_bytes"},       {"retrans", "retransmits"},
	{"ooo", "rx_out_of_order"}, {"dup", "rx_duplicates"}, {"pinned", "pinned_bytes"},
	{"age", "age_ms"},          {"idle", "idle_rx_ms"},
};

struct listing {
	struct invocation *inv;
	struct table table;
	const char *key; /* sorted by; NULL: not */
	uint64_t *keys;  /* of each row */
	size_t keys_count;
	size_t keys_cap;
	size_t records; /* rows that are no connections */
	uint64_t half_open;
	uint64_t time_wait;
};

bool command_parse_id(const char *text, int *worker, uint32_t *id)
{
	unsigned long numbers[2];
	char *end = NULL;

	for (int i = 0; i < 2; i++) {
		if (text[0] < '0' || text[0] > '9') {
			return false;
		}
		errno = 0;
		numbers[i] = strtoul(text, &end, 10);
		if (errno != 0 || *end != (i == 0 ? ':' : '\0')) {
			return false;
		}
		text = end + 1;
	}
	if (numbers[0] > INT16_MAX || numbers[1] == 0 || numbers[1] > UINT32_MAX) {
		return false;
	}
	*worker = (int)numbers[0];
	*id = (uint32_t)numbers[1];
	return true;
}

static enum client_status wrong(struct client *client, const char *what, const char *text)
{
	char safe[100];

	escape_text(safe, sizeof(safe), text);
	snprintf(client->error, sizeof(client->error), "%s: %s", what, safe);
	return CLIENT_USAGE;
}

/* "app/name", or the name alone. */
static bool is_wanted(const struct listing *list, const json_t *connection)
{
	const char *wanted = list->inv->publisher;
	const char *app = json_string_value(json_object_get(connection, "app"));
	const char *name = json_string_value(json_object_get(connection, "name"));

	if (wanted == NULL) {
		return true;
	}
	if (app == NULL || name == NULL || name[0] == '\0') {
		return false;
	}
	size_t len = strlen(app);
	return strcmp(wanted, name) == 0 || (strncmp(wanted, app, len) == 0 && wanted[len] == '/' &&
					     strcmp(wanted + len + 1, name) == 0);
}

static void remember_key(struct listing *list, uint64_t key)
{
	if (list->keys_count == list->keys_cap) {
		list->keys_cap = list->keys_cap > 0 ? 2 * list->keys_cap : 256;
		list->keys = reallocarray(list->keys, list->keys_cap, sizeof(list->keys[0]));
		if (list->keys == NULL) {
			fputs("penstockctl: out of memory\n", stderr);
			exit(EXIT_FAILURE);
		}
	}
	list->keys[list->keys_count++] = key;
}

static void add_row(struct listing *list, const json_t *c)
{
	struct table *t = &list->table;
	const char *name = json_string_value(json_object_get(c, "name"));

	if (json_object_get(c, "id") != NULL) {
		table_addf(t, "%" PRIu64 ":%" PRIu64, field_number(c, "worker"),
			   field_number(c, "id"));
	} else {
		table_addf(t, "%" PRIu64 ":-", field_number(c, "worker"));
	}
	field_add_text(t, c, "remote");
	field_add_text(t, c, "state");
	field_add_text(t, c, "session");
	if (name != NULL && name[0] != '\0') {
		field_add_stream(t, c);
	} else {
		table_add(t, "-");
	}
	field_add_bitrate(t, c, "rate_kbps");
	field_add_microseconds(t, c, "rtt_us");
	field_add_bytes(t, c, "cwnd");
	field_add_bytes(t, c, "rcv_wnd");
	field_add_bytes(t, c, "snd_wnd");
	field_add_number(t, c, "rx_out_of_order");
	field_add_number(t, c, "rx_duplicates");
	field_add_number(t, c, "retransmits");
	field_add_bytes(t, c, "pinned_bytes");
	field_add_duration(t, c, "idle_rx_ms");
	field_add_duration(t, c, "age_ms");
	if (list->key != NULL) {
		remember_key(list, field_number(c, list->key));
	}
}

static void take_page(struct listing *list, const json_t *page)
{
	const json_t *connections = json_object_get(page, "connections");
	size_t i;
	json_t *connection;

	json_array_foreach(connections, i, connection)
	{
		if (!is_wanted(list, connection)) {
			continue;
		}
		if (list->inv->output == &output_json) {
			(void)json_dumpf(connection, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
			putc('\n', stdout);
		} else {
			add_row(list, connection);
			list->records += json_object_get(connection, "id") == NULL;
		}
	}
}

/* All pages of a worker, of one of its two lists; sets the number of workers. */
static enum client_status take_list(struct listing *list, int worker, bool records,
				    uint64_t *workers)
{
	const json_t *next = NULL;
	json_int_t from = 0;

	do {
		json_t *reply;
		enum client_status status =
			client_ask(&list->inv->client,
				   json_pack("{s:s, s:i, s:I, s:b}", "command", "connections",
					     "worker", worker, "from", from, "records", records),
				   &reply);
		if (status != CLIENT_OK) {
			return status;
		}
		const json_t *page = json_object_get(reply, "connections");
		take_page(list, page);
		*workers = field_number(page, "workers");
		next = json_object_get(page, "next");
		from = json_integer_value(next);
		if (!json_is_integer(next)) {
			list->half_open += records ? 0 : field_number(page, "half_open");
			list->time_wait += records ? 0 : field_number(page, "time_wait");
			next = NULL;
		}
		json_decref(reply);
	} while (next != NULL);
	return CLIENT_OK;
}

static enum client_status take_worker(struct listing *list, int worker, uint64_t *workers)
{
	enum client_status status = take_list(list, worker, false, workers);

	if (status == CLIENT_OK && list->inv->options.all) {
		status = take_list(list, worker, true, workers);
	}
	return status;
}

static enum client_status take_all(struct listing *list)
{
	int worker = list->inv->worker;
	uint64_t workers = 1;

	if (worker >= 0) {
		return take_worker(list, worker, &workers);
	}
	for (worker = 0; (uint64_t)worker < workers; worker++) {
		enum client_status status = take_worker(list, worker, &workers);
		if (status != CLIENT_OK) {
			return status;
		}
	}
	return CLIENT_OK;
}

static void print_table(struct listing *list)
{
	if (list->key != NULL) {
		table_sort(&list->table, list->keys);
	}
	table_print(&list->table, stdout, 0);
	printf("\n%zu connections; half-open: %" PRIu64 ", in TIME_WAIT: %" PRIu64 "\n",
	       list->table.cells_count / list->table.columns_count - list->records, list->half_open,
	       list->time_wait);
}

static const char *find_key(const char *name)
{
	for (uint32_t i = 0; i < COUNT(sort_keys); i++) {
		if (strcmp(sort_keys[i].name, name) == 0) {
			return sort_keys[i].key;
		}
	}
	return NULL;
}

enum client_status command_connections(const struct command *command, struct invocation *inv)
{
	static const struct table_column columns[] = {
		{"ID", TABLE_RIGHT},      {"REMOTE", TABLE_LEFT},  {"STATE", TABLE_LEFT},
		{"SESSION", TABLE_LEFT},  {"STREAM", TABLE_LEFT},  {"RATE", TABLE_RIGHT},
		{"RTT", TABLE_RIGHT},     {"CWND", TABLE_RIGHT},   {"RCV WND", TABLE_RIGHT},
		{"SND WND", TABLE_RIGHT}, {"OOO", TABLE_RIGHT},    {"DUP", TABLE_RIGHT},
		{"RETRANS", TABLE_RIGHT}, {"PINNED", TABLE_RIGHT}, {"IDLE", TABLE_RIGHT},
		{"AGE", TABLE_RIGHT},
	};
	struct listing list = {.inv = inv};

	(void)command;
	if (inv->sort != NULL) {
		list.key = find_key(inv->sort);
		if (list.key == NULL) {
			return wrong(&inv->client, "--sort does not know", inv->sort);
		}
	}
	table_init(&list.table, columns, COUNT(columns));
	enum client_status status = take_all(&list);
	if (status == CLIENT_OK && inv->output != &output_json) {
		print_table(&list);
	}
	table_fini(&list.table);
	free(list.keys);
	return status;
}

/* Asks page by page until one has it; NULL with `status` set. A new reference. */
static json_t *find_connection(struct client *client, int worker, uint32_t id,
			       enum client_status *status)
{
	json_int_t from = 0;

	for (;;) {
		json_t *reply;
		json_t *found;

		*status = client_ask(client,
				     json_pack("{s:s, s:i, s:I, s:I, s:b}", "command",
					       "connections", "worker", worker, "from", from, "id",
					       (json_int_t)id, "full", 1),
				     &reply);
		if (*status != CLIENT_OK) {
			return NULL;
		}
		const json_t *page = json_object_get(reply, "connections");
		const json_t *next = json_object_get(page, "next");
		bool more = json_is_integer(next);
		from = json_integer_value(next);
		found = json_incref(json_array_get(json_object_get(page, "connections"), 0));
		json_decref(reply);
		if (found != NULL || !more) {
			return found;
		}
	}
}

enum client_status command_connection(const struct command *command, struct invocation *inv)
{
	enum client_status status;
	uint32_t id;
	int worker;

	if (!command_parse_id(inv->argument, &worker, &id)) {
		return wrong(&inv->client, "no connection's ID, like 0:17", inv->argument);
	}
	json_t *connection = find_connection(&inv->client, worker, id, &status);
	if (status != CLIENT_OK) {
		return status;
	}
	if (connection == NULL) {
		snprintf(inv->client.error, sizeof(inv->client.error), "no such connection");
		return CLIENT_REFUSED;
	}
	inv->output->show[command->view](stdout, connection, &inv->options);
	json_decref(connection);
	return CLIENT_OK;
}
