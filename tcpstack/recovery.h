/*
 * Finding and repairing loss as a sender: what RACK (rack.h), tail loss probe (tlp.h), PRR (prr.h)
 * and undo (undo.h) decide together at each acknowledgement and timeout. Connections without a
 * scoreboard recover by duplicate acknowledgements (dupack.h).
 */
#ifndef TCPSTACK_RECOVERY_H
#define TCPSTACK_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_delivery;

/* An acknowledgement has been noted; `duplicate` as in RFC 5681 section 2. Sets the timer. */
void recovery_acked(struct tcp_conn *conn, const struct tcp_delivery *delivery, bool duplicate);
/* The retransmission timer fired. */
void recovery_timeout(struct tcp_conn *conn);
/* All that is in flight is sent again, in segments of a new size: nothing was lost to congestion.
 */
void recovery_resend(struct tcp_conn *conn);
/* RACK's or the probe's timer fired. */
void recovery_timer(struct tcp_conn *conn);

/* [start, end) has been sent; the connection's variables count it already. */
void recovery_sent(struct tcp_conn *conn, uint32_t start, uint32_t end, bool is_new, bool probe);

/* In fast recovery, not after a timeout. */
bool recovery_is_fast(const struct tcp_conn *conn);

/* Bytes that count as in the network, to be compared with cwnd. */
uint32_t recovery_pipe(const struct tcp_conn *conn);
/* cwnd keeps back what could be sent. */
void recovery_limited(struct tcp_conn *conn);

#endif
