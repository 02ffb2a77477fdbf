/*
 * A connection beyond its handshake (or one that we open ourselves): RFC 9293 3.3.1, the TCB.
 *
 * Lines: what every received segment touches, then receiving, then sending, then the rest. What
 * only connections with loss need is in a side record. Half-open and TIME_WAIT connections are
 * not here but in compact records (syn.h, time_wait.h).
 */
#ifndef TCPSTACK_CONN_H
#define TCPSTACK_CONN_H

#include <stdalign.h>
#include <stddef.h>

#include "chain.h"
#include "key.h"
#include "ooo_queue.h"
#include "send_queue.h"
#include "state_table.h"
#include "tcpstack/tcp.h"
#include "timers.h"

struct tcp_cc_ops;
struct tcp_sender;

enum tcp_conn_flags {
	TCP_CONN_TIMESTAMPS = 1 << 0,     /* negotiated (RFC 7323) */
	TCP_CONN_SACK = 1 << 1,           /* negotiated (RFC 2018) */
	TCP_CONN_ACTIVE = 1 << 2,         /* opened by us */
	TCP_CONN_DEAD = 1 << 3,           /* closed() was called; waits to be freed */
	TCP_CONN_TOUCHED = 1 << 4,        /* in the stack's list for the end of the burst */
	TCP_CONN_DIRTY = 1 << 5,          /* in the stack's list for tcp_output() */
	TCP_CONN_ACK_PENDING = 1 << 6,    /* received something that wants an ACK */
	TCP_CONN_ACK_NOW = 1 << 7,        /* ... without delay */
	TCP_CONN_SYN_DUE = 1 << 8,        /* SYN or SYN-ACK to be sent */
	TCP_CONN_FIN_QUEUED = 1 << 9,     /* tcp_close() was called */
	TCP_CONN_FIN_SEEN = 1 << 10,      /* fin_seq is known */
	TCP_CONN_PEER_CLOSED = 1 << 11,   /* its FIN is in order; the upcall is due */
	TCP_CONN_RECOVERY = 1 << 12,      /* fast recovery by duplicate ACKs (dupack.h) */
	TCP_CONN_RETRANSMIT = 1 << 13,    /* the segment at snd_una goes out first */
	TCP_CONN_PERSIST = 1 << 14,       /* the retransmit timer probes a closed window */
	TCP_CONN_PROBE_DUE = 1 << 15,     /* a zero-window probe is to be sent */
	TCP_CONN_PROBED = 1 << 16,        /* one byte beyond snd_max may be acknowledged */
	TCP_CONN_KEEPALIVE_DUE = 1 << 17, /* a keepalive probe is to be sent */
	TCP_CONN_RTT_TIMED = 1 << 18,     /* rtt_seq and rtt_sent_us are being measured */
	TCP_CONN_SEND_REFUSED = 1 << 19,  /* tcp_send() said -EAGAIN */
	TCP_CONN_WRITABLE = 1 << 20,      /* the upcall is due */
	TCP_CONN_OVERRIDE_SWS = 1 << 21,  /* send less than the window wants (RFC 9293 3.8.6.2.1) */
	TCP_CONN_DUPLICATE_SEEN = 1 << 22, /* dsack is to be reported */
	TCP_CONN_REFUSED = 1 << 23,        /* the owner never had it: no closed() */
	TCP_CONN_WSCALE = 1 << 24,         /* negotiated, be the shift 0 or not */
	TCP_CONN_TIMED_OUT = 1 << 25,      /* what is at snd_una was sent again by a timeout */
};

/* What is known of the way to the peer (pmtu.h, ecn.h). */
enum tcp_path_flags {
	TCP_PATH_FULL_SENT = 1 << 0,  /* the first full-sized segment ends at pmtu_seq */
	TCP_PATH_FULL_ACKED = 1 << 1, /* one of this size has arrived */
	TCP_PATH_ECN_ASKED = 1 << 3,  /* our SYN asked for ECN (ecn.h) */
	TCP_PATH_ECN = 1 << 4,        /* negotiated (RFC 3168) */
	TCP_PATH_ECN_ECHO = 1 << 5,   /* a mark was received: ECE until CWR comes */
	TCP_PATH_CWR_DUE = 1 << 6,    /* the next new data says CWR */
	TCP_PATH_REDUCED = 1 << 7,    /* the window was reduced for what lies below reduced_seq */
	TCP_PATH_VANISHED = 1 << 8,   /* a larger unproven size did; nothing acknowledged since */
	TCP_PATH_CLAIM = 1 << 2, /* pmtu_claim, about the packet at pmtu_seq, awaits a timeout */
};

/* Pooled: what only connections with loss need; of sending, struct tcp_sender (sender.h). */
struct tcp_side {
	struct tcp_ooo_queue ooo;
	struct tcp_side *next_free;
};

struct tcp_conn {
	struct tcp_key key;
	uint32_t rcv_nxt;
	uint32_t rcv_adv;   /* right edge of the window as advertised */
	uint32_t rcv_acked; /* rcv_nxt in the last segment we sent: Last.ACK.sent of RFC 7323 */
	uint32_t ts_recent;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t snd_wnd;
	uint32_t flags; /* enum tcp_conn_flags */
	uint8_t state;  /* enum tcp_state; only conn_event() writes it */
	uint8_t rcv_wscale;
	uint8_t snd_wscale;
	uint8_t quick_acks; /* segments that are still acknowledged at once */
	uint16_t rcv_mss;   /* largest payload of a segment seen: "full-sized" */
	uint16_t rcv_avg;   /* moving average of the payload of an mbuf */

