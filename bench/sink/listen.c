#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096

/* getaddrinfo() takes 99999 for 34463. */
static bool port_is_valid(const char *port)
{
	size_t len = strspn(port, "0123456789");

	return len > 0 && len <= 5 && port[len] == '\0' && strtoul(port, NULL, 10) <= UINT16_MAX;
}

/* Cuts "[host]:port" or "host:port"; the last colon is the one that counts. */
static bool split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');

	if (colon == NULL || !port_is_valid(colon + 1)) {
		return false;
	}
	size_t len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len) != NULL) {
		return false;
	}
	*port = colon + 1;
	return snprintf(host, size, "%.*s", (int)len, text) < (int)size;
}

static int open_address(const struct addrinfo *address)
{
	const int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (address->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int listen_open(const char *text, const char **why)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *address = NULL;
	char host[64];
	const char *port;

	if (!split(text, host, sizeof(host), &port)) {
		*why = "not ADDR:PORT (IPv6 in brackets)";
		return -1;
	}
	int rc = getaddrinfo(host[0] != '\0' ? host : "0.0.0.0", port, &hints, &address);
	if (rc != 0) {
		*why = gai_strerror(rc);
		return -1;
	}
	int fd = open_address(address);
	if (fd < 0) {
		*why = strerror(errno);
	}
	freeaddrinfo(address);
	return fd;
}

uint16_t listen_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = {.v6 = {.sin6_family = AF_UNSPEC}};
	socklen_t len = sizeof(address);

	if (getsockname(fd, &address.any, &len) != 0) {
		return 0;
	}
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
						       : address.v4.sin_port);
}
