/*
 * Parts of the text output that have files of their own, or are used by two of them.
 */
#ifndef CLI_OUTPUT_TEXT_H
#define CLI_OUTPUT_TEXT_H

#include "output.h"
#include "table.h"

/* Table of streams; `rows_max` 0: all. */
void text_streams(FILE *out, const json_t *streams, size_t rows_max);

void text_workers(FILE *out, const json_t *value, const struct output_options *options);
void text_counters(FILE *out, const json_t *value, const struct output_options *options);
void text_memory(FILE *out, const json_t *value, const struct output_options *options);
void text_players(FILE *out, const json_t *value, const struct output_options *options);
void text_top(FILE *out, const json_t *value, const struct output_options *options);

void text_rejects(FILE *out, const json_t *value, const struct output_options *options);
void text_drain(FILE *out, const json_t *value, const struct output_options *options);
void text_add_drain(struct table *t, const json_t *drain);

void text_connection(FILE *out, const json_t *c, const struct output_options *options);
void text_trace(FILE *out, const json_t *event, const struct output_options *options);

#endif
