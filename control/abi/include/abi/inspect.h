/*
 * What a worker shows of its connections: a trace of what happens to them, always written, and on
 * request a page of what they are. Both are parts of `pub`.
 *
 * Numbers of enumerations that are not control's business come with their names: struct abi_names
 * is a part of the table of names in `pub`; value v of it is called names[first + v].
 */
#ifndef ABI_INSPECT_H
#define ABI_INSPECT_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ABI_NAMES_MAX        512u
#define ABI_TRACE_RINGS      3u
#define ABI_TRACE_RECORDS    16384u /* of a ring; a power of two */
#define ABI_TRACE_EVENTS_MAX 64u
#define ABI_PAGE_CONNECTIONS 256u
#define ABI_PAGE_END         UINT32_MAX
#define ABI_PAGE_RECORDS     (UINT32_C(1) << 31) /* of a slot: see abi_inspect */
#define ABI_NO_STREAM        UINT32_MAX

struct abi_name {
	char text[48];
};

struct abi_names {
	uint32_t first;
	uint32_t count;
};

/*
 * The trace: rings that overwrite their oldest, so that what happens often pushes out only its
 * like. Record number n of ring r stands at records[r * trace_records + n % trace_records]; `head`
 * counts those written. A reader loads it with acquire, reads what lies below, runs an acquire
 * fence and loads it again: record n is whole if then n + trace_records > head, else it is lost.
 */
struct abi_trace_record {
	/*
	 * Microseconds of the dataplane's clock times 65536, plus a number that orders what
	 * happened in the same one, in whichever ring.
	 */
	_Atomic uint64_t stamp;
	_Atomic uint32_t connection; /* id within the worker; 0: none */
	_Atomic uint32_t event;      /* index of its struct abi_trace_event */
	_Atomic uint32_t argument[2];
};

struct abi_trace {
	struct {
		alignas(64) _Atomic uint64_t head;
	} ring[ABI_TRACE_RINGS];
	alignas(64) struct abi_trace_record records[];
};

enum abi_trace_kind {
	ABI_TRACE_NONE = 0, /* there is no such argument */
	ABI_TRACE_NUMBER,
	ABI_TRACE_HEX,
	ABI_TRACE_SEQUENCE, /* TCP sequence number, as on the wire */
	ABI_TRACE_ADDRESS,  /* four bytes as they stand: IPv4, or the end of IPv6 */
	ABI_TRACE_NAMED,    /* `names` says what it means */
};

struct abi_trace_argument {
	char name[24];
	uint32_t kind; /* enum abi_trace_kind */
	struct abi_names names;
	uint32_t reserved;
};

struct abi_trace_event {
	char name[32];
	uint32_t ring;
	uint32_t reserved;
	struct abi_trace_argument argument[2];
};

/* TCP options that both sides agreed on, and what is going on. */
enum abi_connection_flags {
	ABI_CONNECTION_TIMESTAMPS = 1 << 0,
	ABI_CONNECTION_SACK = 1 << 1,
	ABI_CONNECTION_WSCALE = 1 << 2,
	ABI_CONNECTION_ECN = 1 << 3,
	ABI_CONNECTION_RECOVERY = 1 << 4, /* loss is being repaired */
	ABI_CONNECTION_PERSIST = 1 << 5,  /* the peer's window is closed */
	ABI_CONNECTION_FIN_QUEUED = 1 << 6,
	ABI_CONNECTION_PEER_CLOSED = 1 << 7,
};

struct abi_connection {
	/* Of no other connection of the worker, before 4 billion; 0: half-open, or in TIME_WAIT. */
	uint32_t id;
	uint32_t slot;
	uint64_t stream_generation; /* publication that it carries: abi_stream */
	uint32_t stream_slot;       /* ABI_NO_STREAM: none */
	uint16_t flags;             /* enum abi_connection_flags */
	uint8_t tcp_state;          /* abi_pub.tcp_states */
	uint8_t session_state;      /* abi_pub.session_states */
	uint8_t local[16];          /* IPv6, or IPv4-mapped */
	uint8_t remote[16];
	uint16_t local_port; /* host byte order */
	uint16_t remote_port;
	uint32_t age_ms;

