#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/common/endpoint.h"

#define BACKLOG 4096

static int open_address(const struct sockaddr_storage *address, socklen_t len)
{
	const int on = 1;
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (address->ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(fd, (const struct sockaddr *)address, len) != 0 || listen(fd, BACKLOG) != 0) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int listen_open(const char *text, const char **why)
{
	struct sockaddr_storage address;
	struct endpoint endpoint;

	if (endpoint_parse(text, &endpoint, why) != 0) {
		return -1;
	}
	int fd = open_address(&address, endpoint_sockaddr(&endpoint, &address));
	if (fd < 0) {
		*why = strerror(errno);
	}
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
