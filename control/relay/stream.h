/*
 * One stream at the relay: reads its log once for what it must know (headers, keyframes), lets
 * its origins read it at their own pace, and releases it.
 *
 * What is kept: everything that origins still read; for each the GOPs that it has not acknowledged
 * (origin.h), as far as behind_max_kib and gop_max_kib let it; the GOP under way, unless it grows
 * longer than gop_max_kib; and the beginning of a new stream, or of one taken over, until its
 * origins had their first chance. So wherever this process is killed, the position released last is
 * one at which its successor can start every origin, and none has a gap; and the place of each
 * stands in `sub` (positions.h), so that none gets more again for another one's sake.
 */
#ifndef STREAM_H
#define STREAM_H

#include <sys/queue.h>

#include "headers.h"
#include "insight.h"
#include "origin.h"
#include "positions.h"
#include "starts.h"
#include "timeline.h"

struct relay_stream {
	struct relay_context *context;
	uint32_t slot;
	uint64_t generation;
	uint64_t serial; /* of this relay: names it in answers of the resolver */
	const struct abi_stream *pub;
	struct abi_tail *tail;
	const struct config_app *app;
	char *name; /* behind the origins */

	uint64_t head;     /* as last loaded */
	uint64_t released; /* as last stored to `tail` */
	struct positions positions;
	uint64_t position_last; /* highest of the positions found there */
	struct log_cursor scan;
	struct insight *insight;    /* NULL as long as there were no messages */
	struct header_set *headers; /* in force at `scan`; NULL: none */
	struct timeline timeline;   /* as of `scan` */
	uint64_t arrived_us;
	bool video; /* starts are at keyframes; without video every message is one */

	struct starts starts;        /* the newest begins the GOP under way ... */
	bool gop_valid;              /* ... which is kept for whoever comes */
	uint64_t gop_length;         /* payload bytes of the one before, 0: not known */
	uint64_t first_number;       /* of the first message that we found */
	bool scanned;                /* it is known */
	_Atomic uint64_t kept_bytes; /* stream_gop_bytes(), for the main thread */

	uint64_t drain_us; /* ended: until when origins may take the rest */
	bool ended;
	bool let_go;   /* the dataplane is gone: nothing of it is touched any more */
	bool broken;   /* the log violated its format */
	bool finished; /* nothing reads the log any more; it was released */

	LIST_HEAD(, recorder) recorders;

	bool dirty; /* is in the relay's queue of streams to be pumped */
	TAILQ_ENTRY(relay_stream) dirty_link;
	TAILQ_ENTRY(relay_stream) link; /* all; guarded for readers */

	uint32_t origins_count;
	struct origin origins[];
};

struct relay_stream *stream_create(struct relay_context *context, uint32_t slot,
				   uint64_t generation, const struct config_app *app,
				   const char *name, uint64_t now_us)
	__attribute__((warn_unused_result));
void stream_destroy(struct relay_stream *stream);

void stream_start(struct relay_stream *stream, uint64_t now_us); /* connects its origins */

/* Scans, sends, releases. True when it has more to do at once. */
bool stream_pump(struct relay_stream *stream, uint64_t now_us);
void stream_tick(struct relay_stream *stream, uint64_t now_us);
void stream_ended(struct relay_stream *stream, uint64_t now_us);

/* Takes no new messages; at the second call also those that origins have not taken are left. */
void stream_shutdown(struct relay_stream *stream, bool at_once, uint64_t now_us);

/* Copies what is under way, ends every origin in order, and never looks at the log again. */
void stream_let_go(struct relay_stream *stream, uint64_t now_us);

/* Begins a recording (recorder.h), or answers that there is to be none. Takes the socket over. */
void stream_record(struct relay_stream *stream, int fd);
void stream_record_refuse(struct relay_context *context, int fd, const char *line, size_t length);

/* The log violated its format: counts it; the next pump gives the log back. */
void stream_break(struct relay_stream *stream, const char *where);

/* Payload bytes from the first place where an origin may begin again. */
uint64_t stream_gop_bytes(const struct relay_stream *stream);
void stream_drop_gop(struct relay_stream *stream); /* and every such place */

/* Bytes that the slowest blocked origin is behind, as far as it counts; 0: none. */
uint64_t stream_behind(const struct relay_stream *stream);
void stream_drop_behind(struct relay_stream *stream, uint64_t now_us); /* moves that one on */

/* No origin is busy any more and the log is released: may be destroyed. */
bool stream_over(const struct relay_stream *stream);

/* The newest keyframe, if it is still there and does not stand before the position; or NULL. */
const struct start *stream_newest_start(const struct relay_stream *stream, uint64_t from);

/* Where an origin without a claim may begin now; NULL: nowhere yet. */
const struct start *stream_starting_point(const struct relay_stream *stream,
					  const struct origin *origin);

#endif
