/*
 * Proportional rate reduction (RFC 6937; the bounds as in its successor): during fast recovery
 * cwnd follows what is delivered, so that it reaches ssthresh when recovery ends, without a pause
 * and without a burst.
 */
#ifndef TCPSTACK_PRR_H
#define TCPSTACK_PRR_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

struct tcp_prr {
	uint32_t recover_fs; /* RecoverFS: flight at the beginning, bytes */
	uint32_t delivered;  /* prr_delivered */
	uint32_t out;        /* prr_out */
};

void prr_begin(struct tcp_conn *conn, uint32_t flight);
/* `delivered` bytes have arrived; `safe`: snd_una advanced and no further loss was found. */
void prr_acked(struct tcp_conn *conn, uint32_t delivered, bool safe);
void prr_sent(struct tcp_conn *conn, uint32_t bytes);

#endif
