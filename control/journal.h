/*
 * The log of control: one JSON object per line on stderr.
 *
 * {"ts":"2026-01-31T12:00:00.123456Z","level":"info","event":"publish.accepted", ...}
 *
 * Lines are written whole, so that those of several threads never mix. One thread may hold its
 * lines and write many with one write(2): the main thread, which has a few for every publish. An
 * error is written at once, with what was held before it. A reader that stands still never stops
 * us: what it makes us lose is counted.
 *
 * Nothing is logged per packet or per message: only changes of state.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

#include "config/config.h"

void journal_init(enum config_log_level level);

/*
 * `format` and what follows are fields as journal_line.h has them, "{s:s, s:I}" for example, or
 * NULL for no further fields. Strings must be printable: text_printable() first.
 */
void journal(enum config_log_level level, const char *event, const char *format, ...);

/* From here on the calling thread's lines wait for journal_flush(). One thread at a time. */
void journal_hold(void);
void journal_flush(void);
void journal_release(void); /* writes what waits, and holds no more */

/* Lines that could not be written. */
uint64_t journal_lost(void);

#endif
