/*
 * One connection of one stream to one origin: connect, publish, send, back off, close in order.
 *
 * States: origin_state.h. The relay thread owns it. Its place in the log is a cursor, and it holds
 * the log there (origin_hold()) only while it has a claim to what follows: while it publishes, and,
 * for a new stream, until its first chance is over. Without a claim it waits for a keyframe.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "batch.h"
#include "context.h"
#include "origin_state.h"
#include "rtmp/client.h"

#define ORIGIN_OUT_SIZE 8192u /* bytes: what the protocol itself writes */

struct relay_stream;

struct origin {
	struct relay_context *context;
	struct relay_stream *stream;
	const struct config_origin *config;
	uint32_t index; /* in the stream */

	enum origin_state state; /* guarded for readers, see context.h */
	char last_error[ORIGIN_ERROR_MAX];

	int fd;               /* -1: none */
	uint64_t deadline_us; /* of the state, 0: none */
	uint64_t backoff_us;
	uint64_t publishing_us; /* since when */
	uint64_t attempt;
	struct addrinfo *addresses;
	struct addrinfo *next_address;

	bool readable; /* there may be something to read */
	bool blocked;  /* the socket took less than it was given */
	bool hung_up;  /* the peer closed or reset */
	bool shut;     /* CLOSING: our side is shut down */
	uint32_t failed_in_row;

	bool claim;         /* `cursor` is where it goes on: hold it */
	uint64_t skip_from; /* without a claim: the keyframe must not stand before it */
	struct log_cursor cursor;
	uint64_t behind_since_us;

	struct batch *batch; /* while connected */
	struct rtmp_client client;
	size_t out_len;
	size_t out_sent;
	uint8_t out[ORIGIN_OUT_SIZE];
	char tc_url[ORIGIN_URL_MAX];

	/* read by the main thread */
	_Atomic uint64_t messages;
	_Atomic uint64_t bytes;
	_Atomic uint64_t connects;
	_Atomic uint64_t failures;
	_Atomic uint64_t skips;
	_Atomic uint64_t skipped_messages;
	_Atomic uint64_t acked_bytes;
	_Atomic uint64_t lag_bytes;
	_Atomic uint64_t lag_ms;
};

void origin_init(struct origin *o, struct relay_context *context, struct relay_stream *stream,
		 const struct config_origin *config, uint32_t index);
void origin_fini(struct origin *o);

/* The one writer of `state`. */
void origin_set_state(struct origin *o, enum origin_state state, uint64_t deadline_us);

void origin_start(struct origin *o, uint64_t now_us); /* IDLE or BACKOFF: connects */
void origin_resolved(struct origin *o, struct mail *mail, uint64_t now_us);
void origin_event(struct origin *o, uint32_t events, uint64_t now_us); /* of epoll */
void origin_tick(struct origin *o, uint64_t now_us);                   /* deadlines */

/* Reads, and sends what there is; true when it stopped only because its turn was over. */
bool origin_pump(struct origin *o, uint64_t now_us);

/* Ends the publish with FCUnpublish and deleteStream once what is under way is sent. */
void origin_finish(struct origin *o, uint64_t now_us);
void origin_abandon(struct origin *o, const char *why); /* closes at once, for good */

/* True and the lowest position that must stay. */
bool origin_hold(const struct origin *o, uint64_t *position);

/* Everything below head is handed to the socket. */
bool origin_caught_up(const struct origin *o, uint64_t head);

/* Too slow: lets go of the log, goes on at the next keyframe. */
void origin_skip(struct origin *o, uint64_t now_us);

void origin_status(const struct origin *o, struct origin_status *out); /* lock held */

#endif
