/*
 * NewReno: slow start and congestion avoidance of RFC 5681.
 */
#ifndef TCPSTACK_NEWRENO_H
#define TCPSTACK_NEWRENO_H

#include <stdint.h>

#include "congestion.h"

extern const struct tcp_cc_ops tcp_newreno;

/* For every cwnd of bytes that are acknowledged, one segment more. */
void newreno_avoid(struct tcp_conn *conn, uint32_t acked);

#endif
