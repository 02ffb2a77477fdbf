/*
 * The path MTU of a connection as a sender: packet-too-big messages (RFC 1191, RFC 8201) believed
 * as RFC 5927 section 7.2 says, and paths that lose large packets without a word (RFC 2923 2.1,
 * RFC 4821).
 *
 * Kept per connection: we mostly receive, so that few connections ever send a packet that could be
 * too big, and a claim that was forged for one of them must not reach the others of that peer. Ten
 * minutes after it was lowered the size before is tried again (RFC 1191 6.3, RFC 8201 4): the path
 * may have changed, or the losses had another reason.
 */
#ifndef TCPSTACK_PMTU_H
#define TCPSTACK_PMTU_H

#include <stdint.h>

struct tcp_conn;

#define PMTU_MIN_V4 552U  /* no link of today carries less; RFC 1191 would allow 68 */
#define PMTU_MIN_V6 1280U /* RFC 8200 section 5 */

/* The longest packet that the connection sends now. */
uint32_t pmtu_size(const struct tcp_conn *conn);
/* A claim about the packet that began at `seq`, which is in flight; mtu 0: the router did not say.
 */
void pmtu_too_big(struct tcp_conn *conn, uint32_t seq, uint32_t mtu);
/* A packet of `size` bytes, from its IP header, whose payload ends before `end`, was sent. */
void pmtu_sent(struct tcp_conn *conn, uint32_t size, uint32_t end);
/* snd_una has advanced. */
void pmtu_acked(struct tcp_conn *conn);
/* The retransmission timer fired; before anything is sent again. */
void pmtu_timeout(struct tcp_conn *conn);

#endif
