/*
 * A relay: the thread that takes the streams of one worker to their origins.
 *
 * It reads the media logs of that worker, keeps a cursor per origin, and releases what nobody
 * needs any more. It never waits: sockets are non-blocking, names are resolved elsewhere. A slow
 * origin is moved on to a keyframe and touches neither the publisher nor other origins.
 *
 * The mappings and descriptors of the source belong to the caller and must stay until
 * relay_destroy() has returned. Functions here are called by the main thread.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/sub.h"
#include "config/config.h"
#include "log_reader.h"
#include "stream_insight.h"
#include "timeline.h"

struct resolver;

/* X(name, sentence) */
#define RELAY_COUNTERS(X)                                                                  \
	X(relay_streams_adopted, "streams taken over")                                     \
	X(relay_streams_finished, "streams whose log was read to its end")                 \
	X(relay_messages, "messages handed to origins' sockets")                           \
	X(relay_bytes, "bytes handed to origins' sockets, chunk headers included")         \
	X(relay_connects, "publishes that an origin accepted")                             \
	X(relay_failures, "connections to origins that failed or broke")                   \
	X(relay_skips, "times an origin was too far behind and was moved on")              \
	X(relay_skipped_messages, "messages that origins did not get")                     \
	X(relay_repeated_messages, "messages sent again on a new connection")              \
	X(relay_lost_marks, "places to return to that were given up for memory")           \
	X(relay_gop_lost, "GOPs too long, or memory too short, to be kept")                \
	X(relay_recordings, "recordings begun")                                            \
	X(relay_recordings_refused, "recordings that came too late, or were too many")     \
	X(relay_record_skips, "times a recording was too far behind and was moved on")     \
	X(relay_log_broken, "logs that violated their format")                             \
	X(relay_drains_abandoned, "origins that did not take the end of a stream in time") \
	X(relay_news_overrun, "times the ring of news was overrun and all streams were looked at")

enum relay_counter {
#define RELAY_COUNTER_ENUM(name, sentence) RELAY_COUNTER_##name,
	RELAY_COUNTERS(RELAY_COUNTER_ENUM)
#undef RELAY_COUNTER_ENUM
		RELAY_COUNTER_COUNT
};

const char *relay_counter_name(enum relay_counter counter);

/* Where the streams come from. */
struct relay_source {
	uint32_t worker;
	const struct abi_pub *pub;
	const struct abi_pub *layout; /* a copy of its constant part, which was checked */
	struct abi_sub *sub;
	const struct log_regions *regions;
	int news_fd; /* eventfd, non-blocking */
};

/* Times and bounds; tests shorten them. Microseconds. */
struct relay_settings {
	uint64_t tick_us;
	uint64_t connect_us;      /* for TCP */
	uint64_t handshake_us;    /* from there to Publish.Start */
	uint64_t first_chance_us; /* a new stream keeps its beginning for its origins so long */
	uint64_t drain_us;  /* an ended stream's origins may take its rest, and close, so long */
	uint64_t behind_us; /* over behind_max_kib so long: moved on */
	uint64_t return_us; /* what a broken origin has not acknowledged is kept so long */
	uint64_t ack_us;    /* an origin that acknowledges nothing for so long never will */
	uint64_t backoff_min_us;
	uint64_t backoff_max_us;
	uint64_t backoff_reset_us; /* of good publishing */
	uint64_t shutdown_us;
	int send_buffer; /* SO_SNDBUF of the sockets, 0: the kernel's */
};

extern const struct relay_settings relay_settings_default;

struct relay;

struct relay *relay_create(const struct relay_source *source, const struct relay_settings *settings,
			   struct resolver *resolver) __attribute__((warn_unused_result));

/* Stops at once and joins: when it returns, nothing touches the source any more. */
void relay_stop(struct relay *relay);
void relay_destroy(struct relay *relay); /* stops it, if need be */

/* Ends every origin in order within settings.shutdown_us; relay_destroy() is still to be called. */
void relay_shutdown(struct relay *relay);
bool relay_stopped(const struct relay *relay);

/* Takes a live stream over. `app` must outlive the relay. -1 without memory. */
int relay_adopt(struct relay *relay, uint32_t slot, uint64_t generation,
		const struct config_app *app, const char *name) __attribute__((warn_unused_result));

/*
 * Records a stream to a client's socket (recorder.h), which is non-blocking and taken over; the
 * relay answers the client. -1 without memory: then it is closed.
 */
int relay_record(struct relay *relay, uint32_t slot, uint64_t generation, int fd)
	__attribute__((warn_unused_result));

/* Recordings under way, of all streams. */
uint32_t relay_recorders(const struct relay *relay);

/* The publisher is gone: the log is drained and released. */
void relay_ended(struct relay *relay, uint32_t slot, uint64_t generation);

/*
 * The dataplane is gone: ends every origin in order, with what is under way copied, within
 * settings.drain_us. Once relay_has_let_go() the source may be unmapped and closed; the thread goes
 * on without it until relay_stopped().
 */
void relay_let_go(struct relay *relay);
bool relay_has_let_go(const struct relay *relay);

/* Moves on as long as the thread does. */
uint64_t relay_progress(const struct relay *relay);

/* For tests of the heartbeat: the thread stands still for ever. */
void relay_hang(struct relay *relay);

uint64_t relay_counter(const struct relay *relay, enum relay_counter counter);

#define ORIGIN_URL_MAX   512u
#define ORIGIN_ERROR_MAX 160u

/* One origin of a stream, as the API shows it. */
struct origin_status {
	char url[ORIGIN_URL_MAX]; /* a configured name is shown as "***": it may be a key */
	const char *state;
	uint64_t messages;
	uint64_t bytes;
	uint64_t connects;
	uint64_t failures;
	uint64_t skips;
	uint64_t skipped_messages;
	uint64_t repeated_messages;
	uint64_t lost_marks;
	const char *ack_mode;
	uint64_t sent_message; /* all before this number, of this connection, were handed over, */
	uint64_t sent_bytes;   /* which are so many bytes of it */
	uint64_t tcp_acked_message;
	uint64_t tcp_acked_bytes;
	uint64_t acked_message; /* as `ack_mode` says */
	uint64_t acked_bytes;
	uint64_t lag_bytes;
	uint64_t lag_ms;
	char last_error[ORIGIN_ERROR_MAX];
};

/* Fills at most `max` entries; returns how many origins the stream has here, 0 if unknown. */
size_t relay_origins(struct relay *relay, uint32_t slot, uint64_t generation,
		     struct origin_status *out, size_t max);

/* What a stream consists of, as of a moment ago; false when it is not known here. */
bool relay_insight(struct relay *relay, uint32_t slot, uint64_t generation,
		   struct stream_insight *out);

/* What its timestamps did so far; false when it is not known here. */
bool relay_timeline(struct relay *relay, uint32_t slot, uint64_t generation,
		    struct timeline_status *out);

/* Payload bytes of a stream that are kept for origins that return; 0 if it is unknown. */
uint64_t relay_kept_bytes(struct relay *relay, uint32_t slot, uint64_t generation);

#endif
