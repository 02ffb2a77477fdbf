/*
 * The process: what its main thread knows. One epoll loop over the dataplane's socket, the event
 * descriptors of the workers, the API, a timer and the signals; publish decisions are taken here,
 * media is not touched here (relay/).
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "api.h"
#include "auth.h"
#include "dataplane.h"
#include "drain.h"
#include "registry.h"
#include "rejects.h"
#include "relay/relay.h"
#include "relay/resolver.h"
#include "sources.h"

/* X(name, sentence) */
#define CONTROL_COUNTERS(X)                                                                      \
	X(attaches, "times a dataplane was attached")                                            \
	X(detaches, "times a dataplane went away")                                               \
	X(workers_silent, "times a worker's heartbeat was overdue")                              \
	X(resolver_stuck, "times the resolver hung in a lookup, and was replaced")               \
	X(heartbeats_withheld, "heartbeats not given because a relay thread stood still")        \
	X(publishes_asked, "publishes that a worker asked about")                                \
	X(publishes_accepted, "publishes accepted")                                              \
	X(publishes_rejected_auth, "publishes refused: stream key not valid")                    \
	X(publishes_rejected_app, "publishes refused: no such application")                      \
	X(publishes_rejected_busy, "publishes refused: name is being published")                 \
	X(publishes_rejected_name, "publishes refused: name not allowed")                        \
	X(publishes_rejected_capacity, "publishes refused: no memory here")                      \
	X(publishes_rejected_draining, "publishes refused: the edge is being drained")           \
	X(streams_rejected_codec, "streams ended: a codec that is not allowed")                  \
	X(streams_rejected_bitrate, "streams ended: bitrate too high")                           \
	X(streams_rejected_resolution, "streams ended: resolution too high")                     \
	X(streams_rejected_frame_rate, "streams ended: frame rate too high")                     \
	X(streams_rejected_keyframes, "streams ended: keyframes too far apart")                  \
	X(streams_drained, "streams ended: the time to drain was over")                          \
	X(drains, "times that draining was begun")                                               \
	X(reconnects_asked, "streams and players that were asked to connect elsewhere")          \
	X(plays_asked, "plays that a worker asked about")                                        \
	X(plays_accepted, "plays accepted")                                                      \
	X(plays_rejected, "plays refused: not allowed, no such stream, or too many players")     \
	X(streams_resumed, "streams found live at an attach")                                    \
	X(streams_ended, "streams whose publisher is gone")                                      \
	X(kicks, "streams ended by the operator")                                                \
	X(commands_delayed, "answers that found the command ring full")                          \
	X(events_lost, "times the event ring was overrun and the stream table was read instead") \
	X(api_requests, "requests on the control socket")                                        \
	X(api_refused, "connections and requests refused there")                                 \
	X(journal_lost, "lines of the log that nobody took")

enum control_counter {
#define CONTROL_COUNTER_ENUM(name, sentence) CONTROL_##name,
	CONTROL_COUNTERS(CONTROL_COUNTER_ENUM)
#undef CONTROL_COUNTER_ENUM
		CONTROL_COUNTER_COUNT
};

const char *control_counter_name(enum control_counter counter);

/* What an epoll event belongs to: the tag, plus an index. */
enum control_tag {
	CONTROL_TAG_SIGNAL = 1,
	CONTROL_TAG_TIMER,
	CONTROL_TAG_DATAPLANE,
	CONTROL_TAG_WORKER = 1 << 10, /* + worker */
	CONTROL_TAG_API = 1 << 20,    /* + api.h */
};

#define CONTROL_WHY_MAX    160u
#define CONTROL_LINGER_MAX ABI_REGIONS_MAX

/* A player that was answered (players.h). */
struct control_player {
	uint64_t generation;
	const struct config_app *app; /* that it plays from; NULL: it was refused */
	bool reconnect_asked;         /* in the drain that there is */
	bool ended;                   /* by it */
};

/* One worker, beside what dataplane.h has. */
struct control_worker {
	struct relay *relay;
	struct control_player *players; /* [layout.players] */
	uint64_t progress;              /* of the relay, at our last heartbeat */
	uint32_t stalls;                /* times since that it had not moved on */
	uint64_t heartbeat;             /* of the worker, as last seen to change */
	uint64_t heartbeat_us;          /* when that was */
	bool silent;                    /* and for too long */
	uint64_t event_tail;            /* events read */
	uint64_t sample_us;
	uint64_t busy_cycles; /* at the sample */
	uint64_t total_cycles;
	double busy_percent; /* over the interval before it */
	struct sources sources;
	uint64_t inspect_request; /* last number used (inspect.h) */
};

struct control {
	const struct config *config;
	struct auth *auth;
	struct resolver *resolver;
	struct registry registry; /* valid while attached */
	struct dataplane dataplane;
	bool attached;
	struct drain drain;
	struct rejects rejects;
	char why[CONTROL_WHY_MAX]; /* not attached */
	uint64_t silent_us;        /* a worker without heartbeat for so long is dead */
	uint64_t lookup_us;        /* the resolver gives up a lookup after so long */
	struct relay_settings relay_settings;
	struct relay *lingering[CONTROL_LINGER_MAX]; /* end their origins; their worker is gone */
	bool inject;                                 /* faults may be asked for */
	struct control_worker *workers;
	struct api api;
	int epoll_fd;
	int signal_fd;
	int timer_fd;
	bool stop;
	uint64_t started_us;
	uint64_t now_us; /* of the turn under way */
	uint64_t next_attach_us;
	uint64_t next_sample_us;
	uint64_t counters[CONTROL_COUNTER_COUNT];
	uint64_t relay_totals[RELAY_COUNTER_COUNT]; /* of relays that are gone */
};

static inline void control_count(struct control *control, enum control_counter counter)
{
	control->counters[counter]++;
}

int control_watch(const struct control *control, int fd, uint64_t tag)
	__attribute__((warn_unused_result));

/* A counter of all relays, past and present. */
uint64_t control_relay_counter(const struct control *control, enum relay_counter counter);

int control_init(struct control *control, const struct config *config)
	__attribute__((warn_unused_result));
void control_fini(struct control *control);

/* Runs until SIGTERM or SIGINT. */
void control_run(struct control *control);

#endif
