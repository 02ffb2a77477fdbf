/*
 * What happened to connections: a record for every event, always written, in rings that overwrite
 * the oldest. A ring for each kind of event, so that what happens often does not push out what
 * happens rarely: FLOW (segment by segment), CONN (life, loss, windows), DROP (what was refused,
 * and half-open connections).
 *
 * The rings may lie in memory that others map for reading (tcp_config.trace). One thread writes;
 * any number read, without a lock, as from a seqlock: see struct tcp_trace.
 */
#ifndef TCPSTACK_TRACE_RING_H
#define TCPSTACK_TRACE_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * X(name, ring, first argument, its kind, second argument, its kind). Sequence numbers are those of
 * the wire. The address of an IPv4 peer is whole, of an IPv6 peer its last four bytes.
 */
#define TCP_TRACE_EVENTS(X)                                        \
	X(opened, CONN, address, ADDRESS, port, NUMBER)            \
	X(negotiated, CONN, mss, NUMBER, flags, HEX)               \
	X(state, CONN, to, STATE, on, CAUSE)                       \
	X(closed, CONN, reason, CLOSE, retransmits, NUMBER)        \
	X(rx_run, FLOW, seq, SEQUENCE, len, NUMBER)                \
	X(rx_out_of_order, FLOW, seq, SEQUENCE, len, NUMBER)       \
	X(rx_filled, CONN, next, SEQUENCE, len, NUMBER)            \
	X(rx_duplicate, CONN, start, SEQUENCE, end, SEQUENCE)      \
	X(rx_acked, FLOW, una, SEQUENCE, cwnd, NUMBER)             \
	X(rx_dsack, CONN, start, SEQUENCE, end, SEQUENCE)          \
	X(rx_reset, CONN, seq, SEQUENCE, next, SEQUENCE)           \
	X(rtt, FLOW, sample_us, NUMBER, srtt_us, NUMBER)           \
	X(tx_ack, FLOW, ack, SEQUENCE, window, NUMBER)             \
	X(tx_data, FLOW, seq, SEQUENCE, len, NUMBER)               \
	X(tx_reset, CONN, seq, SEQUENCE, ack, SEQUENCE)            \
	X(retransmit, CONN, seq, SEQUENCE, why, WHY)               \
	X(timeout, CONN, rto_us, NUMBER, backoff, NUMBER)          \
	X(tail_loss_probe, CONN, seq, SEQUENCE, pto_us, NUMBER)    \
	X(recovery, CONN, cwnd, NUMBER, ssthresh, NUMBER)          \
	X(recovered, CONN, cwnd, NUMBER, ssthresh, NUMBER)         \
	X(undo, CONN, cwnd, NUMBER, ssthresh, NUMBER)              \
	X(idle_restart, CONN, cwnd, NUMBER, ssthresh, NUMBER)      \
	X(peer_window_closed, CONN, una, SEQUENCE, queued, NUMBER) \
	X(peer_window_opened, CONN, una, SEQUENCE, window, NUMBER) \
	X(window_probe, CONN, seq, SEQUENCE, backoff, NUMBER)      \
	X(window_closed, CONN, next, SEQUENCE, pinned, NUMBER)     \
	X(window_opened, CONN, next, SEQUENCE, window, NUMBER)     \
	X(window_grant, CONN, truesize, NUMBER, before, NUMBER)    \
	X(keepalive_probe, CONN, probes, NUMBER, _, NONE)          \
	X(path_mtu, CONN, mtu, NUMBER, before, NUMBER)             \
	X(ecn_congestion, CONN, cwnd, NUMBER, ssthresh, NUMBER)    \
	X(challenge, DROP, seq, SEQUENCE, next, SEQUENCE)          \
	X(dropped, DROP, counter, COUNTER, seq, SEQUENCE)          \
	X(refused, DROP, counter, COUNTER, address, ADDRESS)       \
	X(syn_received, DROP, address, ADDRESS, port, NUMBER)      \
	X(syn_ack_sent, DROP, address, ADDRESS, attempt, NUMBER)   \
	X(cookie_sent, DROP, address, ADDRESS, port, NUMBER)       \
	X(cookie_accepted, DROP, address, ADDRESS, port, NUMBER)   \
	X(reset_sent, DROP, address, ADDRESS, port, NUMBER)

