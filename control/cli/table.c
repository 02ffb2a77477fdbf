#include "table.h"

#include "escape.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2u /* columns of space */

void table_init(struct table *t, const struct table_column *columns, uint32_t columns_count)
{
	memset(t, 0, sizeof(*t));
	t->columns = columns;
	t->columns_count = columns_count;
}

void table_fini(struct table *t)
{
	for (size_t i = 0; i < t->cells_count; i++) {
		free(t->cells[i]);
	}
	free(t->cells);
}

static void *expect_memory(void *p)
{
	if (p == NULL) {
		fputs("penstockctl: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return p;
}

void table_add(struct table *t, const char *text)
{
	if (t->cells_count == t->cells_cap) {
		t->cells_cap = t->cells_cap > 0 ? 2 * t->cells_cap : 64;
		t->cells = expect_memory(reallocarray(t->cells, t->cells_cap, sizeof(t->cells[0])));
	}
	size_t size = escape_size(strlen(text));
	char *cell = expect_memory(malloc(size));
	escape_text(cell, size, text);
	t->cells[t->cells_count++] = cell;
}

void table_addf(struct table *t, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	table_add(t, text);
}

struct ranked {
	uint64_t key;
	size_t row;
};

static int by_key(const void *a, const void *b)
{
	const struct ranked *left = a;
	const struct ranked *right = b;

	if (left->key != right->key) {
		return left->key < right->key ? 1 : -1;
	}
	return left->row < right->row ? -1 : 1;
}

void table_sort(struct table *t, const uint64_t *keys)
{
	size_t rows = t->cells_count / t->columns_count;
	size_t row_size = t->columns_count * sizeof(t->cells[0]);
	struct ranked *order = expect_memory(calloc(rows + 1, sizeof(*order)));
	char **cells = expect_memory(calloc(rows + 1, row_size));

	for (size_t i = 0; i < rows; i++) {
		order[i] = (struct ranked){keys[i], i};
	}
	qsort(order, rows, sizeof(*order), by_key);
	for (size_t i = 0; i < rows; i++) {
		memcpy(cells + i * t->columns_count, t->cells + order[i].row * t->columns_count,
		       row_size);
	}
	free(order);
	free(t->cells);
	t->cells = cells;
	t->cells_cap = (rows + 1) * t->columns_count;
}

static void print_cell(const struct table_column *column, const char *text, size_t width, bool last,
		       FILE *out)
{
	size_t columns = escape_columns(text);
	int pad = (int)(width > columns ? width - columns : 0);

	if (column->align == TABLE_RIGHT) {
		fprintf(out, "%*s%s", pad, "", text);
	} else if (last) {
		fputs(text, out);
	} else {
		fprintf(out, "%s%*s", text, pad, "");
	}
	if (last) {
		putc('\n', out);
	} else {
		fprintf(out, "%*s", (int)GAP, "");
	}
}

static void measure(const struct table *t, size_t *widths)
{
	for (uint32_t c = 0; c < t->columns_count; c++) {
		widths[c] = strlen(t->columns[c].title);
	}
	for (size_t i = 0; i < t->cells_count; i++) {
		size_t columns = escape_columns(t->cells[i]);
		size_t *width = &widths[i % t->columns_count];
		*width = columns > *width ? columns : *width;
	}
}

void table_print(const struct table *t, FILE *out, size_t rows_max)
{
	size_t widths[TABLE_COLUMNS_MAX];
	size_t rows = t->cells_count / t->columns_count;

	measure(t, widths);
	for (uint32_t c = 0; c < t->columns_count; c++) {
		print_cell(&t->columns[c], t->columns[c].title, widths[c],
			   c + 1 == t->columns_count, out);
	}
	if (rows_max != 0 && rows > rows_max) {
		rows = rows_max;
	}
	for (size_t i = 0; i < rows * t->columns_count; i++) {
		size_t c = i % t->columns_count;
		print_cell(&t->columns[c], t->cells[i], widths[c], c + 1 == t->columns_count, out);
	}
}
