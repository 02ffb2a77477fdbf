/*
 * Tail loss probe (RFC 8985 section 7): when the end of a flight is not acknowledged, one segment
 * asks for an acknowledgement before the retransmission timer has to.
 */
#ifndef TCPSTACK_TLP_H
#define TCPSTACK_TLP_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_delivery;

struct tcp_tlp {
	uint32_t end_seq; /* TLP.end_seq, when `sent` */
	bool sent;
	bool is_retrans;
	bool due; /* the timer fired: output sends it */
};

/* 7.2: how long to wait; 0 when no probe may be scheduled now. */
uint32_t tlp_timeout_us(const struct tcp_conn *conn);
/* The probe went out; [start, end) when it was a retransmission. */
void tlp_sent(struct tcp_conn *conn, bool is_retrans);
/* 7.4.2; true: the probe repaired a loss, which congestion control must learn. */
bool tlp_acked(struct tcp_conn *conn, const struct tcp_delivery *delivery, bool bare_duplicate);
void tlp_cancel(struct tcp_tlp *tlp);

#endif
