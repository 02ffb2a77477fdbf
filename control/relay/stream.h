/*
 * One stream at the relay: reads its log once for what it must know (headers, keyframes), lets
 * its origins read it at their own pace, and releases it.
 *
 * What is kept: everything any origin with a claim still needs; the GOP under way, so that an
 * origin that returns starts at its keyframe, unless it grows longer than gop_max_kib; and the
 * beginning of a new stream until its origins had their first chance.
 */
#ifndef STREAM_H
#define STREAM_H

#include <sys/queue.h>

#include "headers.h"
#include "origin.h"

struct relay_stream {
	struct relay_context *context;
	uint32_t slot;
	uint64_t generation;
	uint64_t serial; /* of this relay: names it in answers of the resolver */
	const struct abi_stream *pub;
	struct abi_tail *tail;
	const struct config_app *app;
	char name[ABI_NAME_MAX];

	uint64_t head;     /* as last loaded */
	uint64_t released; /* as last stored to `tail` */
	struct log_cursor scan;
	struct header_set headers; /* in force at `scan` */
	uint32_t timestamp;        /* ms, of the message last scanned */
	uint64_t arrived_us;
	bool video; /* starts are at keyframes; without video every message is one */

	/* The GOP under way: where to start, and with what. */
	bool gop_valid;
	struct log_cursor gop;
	struct header_set gop_headers;
	uint32_t gop_timestamp;

	uint64_t first_chance_us; /* until when the beginning is kept, 0: over */
	uint64_t drain_us;        /* ended: until when origins may take the rest */
	bool ended;
	bool broken;   /* the log violated its format */
	bool finished; /* nothing reads the log any more; it was released */

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
void stream_shutdown(struct relay_stream *stream, uint64_t now_us);

/* The log violated its format: counts it; the next pump gives the log back. */
void stream_break(struct relay_stream *stream, const char *where);

/* Bytes kept only for origins that may return. */
uint64_t stream_gop_bytes(const struct relay_stream *stream);
void stream_drop_gop(struct relay_stream *stream);

/* Bytes that the slowest blocked origin is behind, as far as it counts; 0: none. */
uint64_t stream_behind(const struct relay_stream *stream);
void stream_drop_behind(struct relay_stream *stream, uint64_t now_us); /* moves that one on */

/* No origin is busy any more and the log is released: may be destroyed. */
bool stream_over(const struct relay_stream *stream);

/* Where an origin without a claim may begin now, not before `from`. */
struct stream_start {
	const struct log_cursor *cursor;
	const struct header_set *headers;
	uint32_t timestamp;
};
bool stream_starting_point(const struct relay_stream *stream, uint64_t from,
			   struct stream_start *start);

#endif
