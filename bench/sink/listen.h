/*
 * Listening sockets from "ADDR:PORT" texts.
 */
#ifndef SINK_LISTEN_H
#define SINK_LISTEN_H

#include <stdint.h>

/* "192.0.2.1:1936", "[::1]:1936", ":1936" (all IPv4 addresses). Descriptor, or -1 with `why`. */
int listen_open(const char *text, const char **why) __attribute__((warn_unused_result));

/* Port that a socket is bound to. */
uint16_t listen_port(int fd);

#endif
