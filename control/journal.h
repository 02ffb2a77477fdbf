/*
 * The log of control: one JSON object per line on stderr, written whole with one write(2), so that
 * lines of several threads never mix.
 *
 * {"ts":"2026-01-31T12:00:00.123456Z","level":"info","event":"publish.accepted", ...}
 *
 * Nothing is logged per packet or per message: only changes of state.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "config/config.h"

void journal_init(enum config_log_level level);

/*
 * `format` and what follows are those of jansson's json_pack() for an object, "{s:s, s:I}" for
 * example, or NULL for no further fields. Strings must be valid UTF-8: text_printable() first.
 */
void journal(enum config_log_level level, const char *event, const char *format, ...);

#endif
