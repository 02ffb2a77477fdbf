#include "field.h"
#include "output_text.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

/* A pattern with wildcards must match the whole name, one without any part of it. */
static bool counter_matches(const struct output_options *options, const char *name)
{
	if (options->pattern == NULL) {
		return true;
	}
	if (strpbrk(options->pattern, "*?[") != NULL) {
		return fnmatch(options->pattern, name, 0) == 0;
	}
	return strstr(name, options->pattern) != NULL;
}

static const json_t *worker_counters(const json_t *workers, size_t i)
{
	return json_object_get(json_array_get(workers, i), "counters");
}

static uint64_t counter_total(const json_t *workers, const char *name)
{
	uint64_t total = 0;

	for (size_t i = 0; i < json_array_size(workers); i++) {
		total += field_number(worker_counters(workers, i), name);
	}
	return total;
}

/* Columns: name, total, one for each worker as far as there is room. */
static uint32_t counter_columns(const json_t *workers, struct table_column *columns,
				char titles[][16])
{
	size_t count = json_array_size(workers);

	columns[0] = (struct table_column){"COUNTER", TABLE_LEFT};
	columns[1] = (struct table_column){"TOTAL", TABLE_RIGHT};
	if (count < 2) {
		return 2;
	}
	if (count > TABLE_COLUMNS_MAX - 2) {
		count = TABLE_COLUMNS_MAX - 2;
	}
	for (size_t i = 0; i < count; i++) {
		const json_t *worker = json_array_get(workers, i);
		snprintf(titles[i], 16, "W%" PRIu64, field_number(worker, "worker"));
		columns[i + 2] = (struct table_column){titles[i], TABLE_RIGHT};
	}
	return (uint32_t)count + 2;
}

static void add_worker_counters(struct table *t, const json_t *workers,
				const struct output_options *options)
{
	json_t *first = json_object_get(json_array_get(workers, 0), "counters");
	const char *name;
	json_t *value;

	json_object_foreach(first, name, value)
	{
		uint64_t total = counter_total(workers, name);
		if (!counter_matches(options, name) || (total == 0 && !options->all)) {
			continue;
		}
		table_add(t, name);
		table_addf(t, "%" PRIu64, total);
		for (uint32_t i = 2; i < t->columns_count; i++) {
			field_add_number(t, worker_counters(workers, i - 2), name);
		}
	}
}

static void add_control_counters(struct table *t, json_t *control,
				 const struct output_options *options)
{
	const char *name;
	json_t *value;

	json_object_foreach(control, name, value)
	{
		uint64_t total = field_number(control, name);
		if (!counter_matches(options, name) || (total == 0 && !options->all)) {
			continue;
		}
		table_add(t, name);
		table_addf(t, "%" PRIu64, total);
		for (uint32_t i = 2; i < t->columns_count; i++) {
			table_add(t, "-");
		}
	}
}

void text_counters(FILE *out, const json_t *value, const struct output_options *options)
{
	const json_t *workers = json_object_get(value, "workers");
	struct table_column columns[TABLE_COLUMNS_MAX];
	char titles[TABLE_COLUMNS_MAX][16];
	struct table t;

	table_init(&t, columns, counter_columns(workers, columns, titles));
	add_worker_counters(&t, workers, options);
	add_control_counters(&t, json_object_get(value, "control"), options);
	if (t.cells_count == 0) {
		fputs(options->all ? "no counter matches\n"
				   : "no counter is above 0 (--all shows them)\n",
		      out);
	} else {
		table_print(&t, out, 0);
	}
	table_fini(&t);
}
