/*
 * TCP as a library (RFC 9293): packets in, packets out, in-order data to the owner of the
 * connection.
 *
 * A struct tcp_stack is one shard: one thread uses it, it shares nothing with others, reads no
 * clock and touches no port. The caller gives bursts of IP packets and the time; it takes finished
 * IP packets back from tcp_output(). Upcalls happen only inside tcp_input(), tcp_icmp_error() and
 * tcp_timers().
 *
 * Packets are rte_mbufs whose data begins at the IP header (link layer stripped). Packets that
 * leave carry l3_len, l4_len and, when offloads are configured, the PKT_TX flags for them; the
 * caller puts the link-layer header in front (128 bytes of headroom are kept). With TCP_SEG (and
 * the checksums, which segmentation needs) packets of new data have up to 64 KiB for the port to
 * cut.
 *
 * Memory: tcp_stack_create() allocates everything, from then on nothing is allocated but mbufs
 * from the pools given. A full table or an empty pool is counted and survived.
 *
 * Time is in microseconds of any monotonic clock and must not go backwards.
 */
#ifndef TCPSTACK_TCP_H
#define TCPSTACK_TCP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcpstack/counters.h"
#include "tcpstack/state.h"

struct rte_mbuf;
struct rte_mempool;
struct tcp_conn;
struct tcp_stack;
struct tcp_trace;

/* IPv4 addresses stand as IPv4-mapped IPv6 (RFC 4291 2.5.5.2). Ports are in host byte order. */
struct tcp_endpoint {
	struct in6_addr addr;
	uint16_t port;
};

/* Why a connection ended. X(name, text) */
#define TCP_CLOSE_REASONS(X)                               \
	X(NORMAL, "both sides closed")                     \
	X(RESET, "reset by the peer")                      \
	X(ABORTED, "aborted by us")                        \
	X(TIMEOUT, "retransmissions were not answered")    \
	X(KEEPALIVE, "keepalive probes were not answered") \
	X(UNREACHABLE, "the peer cannot be reached")       \
	X(REFUSED, "connection refused")                   \
	X(RESOURCE, "out of memory")

enum tcp_close_reason {
#define TCP_CLOSE_ENUM(name, text) TCP_CLOSE_##name,
	TCP_CLOSE_REASONS(TCP_CLOSE_ENUM)
#undef TCP_CLOSE_ENUM
		TCP_CLOSE_REASON_COUNT
};

const char *tcp_close_reason_text(enum tcp_close_reason reason);

/*
 * Upcalls to the owner of connections. `user` is what tcp_set_user() stored. Any of them may call
 * tcp_send(), tcp_close(), tcp_release() and tcp_abort() on any connection of the stack; after
 * tcp_abort() of its own connection it must not touch that again.
 */
struct tcp_ops {
	/*
	 * A passive connection is established. Return false to have it reset: closed() is then
	 * not called.
	 */
	bool (*accepted)(void *app, struct tcp_conn *conn);
	/* An active connection is established. */
	void (*connected)(void *user, struct tcp_conn *conn);
	/*
	 * In-order payload: a chain of segments, headers stripped, whose ownership moves to the
	 * callee. Only data_off and data_len of each segment bound the payload: pkt_len of the head
	 * is the sum. A segment with refcnt 1 is nobody else's.
	 */
	void (*received)(void *user, struct tcp_conn *conn, struct rte_mbuf *chain);
	/* The peer closed its direction (FIN), after all its data. */
	void (*peer_closed)(void *user, struct tcp_conn *conn);
	/* The send queue fell to half after tcp_send() had refused: any chain is taken now. */
	void (*writable)(void *user, struct tcp_conn *conn);
	/* The connection is gone; `conn` is not valid afterwards. Always the last upcall. */
	void (*closed)(void *user, struct tcp_conn *conn, enum tcp_close_reason reason);
};

/* How short packets run, in the owner's eyes. */
enum tcp_pressure {
	TCP_PRESSURE_NONE,
	TCP_PRESSURE_SHORT, /* windows do not grow, and shrink to what they began with */
	TCP_PRESSURE_FULL,  /* no window goes beyond a few segments */
};

enum tcp_ecn {
	TCP_ECN_OFF,
	TCP_ECN_ACCEPT, /* for peers that ask for it */
	TCP_ECN_ASK,    /* ... and ask ourselves, in an active open */
};

/* Congestion control of what we send. */
enum tcp_congestion {
	TCP_CUBIC, /* RFC 9438 */
	TCP_NEWRENO,
};

