/*
 * RTMP sessions of one worker: one per TCP connection, from a pool allocated at start-up.
 * Connections to the discard port are sessions, too, which throw away what they read.
 *
 * A session reads what TCP delivers, answers through TCP, and puts the media of its publications
 * into their logs: one for each message stream that publishes, each decided, ended and kicked on
 * its own (session_publish.c). One that is refused or ended by us ends its connection only when it
 * was the last: encoders hang otherwise. Time limits stand in one queue for each state: they are
 * constant per state, so that the first of a queue is always the next that is due. That of control
 * to decide is each publication's own.
 *
 * Upcalls of TCP may end in session_settle(), which may free the session: callers do not touch it
 * afterwards. One thread, the worker's.
 */
#ifndef DP_SESSION_H
#define DP_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/config.h"
#include "dataplane/command_buffers.h"
#include "dataplane/message.h"
#include "dataplane/unread_replies.h"
#include "rtmp/server.h"

#define SESSION_OUT_SIZE         16384u
#define SESSION_OUT_NEEDED       8192u /* rtmp_server_next() wants so much free */
/*
 * Messages under way narrow the window by at most so much truesize: a window that closed for good
 * would keep a long message from ever becoming complete. In all they may be SESSION_LONGEST times
 * as long as the longest one: two keyframes of two tracks, or one and the sound beside it. They may
 * pin SESSION_HELD_FACTOR times as much as that: a segment of 1,140 bytes pins 2,368.
 */
#define SESSION_HOLD_MAX         (256u << 10)
#define SESSION_LONGEST          2u
#define SESSION_HELD_FACTOR      3u
/* Bytes that TCP queues for a connection: media for a player, and of replies no more than a peer
 * that reads them has waiting. */
#define SESSION_SEND_MAX         (8u << 20)
#define SESSION_REPLIES_MAX      (256u << 10)
/* Payload that a publisher may send before control decided, unless the configuration says
 * otherwise. */
#define SESSION_EARLY_MAX        (1u << 20)
/* A second for limits of RTMP that are rates: 2^20 us, so that a shift tells. */
#define SESSION_SECOND_SHIFT     20
#define SESSION_LINGER_US        2000000u
/* A part of the connections gets a handshake or a command in pieces at the same moment. */
#define SESSION_BUFFER_SHARE     8u
#define SESSION_BUFFERS_MIN      64u
/* Aggregates come from FMLE and Flash alone: a part of the connections has one under way. */
#define SESSION_AGGREGATES_SHARE 16u
#define SESSION_AGGREGATES_MIN   64u
/* A publisher is looked at so often within the idle limit, and at least every second: that of its
 * application may be shorter. */
#define SESSION_IDLE_CHECKS      4u
#define SESSION_LOOK_US          UINT64_C(1000000)

struct dp_counters;
struct player;
struct player_table;
struct publication;
struct publish_limits;
struct publish_table;
struct rte_mbuf;
struct rte_mempool;
struct tcp_conn;

/* X(name, states that may follow) */
#define SESSION_STATES(X)                                                                       \
	X(FREE, SESSION_TO(HANDSHAKE) | SESSION_TO(DISCARD))                                    \
	X(HANDSHAKE, SESSION_TO(CONNECTED) | SESSION_TO(CLOSING) | SESSION_TO(FREE))            \
	X(CONNECTED,                                                                            \
	  SESSION_TO(PENDING) | SESSION_TO(ASKING) | SESSION_TO(CLOSING) | SESSION_TO(FREE))    \
	X(PENDING,                                                                              \
	  SESSION_TO(LIVE) | SESSION_TO(CONNECTED) | SESSION_TO(CLOSING) | SESSION_TO(FREE))    \
	X(LIVE,                                                                                 \
	  SESSION_TO(CONNECTED) | SESSION_TO(PENDING) | SESSION_TO(CLOSING) | SESSION_TO(FREE)) \
	/* a player: control has to decide, then media goes to it */                            \
	X(ASKING,                                                                               \
	  SESSION_TO(PLAYING) | SESSION_TO(CONNECTED) | SESSION_TO(CLOSING) | SESSION_TO(FREE)) \
	X(PLAYING, SESSION_TO(CONNECTED) | SESSION_TO(CLOSING) | SESSION_TO(FREE))              \
	X(DISCARD, SESSION_TO(CLOSING) | SESSION_TO(FREE)) /* no RTMP: read and thrown away */  \
	X(CLOSING, SESSION_TO(FREE)) /* FIN is sent; what comes is set aside */

enum session_state {
#define SESSION_ENUM(name, to) SESSION_##name,
	SESSION_STATES(SESSION_ENUM)
#undef SESSION_ENUM
		SESSION_STATE_COUNT
};

struct session_table;

