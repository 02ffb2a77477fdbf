/*
 * Explicit congestion notification (RFC 3168 section 6.1; RFC 8311 leaves this as it is): as a
 * receiver CE marks are echoed until the peer says that it has reacted, as a sender new data is
 * marked ECT(0), and an echo halves the window like a loss, once per window of data.
 *
 * SYN, pure ACKs, retransmissions and window probes are never marked (6.1.4, 6.1.5, 6.1.6).
 */
#ifndef TCPSTACK_ECN_H
#define TCPSTACK_ECN_H

#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "segment.h"
#include "seq.h"

/* The two bits of the IP header (RFC 3168 section 5). */
enum ecn_codepoint { ECN_NOT_ECT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3 };

/* Whether a SYN asks for ECN and we accept: TCP_SYN_ECN or 0. */
unsigned int ecn_syn_flags(const struct tcp_stack *stack, const struct tcp_segment *syn);
/* Flags of our own SYN: a peer or path that does not answer it may dislike them (6.1.1.1). */
uint8_t ecn_ask(struct tcp_conn *conn);
/* The SYN-ACK that answers it: TCP_SYN_ECN or 0. */
unsigned int ecn_answered(const struct tcp_conn *conn, const struct tcp_segment *syn_ack);

/* A mark or a CWR; called by ecn_received(). */
void ecn_heed(struct tcp_conn *conn, const struct tcp_segment *seg);
/* An ACK with ECE that is acceptable, before it is processed. */
void ecn_echoed(struct tcp_conn *conn, const struct tcp_segment *seg);

/* A segment in the window. */
static inline void ecn_received(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (seg->ecn == ECN_CE || seg->flags & TCP_CWR) {
		ecn_heed(conn, seg);
	}
}

/* ECE for whatever is sent after the handshake. */
static inline uint8_t ecn_echo(const struct tcp_conn *conn)
{
	return conn->path_flags & TCP_PATH_ECN_ECHO ? TCP_ECE : 0;
}

/* New data: how to mark it; it may have to say CWR. */
static inline enum ecn_codepoint ecn_mark(const struct tcp_conn *conn, uint8_t *flags)
{
	if (conn->path_flags & TCP_PATH_CWR_DUE) {
		*flags |= TCP_CWR;
	}
	return conn->path_flags & TCP_PATH_ECN ? ECN_ECT0 : ECN_NOT_ECT;
}

/* snd_una has advanced: a reduction that lies behind it would seem to lie ahead 2 GiB later. */
static inline void ecn_acked(struct tcp_conn *conn)
{
	if (conn->path_flags & TCP_PATH_REDUCED && seq_gt(conn->snd_una, conn->reduced_seq)) {
		conn->path_flags &= (uint16_t)~TCP_PATH_REDUCED;
	}
}

static inline void ecn_sent(struct tcp_conn *conn, uint8_t flags)
{
	if (flags & TCP_CWR) {
		conn->path_flags &= (uint16_t)~TCP_PATH_CWR_DUE;
	}
}

#endif
