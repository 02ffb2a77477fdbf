/*
 * Payload of a segment to send, without copying what is not small: indirect mbufs that share the
 * buffers of the send queue. The queue keeps its own references until the data is acknowledged.
 */
#ifndef TCPSTACK_PAYLOAD_H
#define TCPSTACK_PAYLOAD_H

#include <stdint.h>

struct rte_mbuf;
struct tcp_conn;

/* Puts [seq, seq + len) of the send queue behind the headers. 0, or -ENOBUFS (counted). */
int payload_attach(struct tcp_conn *conn, struct rte_mbuf *packet, uint32_t seq, uint32_t len)
	__attribute__((warn_unused_result));

/* Of [seq, seq + len) of the send queue, what lies in its first `pieces` mbufs. */
uint32_t payload_reach(struct tcp_conn *conn, uint32_t seq, uint32_t len, uint32_t pieces);

#endif