	uint64_t rx_bytes; /* payload in order */
	uint64_t tx_bytes; /* payload, retransmissions included */
	uint32_t idle_rx_ms;
	uint32_t idle_tx_ms;

	uint32_t rtt_us; /* 0: not measured */
	uint32_t rttvar_us;
	uint32_t rtt_min_us; /* 0: not known */
	uint32_t rto_us;
	uint32_t cwnd;
	uint32_t ssthresh; /* UINT32_MAX: none yet */
	uint16_t mss;
	uint16_t rcv_mss;
	uint16_t path_mtu;
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	uint32_t snd_wnd;
	uint32_t snd_wnd_max;
	uint32_t rcv_wnd;
	uint32_t rcv_wnd_limit; /* that it is granted now */
	uint32_t send_queue;    /* bytes queued, those in flight included */
	uint32_t in_flight;
	uint32_t snd_una; /* sequence numbers */
	uint32_t snd_nxt;
	uint32_t rcv_nxt;

	uint32_t pinned; /* bytes of truesize: out of order, and held by its session */
	uint32_t held;   /* of them, by its session */
	uint32_t ooo_segments;
	uint32_t ooo_ranges;
	uint32_t rx_out_of_order; /* segments, ever */
	uint32_t rx_duplicates;   /* segments, ever: what D-SACK reports */
	uint32_t rx_dsacks;       /* of the peer, ever */
	uint32_t retransmits;     /* segments, ever */
	uint32_t timeouts;        /* ever */
	uint32_t ecn_marks;       /* segments that came marked, ever */

	uint32_t retransmit_in_us; /* until the timer fires; 0: not armed */
	uint32_t ack_in_us;
	uint32_t life_in_us; /* keepalive and the like; end of TIME_WAIT */
	uint8_t backoff;
	uint8_t dup_acks;
	uint8_t keepalive_probes;
	uint8_t reserved;
	char congestion[12]; /* name of the algorithm */
};

/*
 * A page of connections, written by the worker when abi_sub.inspect asks for it. `answered` is
 * stored with release when the rest is complete; nothing of it changes before the next request.
 */
struct abi_page {
	_Atomic uint64_t answered; /* the request's number */
	uint64_t time_us;
	uint32_t count;
	uint32_t next; /* slot to go on at, ABI_PAGE_END: this was the last page */
	uint32_t half_open;
	uint32_t time_wait;
	alignas(64) struct abi_connection connections[ABI_PAGE_CONNECTIONS];
};

/*
 * Part of `sub`: which page is wanted. Control writes `from` and `id` and then, with release, a
 * number in `request` that it has not used; 0 asks for nothing. The worker looks at some slots each
 * loop until the page is full, or some thousand slots are behind it. Slots from ABI_PAGE_RECORDS on
 * are those of what is half-open or in TIME_WAIT: such entries have their ends, state, options, age
 * and timers only.
 */
struct abi_inspect {
	_Atomic uint64_t request;
	_Atomic uint32_t from; /* slot */
	_Atomic uint32_t id;   /* only this connection; 0: all */
};

static_assert(sizeof(struct abi_trace_record) == 24, "trace record");
static_assert(sizeof(struct abi_trace) == sizeof(uint64_t[8]) * ABI_TRACE_RINGS, "trace rings");
static_assert(sizeof(struct abi_trace_argument) == 40, "trace argument");
static_assert(sizeof(struct abi_trace_event) == 120, "trace event");
static_assert(sizeof(struct abi_connection) == 224, "connection");
static_assert(offsetof(struct abi_connection, rx_bytes) == 64, "connection");
static_assert(offsetof(struct abi_page, connections) == 64, "page");
static_assert(sizeof(struct abi_inspect) == 16, "inspect");

static inline uint64_t abi_trace_size(uint32_t records)
{
	return sizeof(struct abi_trace) +
	       (uint64_t)ABI_TRACE_RINGS * records * sizeof(struct abi_trace_record);
}

#endif