	/* Receiving. */
	struct tcp_stack *stack;
	void *user;
	struct tcp_side *side;
	uint32_t id;         /* for the trace: of no other connection */
	struct tcp_chain rx; /* in order, not handed up yet */
	uint32_t rx_len;
	uint32_t held; /* truesize that the owner still pins */
	uint64_t last_rx_us;
	uint32_t fin_seq; /* sequence number of the peer's FIN */
	struct tcp_sack_block dsack;
	uint32_t ts_recent_s; /* when ts_recent was taken */
	uint64_t rx_bytes;
	uint16_t path_flags;  /* enum tcp_path_flags */
	uint16_t mss_full;    /* mss before the path MTU was lowered, 0: it was not */
	uint32_t pmtu_seq;    /* see there */
	uint32_t reduced_seq; /* see there */
	uint16_t pmtu_claim;  /* MTU that a packet-too-big told */
	uint8_t full_lost;    /* timeouts of full-sized segments since the last progress */
	uint8_t lowered_at;   /* when the path MTU was lowered (pmtu.c) */
	uint32_t rcv_grant;   /* truesize that the window may promise (tune.h) */
	uint32_t round_seq;   /* rcv_nxt when the round began */
	uint32_t round_mark;  /* timestamp, or time, that ends it */
	uint32_t round_most;  /* bytes of the largest round so far */
	uint32_t round_limit; /* bytes in a round that make the window grow before its end */

	/* Sending. */
	struct tcp_send_queue send;
	uint32_t snd_max; /* highest sequence number sent, plus one */
	uint32_t snd_wl1;
	uint32_t snd_wl2;
	uint32_t snd_wnd_max;
	uint32_t iss;
	uint32_t recover; /* RFC 6582 */
	uint32_t cwnd;
	uint32_t ssthresh;
	const struct tcp_cc_ops *cc;
	struct tcp_sender *sender; /* NULL: none, or taken by another since */
	uint32_t cwnd_credit;      /* bytes acknowledged towards the next increase */
	uint32_t ts_offset;
	uint16_t mss; /* payload of a full segment, options that every segment carries deducted */
	uint8_t dup_acks;
	uint8_t backoff; /* timeouts since the last round-trip time was measured (Karn) */
	uint32_t srtt_us;
	uint32_t rttvar_us;
	uint32_t rto_us;
	uint32_t rtt_seq;
	uint64_t rtt_sent_us;
	uint64_t last_tx_us;
	uint64_t tx_bytes;

	/* Timers: deadlines, 0 for none; one wheel timer serves the earliest. */
	struct tcp_timer timer;
	uint64_t retransmit_at_us; /* RTO or persist */
	uint64_t ack_at_us;
	uint64_t life_at_us;  /* keepalive, FIN-WAIT-2 */
	uint64_t progress_us; /* when the peer last acknowledged something new */

	struct tcp_conn *dirty_next;
	struct tcp_conn *dirty_prev;
	uint32_t retransmits;
	uint32_t timeouts;
	uint32_t rx_out_of_order; /* segments, ever */
	uint32_t rx_duplicates;
	uint32_t rx_dsacks;
	uint32_t ecn_marks;
	uint32_t opened_ms; /* stack_milliseconds() */
	uint32_t index;
	uint16_t challenge_count;
	uint8_t keepalive_probes;
	uint8_t close_reason;
	uint32_t challenge_s;
	uint32_t timeout_ts; /* timestamp at the last retransmission timeout */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct tcp_conn) <= 512, "a connection is at most 512 bytes");
_Static_assert(offsetof(struct tcp_conn, stack) == 64, "hot receive fields are one cache line");

/* A fresh connection in the flow table, state CLOSED; NULL when there is none left. */
struct tcp_conn *conn_create(struct tcp_stack *stack, const struct tcp_key *key, uint32_t hash,
			     uint32_t replaced_ref);
/* Takes it out of all lists and the table, frees its mbufs, calls closed(). */
void conn_finish(struct tcp_conn *conn, enum tcp_close_reason reason);
/* Returns finished connections to the pool, once nobody up the call stack can refer to them. */
void conn_reap(struct tcp_stack *stack);

/* The only writer of `state`. */
void conn_event(struct tcp_conn *conn, enum tcp_event event);
/* Ends it by `event` at the end of the burst, after what was received has been handed up. */
void conn_end(struct tcp_conn *conn, enum tcp_event event, enum tcp_close_reason reason);

/* Has tcp_output() look at it. */
void conn_dirty(struct tcp_conn *conn);
/* Has the end of the burst look at it. */
void conn_touch(struct tcp_conn *conn);
/* Arms the wheel for a deadline that was just set. */
void conn_arm(struct tcp_conn *conn, uint64_t at_us);

/* NULL when the pool of side records is empty. */
struct tcp_side *conn_side_get(struct tcp_conn *conn);
/* Gives the side record back when nothing is in it. */
void conn_side_put(struct tcp_conn *conn);

static inline void conn_ack_now(struct tcp_conn *conn)
{
	conn->flags |= TCP_CONN_ACK_NOW | TCP_CONN_ACK_PENDING;
	conn_dirty(conn);
}

static inline uint32_t conn_ooo_segments(const struct tcp_conn *conn)
{
	return conn->side == NULL ? 0 : conn->side->ooo.segments;
}

#endif
