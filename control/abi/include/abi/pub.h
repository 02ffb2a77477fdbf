/*
 * `pub`: what one worker of the dataplane shows to control. Written by that worker only; control
 * has it read-only, and the kernel enforces that (sealed memfd).
 *
 * Layout: struct abi_pub at offset 0; the tables at the offsets that it names, each aligned to
 * 4096. Offsets and sizes are constant once the region is handed over.
 *
 * Fields that change are _Atomic; plain fields are constant, or guarded as their comment says.
 */
#ifndef ABI_PUB_H
#define ABI_PUB_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/inspect.h"
#include "abi/log.h"

#define ABI_MAGIC        UINT64_C(0x4b434f54534e4550) /* "PENSTOCK", little-endian */
#define ABI_VERSION      6u

#define ABI_COUNTERS_MAX 256u
#define ABI_COUNTER_NAME 48u
#define ABI_COUNTER_TEXT 80u
#define ABI_APP_MAX      128u
#define ABI_NAME_MAX     512u
#define ABI_PEER_MAX     64u
#define ABI_ENCODER_MAX  64u
#define ABI_HEADERS_MAX  24u
#define ABI_HEADER_SIZE  4096u
#define ABI_EVENT_RING   4096u /* events; a power of two */
#define ABI_NEWS_RING    4096u /* stream slots; a power of two */

/*
 * Stream slot. `generation` is even while the slot is free or being filled and odd while a
 * publication lives in it; every new publication has a higher one, so that slot + generation name a
 * publication for ever. Fields marked (fixed) are written before generation turns odd and constant
 * until it changes.
 */
enum abi_stream_state {
	ABI_STREAM_FREE = 0,
	ABI_STREAM_PENDING, /* control has to accept or reject */
	ABI_STREAM_LIVE,
	ABI_STREAM_ENDED, /* the publisher is gone; the log waits for its consumer */
};

/* A message that is a header (enum abi_header_kind), as it came. */
struct abi_header {
	uint64_t position; /* of the entry it was copied from */
	uint32_t timestamp;
	uint16_t length;
	uint16_t offset; /* in abi_header_block.data */
	uint8_t type;    /* these four as in the entry */
	uint8_t kind;
	uint8_t track;
	uint8_t flags;
	uint32_t reserved;
};

/*
 * The headers of a stream: a block of the log's pool, taken when the first one comes. Guarded by
 * abi_stream.header_sequence (a seqlock: odd while the worker writes). Copy out as words, then
 * check. It is the stream's as long as its log is.
 *
 * There is one of each kind for each track, and one for each first track of messages that have
 * several (ABI_LOG_TRACKS). They stand by kind, and within one in the order in which they came, so
 * that of two that speak of the same track the later one is the one in force.
 */
struct abi_header_block {
	uint32_t used; /* bytes of data */
	uint32_t count;
	struct abi_header headers[ABI_HEADERS_MAX];
	_Atomic uint64_t
		data[(ABI_HEADER_SIZE - 8 - ABI_HEADERS_MAX * sizeof(struct abi_header)) / 8];
};

struct abi_stream {
	/* written per burst */
	alignas(64) _Atomic uint64_t head; /* position after the last complete message */
	_Atomic uint64_t reclaimed;        /* everything below was given back */
	_Atomic uint32_t reclaimed_block;  /* block of `reclaimed` (or of the next unit to come) */
	_Atomic uint32_t state;            /* enum abi_stream_state */
	_Atomic uint64_t generation;
	_Atomic uint64_t bytes; /* payload of complete messages */
	_Atomic uint64_t messages;
	_Atomic uint64_t keyframes;

	alignas(64) _Atomic uint64_t video_messages;
	_Atomic uint64_t audio_messages;
	_Atomic uint64_t data_messages;
	_Atomic uint64_t dropped_messages; /* complete, but no room in the log */
	_Atomic uint64_t pinned_bytes;     /* of packet memory that the log holds */
	_Atomic uint64_t last_timestamp;   /* ms of the last message */
	_Atomic uint64_t last_arrived_us;
	_Atomic uint64_t wire_bytes; /* TCP payload received on the connection */

