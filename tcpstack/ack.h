/*
 * What an acknowledgement does to the sending side (RFC 9293 3.10.7.4, fifth check).
 */
#ifndef TCPSTACK_ACK_H
#define TCPSTACK_ACK_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_segment;

/* Is it one that the peer can send: RFC 5961 5.2? */
bool ack_in_range(const struct tcp_conn *conn, uint32_t ack);
/* Of a segment that was validated: its acknowledgement is in range. */
void ack_process(struct tcp_conn *conn, const struct tcp_segment *seg);
/* The peer's window, unconditionally: for the segment that establishes the connection. */
void ack_set_window(struct tcp_conn *conn, const struct tcp_segment *seg);

#endif
