/*
 * Congestion control (RFC 5681) behind a table of functions, so that CUBIC can stand beside
 * NewReno. What is common to all (recovery, pipe, timers) is in recovery.c and rto.c.
 */
#ifndef TCPSTACK_CONGESTION_H
#define TCPSTACK_CONGESTION_H

#include <stdint.h>

struct tcp_conn;

struct tcp_cc_ops {
	const char *name;
	void (*init)(struct tcp_conn *conn);
	/* `acked` bytes were acknowledged outside of recovery, while cwnd was the limit. */
	void (*acked)(struct tcp_conn *conn, uint32_t acked);
	/* Loss was found with `flight` bytes outstanding: sets ssthresh. */
	void (*lost)(struct tcp_conn *conn, uint32_t flight);
	/* Nothing was sent for an RTO (RFC 5681 4.1). */
	void (*idle)(struct tcp_conn *conn);
};

extern const struct tcp_cc_ops tcp_newreno;

/* RFC 6928. */
uint32_t congestion_initial_window(uint32_t mss);

#endif
