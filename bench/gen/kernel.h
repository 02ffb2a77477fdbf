/*
 * Transport over the kernel's sockets: non-blocking, edge-triggered epoll, writev() of headers and
 * shared payload.
 */
#ifndef GEN_KERNEL_H
#define GEN_KERNEL_H

#include "bench/gen/options.h"
#include "bench/gen/transport.h"

/* NULL after an error line on stderr. */
struct transport *kernel_create(const struct gen_options *options, struct fleet *fleet);

#endif
