/*
 * The socket of a connection to an origin: opening it, reading, and the order in which bytes go
 * out. Private to origin*.c.
 */
#ifndef ORIGIN_IO_H
#define ORIGIN_IO_H

#include "origin.h"

/* Starts a non-blocking connect: 0, or a negative errno. */
int origin_io_open(struct origin *o, const struct addrinfo *address)
	__attribute__((warn_unused_result));
void origin_io_close(struct origin *o);

/* Where replies are put behind those that wait; full at once when there is no memory. */
struct rtmp_out origin_io_out(struct origin *o);
/* To be called after each origin_io_out(). */
void origin_io_wrote(struct origin *o, const struct rtmp_out *out);

enum origin_flush {
	ORIGIN_FLUSHED = 0, /* batch and replies are with the kernel */
	ORIGIN_BLOCKED,
	ORIGIN_BROKEN, /* errno */
};

/*
 * First the batch, then `out`, and that between messages only, so that chunks never mix.
 */
enum origin_flush origin_io_flush(struct origin *o, size_t *budget)
	__attribute__((warn_unused_result));

/* One read: bytes, 0 when there is nothing now, -1 at the end or an error (errno, 0: closed). */
ssize_t origin_io_read(struct origin *o, void *data, size_t size)
	__attribute__((warn_unused_result));

/* Bytes that the peer's kernel has not acknowledged. */
int origin_io_unacked(const struct origin *o);

#endif
