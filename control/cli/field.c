#include "field.h"

#include "units.h"

#include <inttypes.h>
#include <stdbool.h>

static const char missing[] = "-";

/* The number if there is one that makes sense here. */
static bool get(const json_t *object, const char *key, uint64_t *value)
{
	const json_t *member = json_object_get(object, key);

	if (!json_is_number(member)) {
		return false;
	}
	double real = json_number_value(member);
	*value = json_is_integer(member) ? (uint64_t)json_integer_value(member)
					 : (uint64_t)(real > 0 && real < 1e18 ? real : 0);
	return real >= 0;
}

uint64_t field_number(const json_t *object, const char *key)
{
	uint64_t value;

	return get(object, key, &value) ? value : 0;
}

void field_add_text(struct table *t, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	table_add(t, text != NULL && text[0] != '\0' ? text : missing);
}

void field_add_number(struct table *t, const json_t *object, const char *key)
{
	uint64_t value;

	if (get(object, key, &value)) {
		table_addf(t, "%" PRIu64, value);
	} else {
		field_add_text(t, object, key); /* 64-bit numbers may come as strings */
	}
}

static void add_units(struct table *t, const json_t *object, const char *key,
		      void (*units)(char out[UNITS_MAX], uint64_t value))
{
	char text[UNITS_MAX];
	uint64_t value;

	if (get(object, key, &value)) {
		units(text, value);
		table_add(t, text);
	} else {
		table_add(t, missing);
	}
}

void field_add_bytes(struct table *t, const json_t *object, const char *key)
{
	add_units(t, object, key, units_bytes);
}

void field_add_bitrate(struct table *t, const json_t *object, const char *key)
{
	add_units(t, object, key, units_bitrate);
}

void field_add_duration(struct table *t, const json_t *object, const char *key)
{
	add_units(t, object, key, units_duration);
}

void field_add_percent(struct table *t, const json_t *object, const char *key)
{
	const json_t *member = json_object_get(object, key);

	if (json_is_number(member)) {
		table_addf(t, "%.1f%%", json_number_value(member));
	} else {
		table_add(t, missing);
	}
}

/* As milliseconds, for they are mostly that long; 0 is no time at all. */
void field_add_microseconds(struct table *t, const json_t *object, const char *key)
{
	uint64_t value;

	if (get(object, key, &value) && value > 0) {
		table_addf(t, "%" PRIu64 ".%03" PRIu64 " ms", value / 1000, value % 1000);
	} else {
		table_add(t, missing);
	}
}

void field_add_flag(struct table *t, const json_t *object, const char *key)
{
	table_add(t, json_is_true(json_object_get(object, key)) ? "yes" : "no");
}

void field_add_ratio(struct table *t, const json_t *object, const char *key, const char *total)
{
	uint64_t part;
	uint64_t whole;

	if (get(object, key, &part) && get(object, total, &whole)) {
		table_addf(t, "%" PRIu64 "/%" PRIu64, part, whole);
	} else {
		table_add(t, missing);
	}
}

void field_add_stream(struct table *t, const json_t *object)
{
	const char *app = json_string_value(json_object_get(object, "app"));
	const char *name = json_string_value(json_object_get(object, "name"));
	char text[1024];

	snprintf(text, sizeof(text), "%s/%s", app != NULL ? app : missing,
		 name != NULL ? name : missing);
	table_add(t, text);
}
