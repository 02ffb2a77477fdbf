/*
 * A scripted peer for one stack: it sends any segment and sees every packet that comes out.
 * The peer's sequence numbers start at PEER_ISS + 1; `our` ones are read from the SYN-ACK.
 */
#ifndef TESTS_TCPSTACK_PEER_H
#define TESTS_TCPSTACK_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "segment.h"
#include "tcpstack/tcp.h"
#include "wire.h"

#define PEER_ISS      1000U
#define PEER_PORT     5000
#define PEER_MSS      1460
#define PEER_RECEIVED 65536U

struct rte_mbuf;

/* A packet of the stack, as seen on the wire. */
struct seen {
	uint32_t seq;
	uint32_t ack;
	uint32_t len;
	uint16_t wnd;
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	struct tcp_options opt;
	uint8_t payload[2048];
};

struct peer {
	struct tcp_config config;
	struct tcp_stack *stack;
	struct tcp_conn *conn; /* the last one accepted or connected */
	uint64_t now_us;
	uint32_t our_iss;
	uint32_t ts;   /* tsval to send; 0: no timestamps */
	uint32_t echo; /* tsecr, of tests/tcpstack/flight.h */
	uint16_t port;
	bool refuse;
	bool hold; /* tcp_hold() what is received */
	unsigned int accepted;
	unsigned int connected;
	unsigned int deliveries;
	unsigned int peer_closed;
	unsigned int writable;
	unsigned int closed;
	enum tcp_close_reason reason;
	uint32_t received; /* bytes */
	uint32_t received_mbufs;
	uint8_t data[PEER_RECEIVED];
};

/* Fills peer->config with defaults. */
void peer_init(struct peer *peer);
/* Creates the stack, listening. */
void peer_create(struct peer *peer);
/* Destroys it and checks that no mbuf is left. */
void peer_destroy(struct peer *peer);

/* Options of a modern SYN: MSS, SACK, window scale 7, timestamps when peer->ts is not 0. */
struct tcp_options peer_syn_options(const struct peer *peer);
/* init, create, and a handshake with the options given; conn is established. */
void peer_establish(struct peer *peer, const struct tcp_options *syn);
void peer_handshake(struct peer *peer, const struct tcp_options *syn);

/* Sends a segment; payload byte i is (uint8_t)(seq + i). seq and ack are relative to the ISSs. */
void peer_send(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
/* The same with everything under control; absolute numbers. */
void peer_send_raw(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
		   const struct tcp_options *opt, uint32_t len);
struct rte_mbuf *peer_build(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack,
			    uint16_t wnd, const struct tcp_options *opt, uint32_t len);
void peer_input(struct peer *peer, struct rte_mbuf **packets, uint16_t count);

/* The next packet that the stack sends; false: it has nothing to say. */
bool peer_take(struct peer *peer, struct seen *seen);
/* Drops what it has to say; returns how many packets that were. */
unsigned int peer_drain(struct peer *peer);
/* The next packet is of these flags and (relative) numbers. */
bool peer_expect(struct peer *peer, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len);
/* Time passes; timers run when they are due. */
void peer_advance(struct peer *peer, uint64_t us);
/* Queues `len` bytes of payload to send; the return value of tcp_send(). */
int peer_write(struct peer *peer, uint32_t len);

uint64_t peer_count(const struct peer *peer, enum tcp_counter counter);
/* What peer_send() puts there. */
bool peer_data_right(const struct peer *peer, uint32_t first_seq);

#endif
