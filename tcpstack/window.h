/*
 * The receive window (RFC 9293 3.8.6.2.2, RFC 7323 2). It is granted from a budget of pinned
 * memory: an mbuf pins segment_truesize bytes whatever it carries, so the free part of the budget
 * is counted in mbufs and each promises what this peer's mbufs carry on average. The right edge
 * never moves left; what comes beyond the budget is dropped.
 */
#ifndef TCPSTACK_WINDOW_H
#define TCPSTACK_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_conn;
struct tcp_stack;

/* What a SYN or SYN-ACK advertises: never scaled. */
uint16_t window_initial(const struct tcp_stack *stack);
/* The same as later segments say it: rounded up, or the edge would move left. */
uint16_t window_initial_field(const struct tcp_stack *stack, uint32_t wscale);

/* Truesize that the connection pins: held by its owner, out of order, not handed up yet. */
uint32_t window_pinned(const struct tcp_conn *conn);
/* May `segments` more mbufs be taken? Without a division, unlike how many may. */
bool window_admits(const struct tcp_conn *conn, uint32_t segments);
uint32_t window_room(const struct tcp_conn *conn);

/* What so many mbufs of this peer carry on average. */
uint32_t window_payload(const struct tcp_conn *conn, uint32_t segments);
/* Payload for which the connection's grant has room: how far the window may open now (tune.h). */
uint32_t window_granted(const struct tcp_conn *conn);

/* Moves the right edge as far as the budget and silly-window avoidance allow. */
void window_update(struct tcp_conn *conn);
/* The window field for a segment sent now; rcv_adv becomes what the peer will understand. */
uint16_t window_field(struct tcp_conn *conn);
/* Would window_update() open a window that was nearly closed far enough to tell the peer? */
bool window_wants_update(const struct tcp_conn *conn);

#endif