/*
 * What one source may have of a stack: an IPv4 address, or the /64 of an IPv6 address. 0: no limit.
 * Who has more half-open connections is answered with SYN cookies, so that nobody is locked out by
 * SYNs in his name; beyond the others a SYN is answered with RST.
 */
struct tcp_source_limits {
	uint32_t connections; /* established, that it opened */
	uint32_t half_open;
	uint32_t rate; /* handshakes completed in a second */
};

struct tcp_config {
	const char *name;      /* for memory zones, unique per process */
	int numa_node;         /* -1: any */
	uint32_t connections;  /* table size */
	uint32_t syn_received; /* half-open limit */
	struct tcp_source_limits per_source;
	uint32_t time_wait;    /* TIME_WAIT records; the oldest is recycled when full */
	uint32_t side_records; /* connections that can be lossy or sending at once */
	uint32_t
		transmissions; /* bursts in flight that are recorded; 0: 16 a side record, + 4096 */
	uint32_t segment_truesize; /* bytes that one mbuf pins, whatever it carries; 2368 */
	uint32_t receive_budget;   /* bytes of truesize that one connection may pin */
	uint32_t receive_initial;  /* ... that its window begins with; 0: all of it */
	uint32_t receive_slack;    /* ... that its owner may hold before that narrows the window */
	uint64_t receive_total;    /* ... that windows may be grown by, all together; 0: no bound */
	uint32_t send_budget;      /* bytes of payload that one connection may queue; tcp_send() */
	uint32_t ooo_segments;     /* out-of-order mbufs that one connection may hold */
	uint16_t mtu;              /* of the IP packet */
	enum tcp_ecn ecn;          /* RFC 3168 */
	enum tcp_congestion congestion;
	uint64_t offload_tx;   /* RTE_MBUF_F_TX_{IP,TCP}_CKSUM, TCP_SEG that the port does;
				  TCP_SEG includes all checksums of what it cuts */
	uint32_t tso_pieces;   /* mbufs of payload that a packet to be segmented may have; 0: 16 */
	uint32_t keepalive_s;  /* idle seconds before the first probe; 0: none */
	uint32_t time_wait_ms; /* 2 MSL; 60000 */
	uint32_t fin_wait_ms;  /* FIN_WAIT_2 of a closed socket; 60000 */
	uint32_t user_timeout_ms; /* unanswered data is given up after (RFC 5482); 60000 */
	/*
	 * Rings of events (tcpstack/trace_ring.h): tcp_trace_size(trace_records) zeroed bytes, or
	 * NULL for memory of the stack's own.
	 */
	struct tcp_trace *trace;
	uint32_t trace_records; /* of each ring, a power of two; 0 where `trace` is NULL: few */
	uint8_t secret[16];     /* SipHash key for ISNs (RFC 6528): random per boot */
	struct rte_mempool *header_pool;   /* mbufs for headers and control segments we send */
	struct rte_mempool *indirect_pool; /* mbufs without a buffer, attached to queued payload */
	const struct tcp_ops *ops;
	void *app; /* first argument of accepted() */
};

/* NULL with errno set (EINVAL, ENOMEM). */
struct tcp_stack *tcp_stack_create(const struct tcp_config *config);
/* Frees all; connections are dropped without a packet (see tcp_abort_all()). */
void tcp_stack_destroy(struct tcp_stack *stack);

/* Listens on `port` of any of the addresses given with tcp_add_address(). 0, -EEXIST, -ENOSPC. */
int tcp_listen(struct tcp_stack *stack, uint16_t port) __attribute__((warn_unused_result));
void tcp_unlisten(struct tcp_stack *stack, uint16_t port);
int tcp_add_address(struct tcp_stack *stack, const struct in6_addr *addr)
	__attribute__((warn_unused_result));

/*
 * Takes `count` packets, all of them for one of our addresses, and consumes them. Checks length,
 * header and checksums (unless the mbuf says RTE_MBUF_F_RX_L4_CKSUM_GOOD), then runs the state
 * machine; drops are counted by reason.
 */
void tcp_input(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t count, uint64_t now_us);

/* What an ICMP error means for TCP. */
enum tcp_icmp_kind {
	TCP_ICMP_TOO_BIG, /* fragmentation needed (RFC 1191), packet too big (RFC 8201) */
	TCP_ICMP_HARD,    /* port or protocol unreachable (RFC 1122 4.2.3.9, RFC 4443 3.1) */
	TCP_ICMP_SOFT,    /* all others: may pass */
};

