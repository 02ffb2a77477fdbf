/*
 * Packets that no connection sends: SYN-ACKs of half-open connections, RSTs, ACKs from TIME_WAIT.
 * They wait in the stack's reply queue for tcp_output().
 */
#ifndef TCPSTACK_REPLY_H
#define TCPSTACK_REPLY_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct tcp_header;
struct tcp_segment;
struct tcp_stack;

/* A finished packet, which goes out with the others. */
void reply_put(struct tcp_stack *stack, struct rte_mbuf *packet);
/* Sends a segment without payload; what cannot be queued is counted and not sent. */
void reply_send(struct tcp_stack *stack, const struct tcp_header *header);
/* The RST that answers a segment for which there is no connection (RFC 9293 3.10.7.1). */
void reply_reset(struct tcp_stack *stack, const struct tcp_segment *seg);
/* RFC 5961 section 7: may an ACK be sent to a segment that has no connection of its own? */
bool reply_challenge_allowed(struct tcp_stack *stack);

/* Next queued packet, NULL for none. */
struct rte_mbuf *reply_take(struct tcp_stack *stack);
void reply_clear(struct tcp_stack *stack);

#endif
