#include "field.h"
#include "output_text.h"
#include "units.h"

#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

/* Packets as the memory that they are. */
static void add_packets(struct table *t, const json_t *worker, const char *key)
{
	char text[UNITS_MAX];

	units_bytes(text, field_number(worker, key) * field_number(worker, "truesize"));
	table_add(t, text);
}

static void print_workers(FILE *out, const json_t *workers)
{
	static const struct table_column columns[] = {
		{"WORKER", TABLE_RIGHT},   {"TOTAL", TABLE_RIGHT},
		{"FREE", TABLE_RIGHT},     {"LOGS", TABLE_RIGHT},
		{"PARTIAL", TABLE_RIGHT},  {"OUT OF ORDER", TABLE_RIGHT},
		{"RINGS", TABLE_RIGHT},    {"RESERVE", TABLE_RIGHT},
		{"PROMISED", TABLE_RIGHT}, {"BLOCKS FREE", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *worker;

	table_init(&t, columns, COUNT(columns));
	json_array_foreach(workers, i, worker)
	{
		field_add_number(&t, worker, "worker");
		add_packets(&t, worker, "packets_total");
		add_packets(&t, worker, "packets_free");
		field_add_bytes(&t, worker, "pinned_log_bytes");
		field_add_bytes(&t, worker, "pinned_partial_bytes");
		field_add_bytes(&t, worker, "pinned_ooo_bytes");
		field_add_bytes(&t, worker, "pinned_ring_bytes");
		field_add_bytes(&t, worker, "reserve_bytes");
		field_add_bytes(&t, worker, "reserved_bytes");
		field_add_ratio(&t, worker, "blocks_free", "blocks_total");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

/* The workers' figures are not of one moment: only a number that stays means something. */
static void print_unaccounted(FILE *out, const json_t *value)
{
	json_int_t bytes = json_integer_value(json_object_get(value, "unaccounted_bytes"));
	char text[UNITS_MAX];

	units_bytes(text, (uint64_t)(bytes < 0 ? -bytes : bytes));
	(void)fprintf(out, "UNACCOUNTED  %s%s\n", bytes < 0 ? "-" : "", text);
}

/* Copies for players, of memory of their own. */
static void print_players(FILE *out, const json_t *value)
{
	char used[UNITS_MAX];
	char total[UNITS_MAX];

	if (field_number(value, "players_total") > 0) {
		units_bytes(used, field_number(value, "players_bytes"));
		units_bytes(total, field_number(value, "players_total"));
		(void)fprintf(out, "PLAYERS  %s of %s\n", used, total);
	}
}

static void print_streams(FILE *out, const json_t *streams)
{
	static const struct table_column columns[] = {
		{"STREAM", TABLE_LEFT},        {"WORKER", TABLE_RIGHT},
		{"PINNED", TABLE_RIGHT},       {"GOP", TABLE_RIGHT},
		{"PROMISED", TABLE_RIGHT},     {"PARTIAL", TABLE_RIGHT},
		{"OUT OF ORDER", TABLE_RIGHT}, {"DROPPED UNREAD", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *stream;

	table_init(&t, columns, COUNT(columns));
	json_array_foreach(streams, i, stream)
	{
		field_add_stream(&t, stream);
		field_add_number(&t, stream, "worker");
		field_add_bytes(&t, stream, "pinned_bytes");
		field_add_bytes(&t, stream, "gop_bytes");
		field_add_bytes(&t, stream, "reserved_bytes");
		field_add_bytes(&t, stream, "partial_bytes");
		field_add_bytes(&t, stream, "ooo_bytes");
		field_add_number(&t, stream, "dropped_unread_messages");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

void text_memory(FILE *out, const json_t *value, const struct output_options *options)
{
	(void)options;
	print_workers(out, json_object_get(value, "workers"));
	print_unaccounted(out, value);
	print_players(out, value);
	putc('\n', out);
	print_streams(out, json_object_get(value, "streams"));
}
