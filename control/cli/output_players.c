/* Who plays. */
#include "field.h"
#include "output_text.h"

#include <inttypes.h>
#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof((array)[0])))

static void add_stream(struct table *t, const json_t *player)
{
	const char *name = json_string_value(json_object_get(player, "name"));

	if (name != NULL && name[0] != '\0') {
		field_add_stream(t, player);
	} else {
		table_add(t, "-");
	}
}

void text_players(FILE *out, const json_t *value, const struct output_options *options)
{
	static const struct table_column columns[] = {
		{"ID", TABLE_RIGHT},       {"STREAM", TABLE_LEFT},   {"PEER", TABLE_LEFT},
		{"STATE", TABLE_LEFT},     {"AGE", TABLE_RIGHT},     {"SENT", TABLE_RIGHT},
		{"MESSAGES", TABLE_RIGHT}, {"LAG", TABLE_RIGHT},     {"PINNED", TABLE_RIGHT},
		{"SKIPS", TABLE_RIGHT},    {"SKIPPED", TABLE_RIGHT},
	};
	struct table t;
	size_t i;
	json_t *player;

	(void)options;
	table_init(&t, columns, COUNT(columns));
	json_array_foreach(value, i, player)
	{
		table_addf(&t, "%" PRIu64 ":%" PRIu64, field_number(player, "worker"),
			   field_number(player, "id"));
		add_stream(&t, player);
		field_add_text(&t, player, "peer");
		field_add_text(&t, player, "state");
		field_add_duration(&t, player, "age_ms");
		field_add_bytes(&t, player, "sent_bytes");
		field_add_number(&t, player, "messages");
		field_add_duration(&t, player, "lag_ms");
		field_add_bytes(&t, player, "pinned_bytes");
		field_add_number(&t, player, "skips");
		field_add_number(&t, player, "skipped_messages");
	}
	table_print(&t, out, 0);
	table_fini(&t);
}
