/*
 * Loss recovery by duplicate acknowledgements: fast retransmit and NewReno (RFC 5681 3.2, RFC 6582)
 * with limited transmit (RFC 3042). For peers without SACK, and where the pools of the sender
 * (sender.h) are empty.
 */
#ifndef TCPSTACK_DUPACK_H
#define TCPSTACK_DUPACK_H

#include <stdint.h>

struct tcp_conn;

void dupack_duplicate(struct tcp_conn *conn);
/* snd_una has advanced by `acked`. */
void dupack_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight_before, uint32_t rtt_us);
/* All that is in flight is sent again. */
void dupack_timeout(struct tcp_conn *conn);

#endif