struct session {
	TAILQ_ENTRY(session) entry; /* in the queue of its state */
	struct session_table *table;
	struct tcp_conn *conn;
	LIST_HEAD(, publication) publications; /* none unless PENDING or LIVE */
	struct player *player;                 /* NULL unless ASKING or PLAYING */
	uint64_t deadline_us;
	uint64_t received_us; /* when something came last */
	uint64_t wire_bytes;
	enum session_state state;
	uint32_t id;        /* index in the table */
	uint32_t held_told; /* truesize of messages under way, as TCP knows it */
	bool doomed;        /* to be reset by session_settle() */
	uint16_t asked;     /* session_table.drain when it was asked to connect elsewhere */
	struct unread_replies unread;
	struct message_set messages;
	struct rtmp_server server;
};

TAILQ_HEAD(session_queue, session);

struct session_config {
	const struct config_rtmp *rtmp;
	uint16_t discard_port; /* connections to it are DISCARD; 0: none */
	uint32_t connections;
	int numa_node;
	uint64_t seed;
	struct publish_table *publish;
	struct player_table *players; /* NULL: nobody may play */
	struct message_pool *messages;
	struct rte_mempool *reply_pool;
	struct dp_counters *counters;
};

struct session_table {
	struct session *sessions; /* [count] */
	struct session_queue queues[SESSION_STATE_COUNT];
	uint64_t limit_us[SESSION_STATE_COUNT];
	TAILQ_HEAD(, publication) undecided; /* PENDING, the first to be decided first */
	struct session_config config;
	struct rtmp_server_config server_config;
	struct command_buffers buffers;
	struct rtmp_aggregate *aggregates; /* [aggregates_count] */
	struct rtmp_aggregate_pool aggregate_pool;
	uint32_t aggregates_count;
	uint64_t idle_us;
	uint64_t decision_us;
	uint32_t bytes_max; /* of the messages under way of a connection ... */
	uint32_t held_max;  /* ... and of the packets that they pin */
	uint64_t now_us;
	uint64_t random;
	uint32_t active;
	uint32_t measured;   /* slot that is measured next */
	uint32_t publishers; /* publications, PENDING or LIVE */
	bool shutdown;
	uint16_t drain;                         /* which one it is, never 0 */
	uint64_t rtmp_errors[RTMP_ERROR_COUNT]; /* by -code */
	uint64_t rtmp_notes[RTMP_NOTE_COUNT];
	struct rtmp_out out; /* replies of the session at work */
	uint8_t out_bytes[SESSION_OUT_SIZE];
};

/* 0 or -ENOMEM. */
int session_table_init(struct session_table *table, const struct session_config *config)
	__attribute__((warn_unused_result));
void session_table_fini(struct session_table *table);

/* A connection is there. NULL when no session is left. */
struct session *session_open(struct session_table *table, struct tcp_conn *conn);
/* The connection is gone. */
void session_gone(struct session *s);

/* In-order payload, whose ownership moves here. */
void session_received(struct session *s, struct rte_mbuf *chain);
void session_peer_closed(struct session *s);

/*
 * What control decided of a publication of the session, or that it ends one. `text` says more than
 * the reason does; empty: there is no more to say.
 */
void session_accept(struct session *s, struct publication *p, const char *name,
		    const struct publish_limits *limits);
void session_reject(struct session *s, struct publication *p, enum rtmp_reject why,
		    const char *text);

/*
 * Asks the peer to connect anew, to `tc_url` unless that is empty, when it said that it can; once
 * in a drain, whoever has control by then, and however many publications it has.
 */
void session_reconnect(struct session *s, const char *tc_url);
/* Another drain began: who was asked in the one before may be asked again. */
void session_begin_drain(struct session_table *table);

/* Runs time limits, at most `budget` of them. Returns true when more are due. */
bool session_expire(struct session_table *table, uint32_t budget);
/* Earliest time limit, UINT64_MAX for none. */
uint64_t session_next_us(const struct session_table *table);

/* Measures what publications pin, `count` slots at each call, in turn. */
void session_measure(struct session_table *table, uint32_t count);

/* Ends every session in order. */
void session_shutdown(struct session_table *table);

/* For the other files of the session: */

/* Changes the state and starts its time limit. */
void session_set_state(struct session *s, enum session_state state);
/* TCP took replies. False: the peer has so many of them to read that it is to be reset. */
bool session_note_replies(struct session *s, uint32_t bytes) __attribute__((warn_unused_result));
/* Sends the replies gathered in table->out. */
void session_flush(struct session *s);
/* Sends what there is, then FIN; ends the publications. */
void session_close(struct session *s);
/* The same, telling each publication why. */
void session_end(struct session *s, enum rtmp_reject why);
/* The address of the peer as text. */
void session_print_peer(const struct session *s, char *text, size_t size);
/* Last step of every entry: tells TCP what is held, resets a doomed connection. */
void session_settle(struct session *s);

#endif
