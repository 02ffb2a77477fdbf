/*
 * ICMP errors of a host: what the network layer of a dataplane makes of them for TCP.
 */
#ifndef TESTS_PACKETDRILL_HOST_ICMP_H
#define TESTS_PACKETDRILL_HOST_ICMP_H

#include <stdbool.h>
#include <stddef.h>

struct host;

/* False: it is not ICMP. */
bool host_icmp_input(struct host *host, const void *bytes, size_t len);

#endif
