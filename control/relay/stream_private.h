/*
 * What the files of a stream share: stream.c (its life), stream_scan.c, stream_hold.c.
 */
#ifndef STREAM_PRIVATE_H
#define STREAM_PRIVATE_H

#include "stream.h"

#define KIB UINT64_C(1024)

/* Reads on to head: headers and keyframes. */
void stream_scan(struct relay_stream *s);

/* Moves an origin on that is behind for too long, and gives up a place that costs too much. */
void stream_check_origin(struct relay_stream *s, struct origin *o, uint64_t now_us);

/* Gives back what no origin holds; stores where each would begin again. */
void stream_release(struct relay_stream *s);

/* Nothing reads the log any more: all of it goes back. */
void stream_release_all(struct relay_stream *s);

/* Recordings read and send; true when some were not over with their turn. */
bool stream_record_pump(struct relay_stream *s, uint64_t now_us);

/* True and the lowest position that a recording still needs. */
bool stream_record_hold(const struct relay_stream *s, uint64_t *position);

/* The stream has ended: they get its rest, within drain_us. */
void stream_record_drain(struct relay_stream *s, uint64_t now_us);
void stream_record_end(struct relay_stream *s, const char *why, uint64_t now_us);
void stream_record_fini(struct relay_stream *s);

#endif
