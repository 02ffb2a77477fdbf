/*
 * Streams and their origins as JSON objects, for report.c.
 */
#ifndef REPORT_STREAM_H
#define REPORT_STREAM_H

#include <jansson.h>

#include "control.h"
#include "text.h"

/* Refused publishes are not streams. */
bool report_shown(const struct registry_stream *stream);

json_t *report_stream_object(const struct control *control, const struct registry_stream *stream);
void report_append_origins(const struct control *control, const struct registry_stream *stream,
			   json_t *array);

/* The stream that the request's "name" ("app/name") means, the live one first. */
const struct registry_stream *report_find(const struct control *control, const json_t *request);

/* Payload of the last seconds; 0 as long as there are not two samples. */
uint64_t report_bitrate_kbps(const struct registry_stream *stream);

/* Takes a sample of the bytes of every stream; bitrate_kbps is over the last ones. */
void report_sample(struct control *control);

#endif
