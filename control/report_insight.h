/*
 * What streams consist of (relay/stream_insight.h) as JSON, for report_stream.c.
 */
#ifndef REPORT_INSIGHT_H
#define REPORT_INSIGHT_H

#include <jansson.h>

#include "control.h"

/* Adds to an object of the stream what its first tracks are, in a few members. */
void report_insight_brief(const struct control *control, const struct registry_stream *stream,
			  json_t *object);

/* All of it. */
json_t *report_insight_object(const struct control *control, const struct registry_stream *stream);

#endif
