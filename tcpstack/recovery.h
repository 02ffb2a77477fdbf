/*
 * Finding and repairing loss as a sender: fast retransmit and recovery with SACK (RFC 6675) and
 * without (RFC 6582), limited transmit (RFC 3042), and what a retransmission timeout resets.
 */
#ifndef TCPSTACK_RECOVERY_H
#define TCPSTACK_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_segment;

/* Takes the SACK blocks of a segment; true when they told something new. */
bool recovery_sack(struct tcp_conn *conn, const struct tcp_segment *seg);
/* snd_una has advanced by `acked`. */
void recovery_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight_before);
/* A duplicate acknowledgement (RFC 5681 section 2), or new SACK information. */
void recovery_duplicate(struct tcp_conn *conn);
void recovery_timeout(struct tcp_conn *conn);
/* All that is in flight is sent again, in segments of a new size: nothing was lost to congestion.
 */
void recovery_resend(struct tcp_conn *conn);

/* Bytes that count as in the network, to be compared with cwnd. */
uint32_t recovery_pipe(const struct tcp_conn *conn);

#endif
