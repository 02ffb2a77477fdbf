/*
 * What a connection may send now: one segment, or several for the port to cut. It is looked for in
 * the order of urgency: a probe of a closed window, what recovery wants again, a tail loss probe,
 * what is lost, new data.
 */
#ifndef TCPSTACK_PLAN_H
#define TCPSTACK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;

struct tcp_plan {
	uint32_t seq;
	uint32_t len;
	bool fin;
	bool probe; /* beyond the window: the connection's variables do not count it */
	bool tail;  /* a tail loss probe */
	/* Payload of a segment, where there are several for the port to cut; 0: it is one. */
	uint16_t segment;
};

/* False: nothing; then it may have started the persist timer (RFC 9293 3.8.6.1). */
bool plan_make(struct tcp_conn *conn, struct tcp_plan *plan) __attribute__((warn_unused_result));

#endif
