/*
 * Tables with aligned columns. Cells are copied; texts are escaped on the way in.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 80u

struct table_column {
	const char *title;
	enum table_align { TABLE_LEFT = 0, TABLE_RIGHT } align;
};

struct table {
	const struct table_column *columns;
	uint32_t columns_count;
	char **cells; /* row by row */
	size_t cells_count;
	size_t cells_cap;
};

/* `columns` must outlive the table. */
void table_init(struct table *t, const struct table_column *columns, uint32_t columns_count);
void table_fini(struct table *t);

/* Adds the next cell; the row ends by itself. Out of memory ends the process: this is a CLI. */
void table_add(struct table *t, const char *text);
__attribute__((format(printf, 2, 3))) void table_addf(struct table *t, const char *format, ...);

/* Rows by `keys`, one of each, the highest first; those that are equal stay in their order. */
void table_sort(struct table *t, const uint64_t *keys);

/* Header and rows; `rows_max` 0: all. */
void table_print(const struct table *t, FILE *out, size_t rows_max);

#endif
