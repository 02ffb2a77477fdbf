/*
 * What an origin has: bytes that it acknowledged, turned into messages (marks.h).
 *
 * RTMP acknowledgements (RTMP 1.0 section 5.4.3) say that the origin's process has read so much.
 * They may or may not count the 3073 bytes of the handshake: we take them as if they did, which
 * errs on the safe side. TCP's say only that its kernel has it, which is gone when the process is
 * killed: they stand in for origins that never acknowledge.
 *
 * Private to origin*.c.
 */
#ifndef ORIGIN_ACK_H
#define ORIGIN_ACK_H

#include "origin.h"

void origin_ack_open(struct origin *o); /* a new connection */

/* It goes on at message `number`, which begins after `unsent` bytes that are still to be sent. */
void origin_ack_begin(struct origin *o, uint64_t number, uint64_t unsent);

/* So many further messages are handed over whole. */
void origin_ack_sent(struct origin *o, uint32_t messages);

/* An acknowledgement came: so many bytes since the connection began. */
void origin_ack_take(struct origin *o, uint64_t bytes);

/* Looks at what TCP has acknowledged; decides that an origin never will by RTMP. */
void origin_ack_tick(struct origin *o, uint64_t now_us);

/*
 * The window that the origin is to be asked for: a part of a GOP, so that what it has is known to
 * within one. 0 when the one asked for is good.
 */
uint32_t origin_ack_window(const struct origin *o, uint64_t gop_bytes);

const char *origin_ack_name(enum origin_ack_mode mode);

#endif
