/*
 * Taking a reduction of cwnd back when what was retransmitted had not been lost: the echoed
 * timestamp is older than the first retransmission (Eifel, RFC 3522 and 4015), every retransmission
 * was reported as a duplicate (D-SACK, RFC 3708), what was in flight at a timeout arrives without
 * having been sent again (F-RTO, RFC 5682 3.1), or so does all that fast recovery held for lost.
 */
#ifndef TCPSTACK_UNDO_H
#define TCPSTACK_UNDO_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_delivery;

struct tcp_undo {
	uint32_t marker; /* snd_una when the reduction was made */
	uint32_t end;    /* snd_max then */
	uint32_t cwnd;
	uint32_t ssthresh;
	uint32_t resent;   /* bytes sent again since, and not reported as duplicate */
	uint32_t first_ts; /* timestamp of the first retransmission */
	bool possible;
	bool has_resent;
	bool probed; /* a loss probe had sent something again before */
};

/* Before cwnd and ssthresh are reduced. */
void undo_save(struct tcp_conn *conn);
void undo_resent(struct tcp_conn *conn, uint32_t bytes);
/* Takes the D-SACK into account; true: all that was sent again had arrived before. */
bool undo_dsacked(struct tcp_conn *conn, const struct tcp_delivery *delivery);
/* Is the echo from before the first retransmission? */
bool undo_echo_is_older(const struct tcp_conn *conn, uint32_t tsecr);
/* Gives cwnd and ssthresh back. */
void undo_restore(struct tcp_conn *conn);

#endif
