/*
 * Congestion control (RFC 5681) behind a table of functions. What is common to all (recovery, PRR,
 * timers) is in recovery.c, prr.c and rto.c.
 */
#ifndef TCPSTACK_CONGESTION_H
#define TCPSTACK_CONGESTION_H

#include <stdint.h>

struct tcp_conn;

struct tcp_cc_ops {
	const char *name;
	/*
	 * `acked` bytes were acknowledged outside of fast recovery, while cwnd was the limit;
	 * `rtt_us` is a round-trip time measured with them, 0: none.
	 */
	void (*acked)(struct tcp_conn *conn, uint32_t acked, uint32_t rtt_us);
	/* Loss was found with `flight` bytes outstanding: sets ssthresh. */
	void (*lost)(struct tcp_conn *conn, uint32_t flight);
	/* The last lost() was wrong: cwnd and ssthresh have been restored. */
	void (*undo)(struct tcp_conn *conn);
};

/* Initial window and threshold, and the algorithm that the configuration names. */
void congestion_init(struct tcp_conn *conn);
/* Nothing was sent for `idle_us`, longer than an RTO (RFC 5681 4.1). */
void congestion_idle(struct tcp_conn *conn, uint64_t idle_us);

/* RFC 6928. */
uint32_t congestion_initial_window(uint32_t mss);
/* Half, or what `factor` in 1024ths says, of what was used of cwnd, at least two segments. */
uint32_t congestion_reduced(const struct tcp_conn *conn, uint32_t flight, uint32_t factor);
/* Slow start, by what was acknowledged but at most `limit` segments (RFC 3465). */
void congestion_slow_start(struct tcp_conn *conn, uint32_t acked, uint32_t limit);

#endif