	/* memory, as abi_pub counts it; written once per tick */
	alignas(64) _Atomic uint64_t reserved_bytes; /* promised by admission */
	_Atomic uint64_t partial_bytes;              /* pinned by messages not complete yet */
	_Atomic uint64_t ooo_bytes;                  /* pinned by TCP, out of order */
	_Atomic uint64_t dropped_unread_messages;    /* by the dataplane, without a control */
	_Atomic uint32_t header_sequence;            /* guards header_block and what is in it */
	_Atomic uint32_t header_block;               /* ABI_LOG_NO_BLOCK: there is none */

	alignas(64) uint64_t started_us; /* (fixed) dataplane clock */
	uint32_t first_block;            /* of position 0; written before `head` is above 0 */
	uint32_t connection;             /* (fixed) id within the worker */
	char peer[ABI_PEER_MAX];         /* (fixed) "198.18.0.1:50000", "[fd00::1]:50000" */
	char app[ABI_APP_MAX];           /* (fixed) */
	char asked[ABI_NAME_MAX]; /* (fixed) name as published, query and key included: SECRET */
	char name[ABI_NAME_MAX];  /* public name; set from the accept, before LIVE */

	/* (fixed) what the encoder said of itself in connect */
	char encoder[ABI_ENCODER_MAX]; /* flashVer, printable ASCII, cut to fit; "": none */
	uint32_t caps_ex;              /* Enhanced RTMP v2: capsEx, 0: none */
	uint16_t video_function;       /* Enhanced RTMP: videoFunction */
	uint8_t enhanced;              /* it offered Enhanced RTMP, by any of its properties */
	uint8_t amf3;                  /* objectEncoding 3 */

	/* why it was ended, written before ENDED; 0: it left by itself, or was lost */
	_Atomic uint32_t end_reason; /* enum rtmp_reject + 1 */
	_Atomic uint32_t end_error;  /* -RTMP_ERR(): what it sent was not allowed */
};

#define ABI_CAPS_RECONNECT 1u /* of caps_ex */

/* Events: worker -> control, a ring with one producer and one consumer. */
enum abi_event_type {
	ABI_EVENT_PUBLISH = 1, /* slot turned PENDING: accept or reject it */
	ABI_EVENT_LIVE,        /* slot turned LIVE: relay it (name is set) */
	ABI_EVENT_ENDED,       /* the publisher is gone; `value` is the last position */
	/* slot and generation of a player (abi/play.h) */
	ABI_EVENT_PLAY = 16, /* slot turned ASKED: accept or reject it */
	ABI_EVENT_PLAY_ENDED,
};

struct abi_event {
	uint32_t type;
	uint32_t slot;
	uint64_t generation;
	uint64_t value;
	uint64_t time_us;
};

struct abi_counter {
	char name[ABI_COUNTER_NAME];
	char text[ABI_COUNTER_TEXT];
};

struct abi_pub {
	uint64_t magic;
	uint32_t version;
	uint32_t worker;     /* index = region number of its packet memory */
	uint64_t generation; /* of the dataplane process, random, never 0 */
	uint64_t size;       /* bytes of this region */
	uint32_t streams;    /* slots */
	uint32_t blocks;     /* log blocks */
	uint32_t counters;   /* in use */
	uint32_t cpu;
	int32_t numa_node;
	uint32_t connection_slots;     /* of TCP */
	uint64_t streams_offset;       /* struct abi_stream[streams] */
	uint64_t block_next_offset;    /* _Atomic uint32_t[blocks] */
	uint64_t blocks_offset;        /* struct abi_log_block[blocks] */
	uint64_t events_offset;        /* struct abi_event[ABI_EVENT_RING] */
	uint64_t news_offset;          /* _Atomic uint32_t[ABI_NEWS_RING] */
	uint64_t counter_names_offset; /* struct abi_counter[counters] */
	uint64_t trace_offset;         /* struct abi_trace */
	uint64_t trace_events_offset;  /* struct abi_trace_event[trace_events] */
	uint64_t names_offset;         /* struct abi_name[names] */
	uint64_t page_offset;          /* struct abi_page */
	uint32_t trace_records;        /* of each ring; a power of two */
	uint32_t trace_events;
	uint32_t names;
	uint32_t players; /* slots; 0: nobody may play */
	struct abi_names tcp_states;
	struct abi_names session_states;
	uint64_t players_offset; /* struct abi_player[players] (abi/play.h) */
	uint64_t play_total;     /* bytes of truesize that players of all workers may pin */

