/*
 * Publications of one worker: the stream table in `pub` (control/abi/pub.h), each with its log.
 *
 * Life of a slot: publish_open() PENDING -> publish_live() LIVE -> publish_end() ENDED -> reclaimed
 * and free again. The log is opened with the slot, so that position 0 is the first message that the
 * publisher sent, decided or not. One that never was LIVE has no consumer and ends at once. Any
 * other is kept until its consumer has released all of it. Nothing is ever given back above the
 * tail of an attached control, which may read it: one that does not release an ended publication
 * within PUBLISH_LINGER_US is hung (publish_table.hung), and the link ends it.
 *
 * Without an attached control (publish_attach.c) the dataplane is its own consumer
 * (publish_unread.c): publications keep what admission promised them, and ended ones are kept for
 * PUBLISH_LINGER_US, so that the next control finds everything.
 *
 * One thread, the worker's. `sub` is hostile: each value is loaded once and range-checked.
 */
#ifndef DP_PUBLISH_H
#define DP_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "dataplane/counters.h"
#include "dataplane/log_writer.h"
#include "dataplane/publish_admission.h"
#include "dataplane/publish_gops.h"
#include "dataplane/publish_notify.h"
#include "dataplane/publish_resume.h"
#include "rtmp/message.h"

#define PUBLISH_LINGER_US    UINT64_C(30000000)
#define PUBLISH_ENDING_US    UINT64_C(10000) /* how often ended ones want to be looked at */
/* Segments of 1,140 bytes pin 2,368. In all no more than what admission reserves is pinned. */
#define PUBLISH_EARLY_FACTOR 3u
#define PUBLISH_EARLY_LIMIT  (UINT32_MAX / PUBLISH_EARLY_FACTOR)

struct abi_sub;
struct message;
struct message_pool;
struct rtmp_server;
struct session;

/* What control said with the accept. */
struct publish_limits {
	uint32_t message_max;    /* bytes; 0: as configured */
	uint32_t idle_ms;        /* 0: as configured */
	uint32_t first_media_ms; /* 0: media need not come */
};

struct publication {
	struct session *session; /* NULL when it ended */
	uint64_t live_us;
	struct publish_limits limits;
	/* The session's (session_publish.c): */
	LIST_ENTRY(publication) sibling;    /* publications of the same session */
	TAILQ_ENTRY(publication) undecided; /* PENDING: whose time limit is next */
	uint64_t decide_us;                 /* PENDING: when control must have decided */
	uint64_t heard_us;                  /* when a piece of a message came last */
	uint32_t stream_id;                 /* message stream that it comes on */

	struct log_writer log;
	uint64_t generation;
	uint64_t keyframe;   /* position of the last keyframe; UINT64_MAX: none */
	uint32_t early_left; /* payload that may come before control decided, */
	uint32_t early_room; /* and the truesize that it may pin */
	uint64_t ended_us;
	uint64_t drop_to; /* without a control: what lies below is dropped */
	struct publish_gops gops;
	struct publish_reservation reservation;
	uint32_t slot;
	uint32_t place; /* in publish_table.slots */
	enum abi_stream_state state;
	bool lived;          /* it was LIVE */
	bool closing;        /* ended, and its log is being given back */
	bool want_key;       /* video was dropped: no more of it before the next keyframe */
	uint8_t owed;        /* events that found the ring full, a bit for each type */
	uint8_t video_track; /* whose keyframes begin GOPs */
	bool announced;      /* in the news of this loop */
};

/* How short packets or log blocks are, and what is given up: each level what those before it do. */
enum publish_pressure {
	PUBLISH_PRESSURE_NONE = 0,
	PUBLISH_PRESSURE_SHED,  /* out-of-order data, and retained GOPs, the longest first */
	PUBLISH_PRESSURE_TIGHT, /* no new publications */
	PUBLISH_PRESSURE_LOW,   /* keyframes, headers and metadata alone: so that control, which
				   keeps a GOP until the next one begins, can release it */
	PUBLISH_PRESSURE_FULL,  /* nothing: what is left is for the port's rings */
};

