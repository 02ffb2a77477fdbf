/*
 * The replies of the control socket. {"command":"streams"} and so on; see README, control socket.
 * Everything that came from the network is made printable first; keys are never in it.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>

struct control;

/* Takes the request's line, returns the reply's from malloc(), or NULL without memory. */
char *report_answer(struct control *control, const char *line, size_t length);

#endif
