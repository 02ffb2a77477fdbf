/*
 * A connection without a TCP behind it: what the session does to it is recorded. Replaces the
 * functions of tcpstack/ that ingest calls.
 */
#ifndef TEST_FAKE_TCP_H
#define TEST_FAKE_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tcp_conn {
	void *user;
	uint8_t *sent; /* payload in order; the test takes it from the front */
	size_t sent_len;
	int64_t held; /* truesize, as told by tcp_hold() and tcp_release() */
	int send_error;
	uint32_t send_space;    /* what tcp_send_space() says; less with each tcp_send(), more
				   with fake_tcp_acknowledge() */
	bool keeps;             /* what is sent is not acknowledged until the test says so */
	struct rte_mbuf *queue; /* ... and stands here */
	uint32_t send_queue;    /* bytes of it */
	uint32_t cwnd;
	uint16_t local_port; /* the test sets it after fake_tcp_init() */
	bool closed;         /* tcp_close() was called */
	bool aborted;        /* tcp_abort() was called */
	bool gone;           /* closed() was called */
};

void fake_tcp_init(struct tcp_conn *conn);
void fake_tcp_fini(struct tcp_conn *conn);
void fake_tcp_drop_sent(struct tcp_conn *conn, size_t n);

/* The peer of one that keeps has so many bytes more. */
void fake_tcp_acknowledge(struct tcp_conn *conn, uint32_t bytes);

/* The peer is gone: the last upcall. */
void fake_tcp_gone(struct tcp_conn *conn);

#endif