struct publish_table {
	struct abi_stream *streams;
	struct abi_header_block *scratch; /* where a header block is put together */
	struct publication *publications; /* [count], by slot */
	struct publish_resume *resume;    /* [count], by slot: where origins go on */
	uint32_t *slots;                  /* [count], those in use before those that are free */
	uint32_t count;
	uint32_t active_count; /* slots in use */
	uint32_t sweep_next;   /* place in `slots` that the next sweep begins at */
	uint32_t ending_count; /* of them, ended and not yet given back */
	uint64_t swept_us;     /* when the last sweep was */
	struct publish_notify notify;
	struct log_pool pool;
	struct message_pool *messages;
	struct abi_sub *sub;                /* NULL: no control is attached */
	uint64_t attached_us;               /* when the sweep saw it first; 0: not yet */
	bool hung;                          /* it does not release what ended */
	struct publish_admission admission; /* all are admitted unless the owner says otherwise */
	enum dp_counter refused;            /* why publish_open() returned NULL last */
	struct dp_counters *counters;
	uint32_t early_max;
	int numa_node;
	enum publish_pressure pressure;
	uint32_t *dirty; /* [count], slots with news in this loop */
	uint32_t dirty_count;
};

/* Publications in use, by number below active_count: publish_free() changes their order. */
static inline struct publication *publish_active(const struct publish_table *table, uint32_t number)
{
	return &table->publications[table->slots[number]];
}

/*
 * 0 or -ENOMEM. `early_max`: payload that a publisher may send before control decided, at most
 * PUBLISH_EARLY_LIMIT; it may pin PUBLISH_EARLY_FACTOR times as much truesize.
 */
int publish_table_init(struct publish_table *table, struct abi_pub *pub,
		       struct message_pool *messages, struct dp_counters *counters,
		       uint32_t early_max, int numa_node) __attribute__((warn_unused_result));
/* Gives back all that logs still hold. */
void publish_table_fini(struct publish_table *table);

struct publish_request {
	struct session *session;
	uint32_t connection;
	const char *peer;
	const char *app;
	const char *name;
	const struct rtmp_server *server; /* what the encoder said of itself */
	uint64_t now_us;
};

/*
 * A slot turns PENDING and control is asked. NULL: no memory, no slot, or no room for
 * events; table->refused says which.
 */
struct publication *publish_open(struct publish_table *table,
				 const struct publish_request *request);

/* The publication that a command names, or NULL when it is gone. */
struct publication *publish_find(struct publish_table *table, uint32_t slot, uint64_t generation);

/* Accepted under the public name `name` (any bytes of control, ABI_NAME_MAX of them). */
void publish_live(struct publish_table *table, struct publication *p, const char *name,
		  const struct publish_limits *limits, uint64_t now_us);

/* Why it is about to end (abi_stream.end_reason, end_error). */
void publish_say_why(struct publish_table *table, const struct publication *p, uint32_t reason,
		     uint32_t error);

/* Whether a message of audio or video came. */
bool publish_has_media(const struct publish_table *table, const struct publication *p);

/* The publisher is gone, or was refused. */
void publish_end(struct publish_table *table, struct publication *p, uint64_t now_us);

/*
 * Appends the complete message in `slot` of the chunk reader. Returns true when the log took its
 * references over; false when it was dropped (counted).
 */
bool publish_append(struct publish_table *table, struct publication *p,
		    const struct rtmp_message *header, const struct message *message,
		    uint64_t now_us);

/* TCP payload that the connection of `p` received so far. */
static inline void publish_wire_bytes(struct publish_table *table, const struct publication *p,
				      uint64_t bytes)
{
	atomic_store_explicit(&table->streams[p->slot].wire_bytes, bytes, memory_order_relaxed);
}

/*
 * Gives back what control released, and what ended: some publications at each call, in turn.
 * Returns true when there is more to do now.
 */
bool publish_sweep(struct publish_table *table, uint64_t now_us);

/* End of a loop: the news of the loop, and the wake-ups. */
void publish_flush(struct publish_table *table, uint64_t now_us);

/*
 * Packets run short and no control is attached: marks what the next sweeps give up. Looks at every
 * publication: for once in a while.
 */
void publish_shed_unread(struct publish_table *table);

/* What a publication pins beside its log (messages under way, TCP): measured, shown, promised. */
void publish_measure(struct publish_table *table, struct publication *p, uint64_t partial,
		     uint64_t ooo, uint64_t now_us);

/* ... when its publisher is gone: only the log is left, and grows no more. */
void publish_settle(struct publish_table *table, struct publication *p);

/*
 * The consumer is another one now, or nobody (NULL). Of the old `sub`, which is looked at for the
 * last time, the positions of origins are kept. A new one is seeded: event_tail, and of every
 * publication that is there the tail and those positions.
 */
void publish_attach(struct publish_table *table, struct abi_sub *sub);

#endif
