/*
 * One connection of one stream to one origin: connect, publish, send, back off, close in order.
 *
 * States: origin_state.h. The relay thread owns it. While it publishes, its place in the log is a
 * cursor (a claim). Beside that it holds the log (origin_hold()) from where it would have to begin
 * again if the connection broke: the last keyframe at or before what the origin acknowledged
 * (origin_ack.h). A broken one holds on to that place for a while (it is returning); one that is
 * given up, or was moved on, begins at the newest keyframe.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include "batch.h"
#include "context.h"
#include "marks.h"
#include "origin_state.h"
#include "rtmp/client.h"

#define ORIGIN_OUT_SIZE 8192u /* bytes: what the protocol itself writes */

struct relay_stream;
struct start;

/* By what it is known how much an origin has. */
enum origin_ack_mode {
	ORIGIN_ACK_PENDING = 0, /* not known yet: as long as that nothing counts as arrived */
	ORIGIN_ACK_RTMP,
	ORIGIN_ACK_TCP, /* it never acknowledges: what its kernel has is all that can be known */
};

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

	bool claim;             /* `cursor` is where it goes on */
	bool returning;         /* without a claim: goes on at resume_number */
	uint64_t returning_us;  /* until then, while it is not publishing */
	uint64_t resume_number; /* it has all messages before it */
	uint64_t given_up;      /* it does not get back to a place before this message */
	uint64_t skip_from;     /* neither: the keyframe must not stand before this position */
	struct log_cursor cursor;
	uint64_t behind_since_us;

	/* Messages, by number: what was handed over, and what arrived. */
	uint64_t next_number;  /* on this connection all before it were handed over */
	uint64_t fresh_number; /* from it on none ever was, UINT64_MAX: nothing is known */
	struct marks marks;    /* of this connection */
	enum origin_ack_mode ack_mode;
	uint32_t ack_window;  /* bytes, as asked for */
	uint64_t conn_bytes;  /* handed to the socket, handshake included */
	uint64_t acked_conn;  /* of these, acknowledged by `ack_mode` */
	uint64_t tcp_look_us; /* when TCP's acknowledgements are looked at again */

	struct batch *batch; /* while connected */
	struct rtmp_client client;
	size_t out_len;
	size_t out_sent;
	uint8_t *out; /* [ORIGIN_OUT_SIZE], NULL while nothing waits: origin_io.h */
	char *tc_url; /* while connected */

	/* read by the main thread */
	_Atomic uint64_t messages;
	_Atomic uint64_t bytes;
	_Atomic uint64_t connects;
	_Atomic uint64_t failures;
	_Atomic uint64_t skips;
	_Atomic uint64_t skipped_messages;
	_Atomic uint64_t repeated_messages;
	_Atomic uint64_t lost_marks;
	_Atomic uint64_t sent_message;
	_Atomic uint64_t sent_bytes;
	_Atomic uint64_t tcp_acked_message;
	_Atomic uint64_t tcp_acked_bytes;
	_Atomic uint64_t acked_message;
	_Atomic uint64_t acked_bytes;
	_Atomic uint32_t ack_mode_shown; /* enum origin_ack_mode */
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

/* Where it would begin again, NULL: at no place that is known yet. */
const struct start *origin_place(const struct origin *o);

/* Gives up its places before message `number`. */
void origin_give_up(struct origin *o, uint64_t number);

/* Too slow: lets go of the log, goes on at the next keyframe. */
void origin_skip(struct origin *o, uint64_t now_us);

void origin_status(const struct origin *o, struct origin_status *out); /* lock held */

#endif
