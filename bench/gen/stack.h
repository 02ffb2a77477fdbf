/*
 * Transport over our own TCP on a DPDK port. One core runs it to completion, as a worker of the
 * dataplane does: receive, TCP, publishers, send.
 *
 * Payload is sent from where it lies: what is queued are mbufs with the pattern or the file as
 * external buffer. Headers and pieces too small to be worth an mbuf are copied.
 */
#ifndef GEN_STACK_H
#define GEN_STACK_H

#include "bench/gen/options.h"
#include "bench/gen/transport.h"

/* NULL after an error line on stderr. Starts EAL. */
struct transport *stack_create(const struct gen_options *options, struct fleet *fleet);

#endif
