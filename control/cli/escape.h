/*
 * Text from the network made safe for a terminal.
 *
 * Printable ASCII stays, the backslash apart; so do valid UTF-8 sequences of visible characters
 * where the terminal's locale is UTF-8. Every other byte becomes \xNN: control characters, C1
 * controls, marks that combine with or reorder what stands before them, and broken UTF-8.
 */
#ifndef CLI_ESCAPE_H
#define CLI_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Takes the locale from the environment. Without it only ASCII passes. */
void escape_init(void);

/* For tests: whether UTF-8 passes. Returns whether a UTF-8 locale is there for it. */
bool escape_set_utf8(bool utf8);

/* Room for any text of `len` bytes. */
static inline size_t escape_size(size_t len)
{
	return 4 * len + 1;
}

/* Writes the safe form, cut to fit and terminated; returns its length in bytes. */
size_t escape_text(char *out, size_t size, const char *text);

/* Columns that a safe text takes. */
size_t escape_columns(const char *text);

#endif
