/*
 * For tests of what we send: a connection with NewReno and a fixed window, numbers relative to our
 * initial one, as the peer sees them.
 */
#ifndef TESTS_TCPSTACK_SENDING_H
#define TESTS_TCPSTACK_SENDING_H

#include "peer.h"

#define SENDING_MSS 1460U

void sending_establish(struct peer *peer, bool sack);
/* Twenty segments are written; the initial window of ten (RFC 6928) goes out. */
void sending_ten(struct peer *peer);
/* An ACK of `ack` that reports [from, to) of our data. */
void sending_sack(struct peer *peer, uint32_t ack, uint32_t from, uint32_t to);
/* An ACK of `ack` with a window of `wnd` times 128 bytes. */
void sending_window(struct peer *peer, uint32_t ack, uint16_t wnd);

#endif