struct tcp_icmp {
	enum tcp_icmp_kind kind;
	uint32_t mtu;          /* TCP_ICMP_TOO_BIG: of the next hop; 0: the router did not say */
	const uint8_t *quoted; /* our packet, from its IP header: as much as the error has of it */
	uint32_t quoted_len;
};

/*
 * An ICMP error to one of our addresses, its own checksum verified. False when the packet it quotes
 * is of no connection here: of another stack's, perhaps.
 */
bool tcp_icmp_error(struct tcp_stack *stack, const struct tcp_icmp *error, uint64_t now_us);

/*
 * Whether input comes faster than the caller takes it. Then only few SYNs of each tcp_input() are
 * answered with a cookie: an answer costs three times what it costs to drop a segment, and who is
 * not answered asks again, while connections lose what does not get in at all.
 */
void tcp_press(struct tcp_stack *stack, bool pressed);

/* Runs timers that are due, at most `budget` of them; returns how many ran. */
uint32_t tcp_timers(struct tcp_stack *stack, uint64_t now_us, uint32_t budget);

/* Time of the earliest timer, UINT64_MAX for none: how long an idle caller may sleep. */
uint64_t tcp_next_timer_us(const struct tcp_stack *stack);

/* Up to `max` packets that are ready to go; the caller owns them. Call after input and timers. */
uint16_t tcp_output(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t max,
		    uint64_t now_us);

/*
 * Active open. NULL with errno: EADDRNOTAVAIL (no free local port), ENOBUFS (table full),
 * EADDRINUSE. local->port 0 picks one.
 */
struct tcp_conn *tcp_connect(struct tcp_stack *stack, const struct tcp_endpoint *local,
			     const struct tcp_endpoint *remote, void *user, uint64_t now_us);

void tcp_set_user(struct tcp_conn *conn, void *user);
void *tcp_user(const struct tcp_conn *conn);

/*
 * Queues a chain of payload and takes ownership of it, all or nothing: 0, -EAGAIN when the send
 * queue is full (writable() follows), -EPIPE when we closed already, -EMSGSIZE for a chain beyond
 * TCP_CHAIN_MAX; after an error the chain is still the caller's. A queue that holds half of
 * send_budget or less takes one chain of any length, so that a message longer than the budget can
 * be sent; a longer queue takes what fits the budget. The mbufs are linked into the queue, so each
 * must be the caller's alone: send shared data as a clone (rte_pktmbuf_clone()). Goes out at the
 * next tcp_output().
 */
#define TCP_CHAIN_MAX (1U << 29)
int tcp_send(struct tcp_conn *conn, struct rte_mbuf *chain) __attribute__((warn_unused_result));

/* Bytes that tcp_send() would take now, within the budget. */
uint32_t tcp_send_space(const struct tcp_conn *conn);

/*
 * Sends what is queued, then FIN. Receiving goes on until the peer closes, or is silent for
 * fin_wait_ms. Before an active open is answered it is tcp_abort().
 */
void tcp_close(struct tcp_conn *conn);
/* Sends RST and forgets; closed(ABORTED) is called before it returns. */
void tcp_abort(struct tcp_conn *conn);
/* RST to every connection, for an orderly end of the process. Packets await tcp_output(). */
void tcp_abort_all(struct tcp_stack *stack);

/*
 * What the owner still pins of the data it received (bytes of truesize): counted against the
 * receive budget, so that a reader that holds on to data closes the window. The right edge of the
 * window never moves left (RFC 9293 3.8.6.2.1). While the owner holds the whole budget, in-order
 * data is dropped (drop_window_budget) and the peer sends it again: an owner that waits for the
 * rest of a message must be able to do so within the budget.
 */
void tcp_hold(struct tcp_conn *conn, uint32_t truesize);
void tcp_release(struct tcp_conn *conn, uint32_t truesize);

/* Bounds the windows until the next call (TCP_PRESSURE_NONE at first). */
void tcp_set_pressure(struct tcp_stack *stack, enum tcp_pressure pressure);

/* mbufs that all connections hold out of order. */
uint32_t tcp_ooo_segments(const struct tcp_stack *stack);

/*
 * Drops them all, although some may have been acknowledged by SACK: RFC 2018 section 8 allows it
 * where memory runs short; the peers send them again. Looks at every connection. Returns how many
 * there were (shed_ooo).
 */
