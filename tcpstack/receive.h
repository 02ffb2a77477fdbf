/*
 * Payload and FIN of an acceptable segment (RFC 9293 3.10.7.4, seventh and eighth check): in order
 * it joins the chain that is handed up at the end of the burst, out of order it waits.
 */
#ifndef TCPSTACK_RECEIVE_H
#define TCPSTACK_RECEIVE_H

#include <stdint.h>

struct tcp_conn;
struct tcp_segment;

void receive_segment(struct tcp_conn *conn, struct tcp_segment *seg);
/*
 * [start, end) was there already: the next ACK says so, once, in its first block (RFC 2883 4). What
 * goes on where the last one ended, in the same burst, is one block with it.
 */
void receive_duplicate(struct tcp_conn *conn, uint32_t start, uint32_t end);
/* After the burst: is the ACK sent now or by the delayed-ACK timer (RFC 9293 3.8.6.3)? */
void receive_schedule_ack(struct tcp_conn *conn);

#endif
