/*
 * Connections and traces as replies of the control socket, for report.c. Both come in pieces, so
 * that neither this process nor the worker is held up by a long list:
 *
 * {"command":"connections", "worker":W, "from":SLOT, "id":ID, "full":true} gives a page of worker W
 * and "next", the slot to go on at, null on the last page. All members but the first may be left
 * out. With "records":true it is a page of what is half-open or in TIME_WAIT: another list with its
 * own "from" and "next".
 *
 * {"command":"trace", "worker":W, "connection":ID, "next":[A, B, C]} gives events in their order,
 * and "next" to go on with; "more" when there are more already.
 */
#ifndef REPORT_INSPECT_H
#define REPORT_INSPECT_H

#include <jansson.h>

struct control;

/* The reply's value; NULL with `error` set. */
json_t *report_connections_object(struct control *control, const json_t *request,
				  const char **error);
json_t *report_trace_object(struct control *control, const json_t *request, const char **error);

#endif