uint32_t tcp_shed_ooo(struct tcp_stack *stack);

enum tcp_info_flags {
	TCP_INFO_TIMESTAMPS = 1 << 0, /* negotiated: RFC 7323 */
	TCP_INFO_SACK = 1 << 1,       /* RFC 2018 */
	TCP_INFO_WSCALE = 1 << 2,     /* RFC 7323 */
	TCP_INFO_ECN = 1 << 3,        /* RFC 3168 */
	TCP_INFO_RECOVERY = 1 << 4,   /* loss is being repaired */
	TCP_INFO_PERSIST = 1 << 5,    /* the peer's window is closed */
	TCP_INFO_FIN_QUEUED = 1 << 6, /* we closed */
	TCP_INFO_PEER_CLOSED = 1 << 7,
};

struct tcp_info {
	uint32_t id;            /* never 0, of no other connection of the stack before 4 billion */
	uint32_t slot;          /* for tcp_at() */
	uint32_t flags;         /* enum tcp_info_flags */
	const char *congestion; /* name of the algorithm */
	uint32_t age_ms;        /* since it was created; wraps after 49 days */
	uint32_t idle_rx_ms;    /* since a valid segment came */
	uint32_t idle_tx_ms;    /* since payload was sent */
	struct tcp_endpoint local;
	struct tcp_endpoint remote;
	enum tcp_state state;
	uint32_t rtt_us; /* smoothed; 0: not measured */
	uint32_t rttvar_us;
	uint32_t rtt_min_us; /* 0: not kept */
	uint32_t rto_us;
	uint8_t backoff; /* timeouts since a round-trip time was measured */
	uint8_t dup_acks;
	uint8_t keepalive_probes;
	uint8_t snd_wscale;
	uint8_t rcv_wscale;
	uint32_t cwnd; /* bytes */
	uint32_t ssthresh;
	uint32_t mss;     /* that we send with */
	uint16_t rcv_mss; /* largest payload of a segment that came */
	uint16_t path_mtu;
	uint32_t rcv_wnd;       /* bytes advertised */
	uint32_t rcv_wnd_limit; /* payload that its grant of packet memory is good for (tune.h) */
	uint32_t snd_wnd;
	uint32_t snd_wnd_max;
	uint32_t snd_una;
	uint32_t snd_nxt;
	uint32_t rcv_nxt;
	uint32_t in_flight;  /* bytes sent and not acknowledged */
	uint32_t send_queue; /* bytes queued or unacknowledged */
	uint32_t pinned;     /* bytes of truesize: out of order, and held by the owner */
	uint32_t held;       /* of them, by the owner */
	uint32_t ooo_segments;
	uint32_t ooo_ranges;
	uint32_t rx_out_of_order;  /* segments, ever */
	uint32_t rx_duplicates;    /* segments that came again, ever */
	uint32_t rx_dsacks;        /* reports of the peer that something came twice, ever */
	uint32_t timeouts;         /* of retransmission, ever */
	uint32_t ecn_marks;        /* segments that came marked, ever */
	uint32_t retransmit_in_us; /* timers, 0: not armed */
	uint32_t ack_in_us;
	uint32_t life_in_us; /* keepalive, FIN-WAIT-2 */
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	uint32_t retransmits;
};

void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info);
uint32_t tcp_connection_count(const struct tcp_stack *stack);
uint32_t tcp_half_open_count(const struct tcp_stack *stack);
uint32_t tcp_time_wait_count(const struct tcp_stack *stack);

/* To look at all connections: slots 0 to tcp_slots() - 1, NULL where there is none. */
uint32_t tcp_slots(const struct tcp_stack *stack);
const struct tcp_conn *tcp_at(const struct tcp_stack *stack, uint32_t slot);

/*
 * To look at those that are not connections yet, or not any more: records 0 to tcp_records() - 1,
 * half-open ones and then those in TIME_WAIT. False where there is none. Of `info` only the ends,
 * state, options, age (TIME_WAIT: since it began to wait), retransmits (of the SYN-ACK) and what it
 * waits for (retransmit_in_us, or life_in_us) are set; the id is 0.
 */
uint32_t tcp_records(const struct tcp_stack *stack);
bool tcp_record_info(const struct tcp_stack *stack, uint32_t record, struct tcp_info *info)
	__attribute__((warn_unused_result));

/* Counters of the stack, indexed by enum tcp_counter; read by the owner thread. */
const uint64_t *tcp_counters(const struct tcp_stack *stack);

#endif