	alignas(128) _Atomic uint64_t event_head;   /* events written */
	alignas(128) _Atomic uint64_t news_head;    /* news written; old ones are overwritten */
	alignas(128) _Atomic uint64_t command_tail; /* commands of abi_sub consumed */
	/*
	 * Set by the worker before it sleeps on its eventfd of commands; it then runs a seq_cst
	 * fence and looks once more. Control, having written commands, runs a seq_cst fence and
	 * writes the eventfd when the flag is set.
	 */
	_Atomic uint32_t sleeping;

	/* written once per loop or less */
	alignas(128) _Atomic uint64_t heartbeat_us; /* dataplane clock */
	_Atomic uint64_t epoch;                     /* of the attached control, 0: none */
	_Atomic uint64_t loops;
	_Atomic uint64_t empty_polls;
	_Atomic uint64_t busy_cycles;
	_Atomic uint64_t total_cycles;
	_Atomic uint64_t tsc_hz;
	_Atomic uint64_t connections;
	_Atomic uint64_t publishers;
	_Atomic uint64_t blocks_free;
	_Atomic uint64_t packets_free; /* mbufs */
	_Atomic uint64_t packets_total;

	/*
	 * Who pins packet memory, in bytes of truesize, each by its own count; written with the
	 * counters. Of all workers together (with a software spread they hold mbufs of each other's
	 * pools) they are what is not free; free is packets_free * truesize. reserve_bytes stands
	 * for the part of it, and of what the rings hold, that no stream is ever given.
	 */
	alignas(128) _Atomic uint64_t pinned_log_bytes; /* media logs: GOPs and what is not sent */
	_Atomic uint64_t pinned_partial_bytes;          /* messages not complete yet */
	_Atomic uint64_t pinned_ooo_bytes;              /* TCP, out of order or not read yet */
	_Atomic uint64_t pinned_ring_bytes; /* rx descriptors, between workers, echoes */
	_Atomic uint64_t reserve_bytes;     /* kept for the rx rings: never given to streams */
	_Atomic uint64_t reserved_bytes;    /* promised by admission */
	_Atomic uint64_t truesize;          /* bytes that one mbuf pins, whatever it carries */
	/* Not of packet memory but of the players' own, which is that of all workers: copies of
	 * what players are sent. */
	_Atomic uint64_t play_bytes;

	alignas(128) _Atomic uint64_t counter[ABI_COUNTERS_MAX];

	/*
	 * What control said of draining (abi/sub.h), so that the next one goes on with it: written
	 * when a command is obeyed, read at the attach before any command is given.
	 */
	_Atomic uint64_t drain_until_us; /* dataplane clock; UINT64_MAX: no limit; 0: no drain */
	char drain_target[ABI_NAME_MAX]; /* URL that publishers are asked to go to, or empty */
};

static_assert(sizeof(struct abi_event) == 32, "event");
static_assert(sizeof(struct abi_header) == 24, "header");
static_assert(sizeof(struct abi_header_block) == sizeof(struct abi_log_block), "header block");
static_assert(sizeof(struct abi_stream) == 1536, "stream slot");
static_assert(offsetof(struct abi_stream, reserved_bytes) == 128, "memory of a stream slot");
static_assert(offsetof(struct abi_stream, started_us) == 192, "constant part of a stream slot");
static_assert(sizeof(struct abi_counter) == 128, "counter name");
static_assert(offsetof(struct abi_pub, event_head) == 256, "ring heads stand apart");
static_assert(offsetof(struct abi_pub, news_head) == 384, "ring heads stand apart");
static_assert(offsetof(struct abi_pub, command_tail) == 512, "ring heads stand apart");
static_assert(offsetof(struct abi_pub, heartbeat_us) == 640, "accounting");
static_assert(offsetof(struct abi_pub, pinned_log_bytes) == 768, "memory");
static_assert(offsetof(struct abi_pub, counter) == 896, "counters");
static_assert(sizeof(_Atomic uint64_t) == 8, "atomics are plain words");

#endif
