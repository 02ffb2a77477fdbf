/*
 * One recording of a stream, by somebody on the control socket (penstockctl record): FLV, from the
 * last keyframe on with its headers first, until the stream or the client ends.
 *
 * What goes over the socket: the line of JSON that answers the request, an FLV file, and at its end
 * a tag of type RECORDER_END, which is not of the file: its body is JSON and says how it went. A
 * client that hangs up has had enough.
 *
 * It reads the log with a cursor of its own, like an origin, but copies: what it has read it no
 * longer holds. One that is too slow is moved to the next keyframe. Timestamps are those that
 * origins get (timeline.h), less that of the first media message; what belongs before it gets 0.
 *
 * The relay thread owns it.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include <sys/queue.h>

#include "context.h"
#include "rtmp/flv.h"
#include "starts.h"

#define RECORDERS_MAX        32u   /* of all streams of a control */
#define RECORDERS_STREAM_MAX 4u    /* of one */
#define RECORDER_END         0u    /* type of the last tag */
#define RECORDER_BEHIND_KIB  8192u /* as of an origin, unless configured otherwise */

struct relay_stream;

struct recorder {
	LIST_ENTRY(recorder) link; /* of the stream */
	struct relay_context *context;
	struct relay_stream *stream;
	int fd;
	bool claim;   /* `cursor` is where it goes on */
	bool begun;   /* the file has its header */
	bool based;   /* `base` is known */
	bool blocked; /* the socket took less than it was given */
	bool gone;    /* the client hung up */
	bool ended;   /* the last tag is written: nothing more is read */
	uint32_t base;
	uint32_t media_time;  /* of the media message last written, before `base` is taken off */
	uint64_t deadline_us; /* ended: the rest is taken until then, or not at all */
	uint64_t behind_since_us;
	uint64_t skip_from; /* the keyframe must not stand before this position */
	uint64_t next_number;
	struct log_cursor cursor;

	uint8_t *out; /* NULL while nothing waits */
	size_t out_size;
	size_t out_len;
	size_t out_sent;

	uint64_t messages;
	uint64_t bytes; /* of the file */
	uint64_t skips;
	uint64_t skipped_messages;
	uint64_t left_out; /* messages that FLV cannot hold */
};

/* Takes the socket over, which is non-blocking. NULL without memory: then it is closed. */
struct recorder *recorder_create(struct relay_stream *stream, int fd)
	__attribute__((warn_unused_result));
void recorder_destroy(struct recorder *r);

void recorder_event(struct recorder *r, uint32_t events); /* of epoll */

/* Reads the log and sends; true when it stopped only because its turn was over. */
bool recorder_pump(struct recorder *r, uint64_t now_us);

/* Nothing more is read; the client is told why and what it got. */
void recorder_end(struct recorder *r, const char *why, uint64_t now_us);

/* Too slow: goes on at the next keyframe. */
void recorder_skip(struct recorder *r);

/* Everything is handed over, or nobody wants it any more: may be destroyed. */
bool recorder_over(const struct recorder *r, uint64_t now_us);

#endif
