/*
 * Endpoints: "ADDR:PORT" texts as the tools take them.
 */
#ifndef BENCH_ENDPOINT_H
#define BENCH_ENDPOINT_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4 addresses stand as IPv4-mapped IPv6. */
struct endpoint {
	struct in6_addr addr;
	uint16_t port;
};

/*
 * "192.0.2.1:1935", "[2001:db8::1]:1935"; ":1935" is all IPv4 addresses. 0, or -1 with `why` set to
 * a sentence.
 */
int endpoint_parse(const char *text, struct endpoint *endpoint, const char **why)
	__attribute__((warn_unused_result));

/* For the kernel, in its own family; returns the length. */
socklen_t endpoint_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *address);

#endif
