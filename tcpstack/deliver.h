/*
 * The end of a burst for one connection: what was received is handed up as one chain, then the
 * peer's FIN, then the end of the connection, so that an owner sees them in this order whatever
 * the packets were.
 */
#ifndef TCPSTACK_DELIVER_H
#define TCPSTACK_DELIVER_H

struct tcp_conn;
struct tcp_stack;

void deliver(struct tcp_conn *conn);
/* All connections that the burst touched. */
void deliver_touched(struct tcp_stack *stack);

#endif
