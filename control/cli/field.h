/*
 * Members of reply objects as table cells. What is missing, or of another type, is "-".
 */
#ifndef CLI_FIELD_H
#define CLI_FIELD_H

#include "table.h"

#include <jansson.h>

/* Number of a member, 0 if there is none. */
uint64_t field_number(const json_t *object, const char *key);

void field_add_text(struct table *t, const json_t *object, const char *key);
void field_add_number(struct table *t, const json_t *object, const char *key);
void field_add_bytes(struct table *t, const json_t *object, const char *key);
void field_add_bitrate(struct table *t, const json_t *object, const char *key);
void field_add_duration(struct table *t, const json_t *object, const char *key);
void field_add_percent(struct table *t, const json_t *object, const char *key);

void field_add_microseconds(struct table *t, const json_t *object, const char *key);
void field_add_flag(struct table *t, const json_t *object, const char *key);

/* "free/total" of two numbers. */
void field_add_ratio(struct table *t, const json_t *object, const char *key, const char *total);

/* "app/name". */
void field_add_stream(struct table *t, const json_t *object);

#endif
