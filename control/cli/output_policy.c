#include "field.h"
#include "output_text.h"

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

void text_rejects(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {
		{"AGO", TABLE_RIGHT},   {"STREAM", TABLE_LEFT}, {"PUBLISHER", TABLE_LEFT},
		{"REASON", TABLE_LEFT}, {"TOLD", TABLE_LEFT},
	};
	struct table t;
	size_t i;
	json_t *reject;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	json_array_foreach(value, i, reject)
	{
		field_add_duration(&t, reject, "ago_ms");
		field_add_stream(&t, reject);
		field_add_text(&t, reject, "peer");
		field_add_text(&t, reject, "reason");
		field_add_text(&t, reject, "text");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}

/* Rows of name and value. */
void text_add_drain(struct table *t, const json_t *drain)
{
	bool active = json_is_true(json_object_get(drain, "active"));

	table_add(t, "draining");
	table_add(t, active ? "yes" : "no");
	if (!active) {
		return;
	}
	table_add(t, "drained to");
	field_add_text(t, drain, "target");
	table_add(t, "streams left");
	field_add_number(t, drain, "streams");
	table_add(t, "asked to reconnect");
	field_add_number(t, drain, "asked");
	table_add(t, "players left");
	field_add_number(t, drain, "players");
	table_add(t, "players asked");
	field_add_number(t, drain, "players_asked");
	if (json_object_get(drain, "left_ms") != NULL) {
		table_add(t, "ended in");
		field_add_duration(t, drain, "left_ms");
	}
}

void text_drain(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {{"FIELD", TABLE_LEFT}, {"VALUE", TABLE_LEFT}};
	struct table t;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	text_add_drain(&t, value);
	table_print(&t, out, 0);
	table_fini(&t);
}
