/*
 * How a connection begins: from a completed passive handshake, or by an active open through
 * SYN-SENT (RFC 9293 3.10.7.3), simultaneous open included.
 */
#ifndef TCPSTACK_OPEN_H
#define TCPSTACK_OPEN_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_key;
struct tcp_options;
struct tcp_segment;
struct tcp_stack;
struct tcp_syn_record;

/* The MSS to send with, from the peer's option and our MTU (RFC 9293 3.7.1). */
uint16_t open_peer_mss(const struct tcp_stack *stack, const struct tcp_key *key,
		       const struct tcp_options *opt);
/* Which of its options both sides use, in enum tcp_syn_flags. */
unsigned int open_syn_flags(const struct tcp_options *opt);
/* Fills a fresh connection from its half-open record and asks the owner whether it wants it. */
void open_from_syn(struct tcp_conn *conn, const struct tcp_syn_record *record,
		   const struct tcp_segment *seg);
/* A segment in SYN-SENT. */
void open_syn_sent_input(struct tcp_conn *conn, const struct tcp_segment *seg);
/* A segment for a connection in SYN-RECEIVED (simultaneous open); true: it is established now. */
bool open_syn_received_input(struct tcp_conn *conn, const struct tcp_segment *seg);

#endif
