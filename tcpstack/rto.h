/*
 * The retransmission timer (RFC 6298) and what it shares its deadline with: the persist timer
 * (RFC 9293 3.8.6.1).
 */
#ifndef TCPSTACK_RTO_H
#define TCPSTACK_RTO_H

#include <stdint.h>

struct tcp_conn;

#define RTO_INITIAL_US  1000000U /* RFC 6298 (2.1) */
#define RTO_LOST_SYN_US 3000000U /* RFC 6298 (5.7) */
/* RFC 6298 (2.4) says one second; like all current stacks we go below, but stay that far above the
 * smoothed round-trip time: the delayed ACK of common peers is 40 ms, 200 ms at most. */
#define RTO_MIN_US      200000U
#define RTO_MAX_US      60000000U

void rto_init(struct tcp_conn *conn);
void rto_sample(struct tcp_conn *conn, uint64_t rtt_us);
/* With the back-off of (5.5). */
uint64_t rto_current_us(const struct tcp_conn *conn);
/* (5.1), (5.3): starts or restarts the timer. */
void rto_restart(struct tcp_conn *conn);
/* (5.2) */
void rto_stop(struct tcp_conn *conn);
/* The timer fired. */
void rto_timeout(struct tcp_conn *conn);

/* The owner queues data or a FIN: if it is the first, the user timeout counts from now. */
void rto_note_work(struct tcp_conn *conn);

/* Starts probing a window that is too small to send. */
void persist_start(struct tcp_conn *conn);
void persist_stop(struct tcp_conn *conn);

#endif
