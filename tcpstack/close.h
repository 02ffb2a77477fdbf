/*
 * Ending a connection from our side: RST now.
 */
#ifndef TCPSTACK_CLOSE_H
#define TCPSTACK_CLOSE_H

#include "tcpstack/tcp.h"

/* Sends RST where RFC 9293 3.10.5 wants one, and finishes the connection. */
void close_reset(struct tcp_conn *conn, enum tcp_close_reason reason);

#endif
