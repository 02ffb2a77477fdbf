/*
 * Transport: how publishers reach the server. Two: kernel sockets (kernel.h) and our own TCP on a
 * DPDK port (stack.h). Publishers know this only.
 *
 * A transport calls publisher_connected(), _received(), _writable(), _peer_closed() and _closed().
 */
#ifndef GEN_TRANSPORT_H
#define GEN_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

struct fleet;
struct publisher;
struct transport;

/* Why a publisher ended, X(name, key in the report). */
#define GEN_ENDS(X)                              \
	X(NORMAL, "none")                        \
	X(CONNECT_REFUSED, "connection_refused") \
	X(CONNECT_TIMEOUT, "connect_timeout")    \
	X(UNREACHABLE, "unreachable")            \
	X(NO_PORT, "no_local_port")              \
	X(NO_DESCRIPTOR, "no_descriptor")        \
	X(NO_MEMORY, "no_memory")                \
	X(SETUP_TIMEOUT, "setup_timeout")        \
	X(PUBLISH_REFUSED, "publish_refused")    \
	X(PROTOCOL, "protocol_error")            \
	X(PEER_CLOSED, "closed_by_peer")         \
	X(RESET, "reset_by_peer")                \
	X(TIMEOUT, "tcp_timeout")                \
	X(OTHER, "other")

enum gen_end {
#define GEN_END_ENUM(name, key) GEN_END_##name,
	GEN_ENDS(GEN_END_ENUM)
#undef GEN_END_ENUM
		GEN_END_COUNT
};

const char *gen_end_key(enum gen_end end);

enum transport_sent {
	TRANSPORT_SENT = 0, /* what is left waits for publisher_writable() */
	TRANSPORT_RETRY,    /* out of buffers: ask again in 20 milliseconds */
	TRANSPORT_LOST,     /* the connection failed: end it */
};

struct transport_usage {
	double busy_percent; /* of its core */
	uint64_t tx_segments;
	uint64_t retransmits;
	uint64_t link_lost; /* frames, by our own end of the link */
	uint64_t link_duplicated;
	uint64_t link_reordered;
	uint64_t flood_packets;
	uint64_t flood_opened; /* connections of the flood's own */
};

struct transport_ops {
	/* Memory for what is sent without being copied. NULL when there is none. */
	uint8_t *(*memory)(struct transport *transport, size_t size);

	/* Begins to connect: GEN_END_NORMAL, or why it cannot. */
	enum gen_end (*connect)(struct transport *transport, struct publisher *p);

	/* Takes what it can from the publisher's outbox, up to `limit` bytes. */
	enum transport_sent (*send)(struct transport *transport, struct publisher *p,
				    uint32_t limit);

	/* Closes our direction; the outbox is empty. */
	void (*close)(struct transport *transport, struct publisher *p);
	/* Forgets the connection, if there is one; no upcall follows. */
	void (*abort)(struct transport *transport, struct publisher *p);

	/* One turn of the loop: input, fleet_turn(), output. Waits for at most 10 ms. */
	void (*turn)(struct transport *transport);

	/* Usage since the last transport_reset(). */
	void (*reset)(struct transport *transport);
	void (*usage)(const struct transport *transport, struct transport_usage *usage);

	void (*destroy)(struct transport *transport);
};

struct transport {
	const struct transport_ops *ops;
	struct fleet *fleet;
};

#endif