/* What an argument is. X(name) */
#define TCP_TRACE_KINDS(X) \
	X(NONE)            \
	X(NUMBER)          \
	X(HEX)             \
	X(SEQUENCE)        \
	X(ADDRESS)         \
	X(STATE)           \
	X(CAUSE)           \
	X(COUNTER)         \
	X(CLOSE)           \
	X(WHY)

/* Why a segment is sent again. X(name, text) */
#define TCP_RETRANSMIT_REASONS(X)           \
	X(TIMEOUT, "timeout")               \
	X(FIRST, "first of a recovery")     \
	X(HOLE, "hole between SACK blocks") \
	X(PROBE, "tail loss probe")         \
	X(SYN, "SYN or SYN-ACK not answered")

enum tcp_trace_ring_index { TCP_TRACE_FLOW, TCP_TRACE_CONN, TCP_TRACE_DROP, TCP_TRACE_RINGS };

enum tcp_trace_kind {
#define TCP_TRACE_KIND_ENUM(name) TCP_TRACE_KIND_##name,
	TCP_TRACE_KINDS(TCP_TRACE_KIND_ENUM)
#undef TCP_TRACE_KIND_ENUM
		TCP_TRACE_KIND_COUNT
};

enum tcp_trace_event {
#define TCP_TRACE_ENUM(name, ring, a, a_kind, b, b_kind) TCP_TRACE_##name,
	TCP_TRACE_EVENTS(TCP_TRACE_ENUM)
#undef TCP_TRACE_ENUM
		TCP_TRACE_EVENT_COUNT
};

enum tcp_trace_ring_of {
#define TCP_TRACE_RING_ENUM(name, ring, a, a_kind, b, b_kind) \
	TCP_TRACE_RING_OF_##name = TCP_TRACE_##ring,
	TCP_TRACE_EVENTS(TCP_TRACE_RING_ENUM)
#undef TCP_TRACE_RING_ENUM
};

enum tcp_retransmit_reason {
#define TCP_RETRANSMIT_ENUM(name, text) TCP_RETRANSMIT_##name,
	TCP_RETRANSMIT_REASONS(TCP_RETRANSMIT_ENUM)
#undef TCP_RETRANSMIT_ENUM
		TCP_RETRANSMIT_REASON_COUNT
};

struct tcp_trace_record {
	/*
	 * Microseconds times 65536, plus a number that orders what happened in the same
	 * microsecond, in whichever ring.
	 */
	_Atomic uint64_t stamp;
	_Atomic uint32_t connection; /* tcp_info.id; 0: none */
	_Atomic uint32_t event;      /* enum tcp_trace_event */
	_Atomic uint32_t a;
	_Atomic uint32_t b;
};

/*
 * Record number n of ring r stands at records[r * size + n % size], with the size that
 * tcp_config.trace_records gave. `head` counts records written. A reader loads it with acquire,
 * reads records below it, runs an acquire fence and loads it again: record n is whole if then
 * n + size > head, else it was overwritten and is lost.
 */
struct tcp_trace {
	struct {
		alignas(64) _Atomic uint64_t head;
	} ring[TCP_TRACE_RINGS];
	alignas(64) struct tcp_trace_record records[];
};

_Static_assert(sizeof(struct tcp_trace_record) == 24, "trace record");
_Static_assert(sizeof(struct tcp_trace) == sizeof(uint64_t[8]) * TCP_TRACE_RINGS, "trace rings");

static inline size_t tcp_trace_size(uint32_t records)
{
	return sizeof(struct tcp_trace) +
	       (size_t)TCP_TRACE_RINGS * records * sizeof(struct tcp_trace_record);
}

struct tcp_trace_description {
	const char *name;
	enum tcp_trace_ring_index ring;
	const char *argument[2]; /* names; of kind NONE: "_" */
	enum tcp_trace_kind kind[2];
};

/* NULL for what is no event. */
const struct tcp_trace_description *tcp_trace_describe(uint32_t event);
/* Name of a value of a kind that has names (STATE, CAUSE, COUNTER, CLOSE, WHY), else NULL. */
const char *tcp_trace_value_name(enum tcp_trace_kind kind, uint32_t value);

#endif
