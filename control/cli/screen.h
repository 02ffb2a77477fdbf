/*
 * The terminal while `top` runs: single keys in, whole frames out.
 *
 * Where input or output is no terminal the corresponding half does nothing.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

void screen_open(void);
void screen_close(void);

/* Rows of the terminal, 0 if there is none. */
unsigned int screen_rows(void);

/* Draws `text` over what was there; lines are cut at the right edge. */
void screen_draw(const char *text);

/* Waits; true when q was pressed or a signal asked for the end. */
bool screen_wait(int ms);

#endif
