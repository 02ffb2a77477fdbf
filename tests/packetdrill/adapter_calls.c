/* The system calls: arguments to and from sockets.h, errno, and waiting. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "adapter.h"

#define IPV4_MAPPED "::ffff:0.0.0.0"

/* <netinet/tcp.h> has another struct tcp_info. */
enum tcp_options_of_sockets { OPTION_NODELAY = 1, OPTION_MAXSEG = 2 };

struct adapter *adapter_enter(void *self)
{
	struct adapter *adapter = self;

	(void)pthread_mutex_lock(&adapter->lock);
	return adapter;
}

int adapter_leave(struct adapter *adapter, int rc)
{
	report_states(adapter);
	(void)pthread_mutex_unlock(&adapter->lock);
	if (rc < 0) {
		errno = -rc;
		return -1;
	}
	return rc;
}

bool adapter_waits(struct adapter *adapter, const struct socket *socket, int flags, uint64_t until)
{
	return !socket->nonblock && !(flags & MSG_DONTWAIT) && adapter_wait(adapter, until);
}

static void to_endpoint(const struct sockaddr *addr, struct tcp_endpoint *endpoint)
{
	const struct sockaddr_in *v4 = (const void *)addr;
	const struct sockaddr_in6 *v6 = (const void *)addr;

	memset(endpoint, 0, sizeof(*endpoint));
	if (addr->sa_family == AF_INET6) {
		endpoint->addr = v6->sin6_addr;
		endpoint->port = ntohs(v6->sin6_port);
		return;
	}
	(void)inet_pton(AF_INET6, IPV4_MAPPED, &endpoint->addr);
	memcpy(&endpoint->addr.s6_addr[12], &v4->sin_addr, 4);
	endpoint->port = ntohs(v4->sin_port);
}

/* As the family of the caller's buffer wants it: packetdrill leaves room for its own. */
static void from_endpoint(const struct tcp_endpoint *endpoint, struct sockaddr *addr,
			  socklen_t *len)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(endpoint->port),
				  .sin6_addr = endpoint->addr};

	if (addr == NULL || len == NULL) {
		return;
	}
	if (IN6_IS_ADDR_V4MAPPED(&endpoint->addr)) {
		memcpy(&v4.sin_addr, &endpoint->addr.s6_addr[12], 4);
		*len = *len < sizeof(v4) ? *len : (socklen_t)sizeof(v4);
		memcpy(addr, &v4, *len);
		return;
	}
	*len = *len < sizeof(v6) ? *len : (socklen_t)sizeof(v6);
	memcpy(addr, &v6, *len);
}

/* packetdrill looks descriptors up in /proc and closes them itself: they must be real. */
static int call_socket(void *self, int domain, int type, int protocol)
{
	struct adapter *adapter = adapter_enter(self);
	int fd = eventfd(0, EFD_CLOEXEC);
	int rc;

	(void)domain;
	(void)protocol;
	rc = fd < 0 ? -errno : sockets_open(&adapter->sockets, fd);
	if (rc == 0 && type & SOCK_NONBLOCK) {
		sockets_find(&adapter->sockets, fd)->nonblock = true;
	}
	return adapter_leave(adapter, rc < 0 ? rc : fd);
}

static int call_bind(void *self, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	struct tcp_endpoint local;

	(void)len;
	to_endpoint(addr, &local);
	return adapter_leave(adapter, socket == NULL ? -EBADF : sockets_bind(socket, &local));
}

static int call_listen(void *self, int fd, int backlog)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);

	return adapter_leave(adapter, socket == NULL ? -EBADF : sockets_listen(socket, backlog));
}

static int accept_one(struct adapter *adapter, int fd, struct tcp_endpoint *remote)
{
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	int child = eventfd(0, EFD_CLOEXEC);
	int rc;

	do {
		rc = socket == NULL ? -EBADF : sockets_accept(socket, child, remote);
	} while (rc == -EAGAIN && adapter_waits(adapter, socket, 0, ADAPTER_FOREVER));
	if (rc < 0) {
		(void)close(child);
		return rc;
	}
	return child;
}

static int call_accept(void *self, int fd, struct sockaddr *addr, socklen_t *len)
{
	struct adapter *adapter = adapter_enter(self);
	struct tcp_endpoint remote;
	int rc = accept_one(adapter, fd, &remote);

	if (rc >= 0) {
		from_endpoint(&remote, addr, len);
	}
	return adapter_leave(adapter, rc);
}

static int connect_one(struct adapter *adapter, int fd, const struct sockaddr *addr)
{
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	struct tcp_endpoint remote;
	int rc;

	if (socket == NULL) {
		return -EBADF;
	}
	to_endpoint(addr, &remote);
	rc = sockets_connect(socket, &remote);
	while ((rc == -EINPROGRESS || rc == -EALREADY) &&
	       adapter_waits(adapter, socket, 0, ADAPTER_FOREVER)) {
		rc = sockets_connect(socket, &remote);
		rc = rc == -EISCONN ? 0 : rc;
	}
	return rc;
}

static int call_connect(void *self, int fd, const struct sockaddr *addr, socklen_t len)
{
	struct adapter *adapter = adapter_enter(self);

	(void)len;
	return adapter_leave(adapter, connect_one(adapter, fd, addr));
}

static int call_fcntl(void *self, int fd, int command, ...)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	va_list args;

	if (socket == NULL) {
		return adapter_leave(adapter, -EBADF);
	}
	switch (command) {
	case F_GETFL:
		return adapter_leave(adapter, O_RDWR | (socket->nonblock ? O_NONBLOCK : 0));
	case F_SETFL:
		va_start(args, command);
		/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): started the line before */
		socket->nonblock = va_arg(args, int) & O_NONBLOCK;
		va_end(args);
		return adapter_leave(adapter, 0);
	default:
		return adapter_leave(adapter, -EINVAL);
	}
}

static int queue_length(const struct socket *socket, unsigned long request, int *value)
{
	struct tcp_info info = {0};

	switch (request) {
	case SIOCINQ:
		*value = (int)socket->rx_bytes;
		return 0;
	case SIOCOUTQ:
		if (socket->conn != NULL) {
			tcp_conn_info(socket->conn, &info);
		}
		*value = (int)info.send_queue;
		return 0;
	default:
		return -EINVAL;
	}
}

static int call_ioctl(void *self, int fd, unsigned long request, ...)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	va_list args;
	int *value;

	va_start(args, request);
	value = va_arg(args, int *);
	va_end(args);
	return adapter_leave(adapter,
			     socket == NULL ? -EBADF : queue_length(socket, request, value));
}

static int call_close(void *self, int fd)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);

	(void)close(fd);
	return adapter_leave(adapter, socket == NULL ? -EBADF : sockets_close(socket));
}

static int call_shutdown(void *self, int fd, int how)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);

	return adapter_leave(adapter, socket == NULL ? -EBADF : sockets_shutdown(socket, how));
}

static int max_segment(const struct socket *socket)
{
	struct tcp_info info = {.mss = 536};

	if (socket->conn != NULL) {
		tcp_conn_info(socket->conn, &info);
	}
	return (int)info.mss;
}

static int get_option(struct socket *socket, int level, int name, int *value)
{
	if (level == SOL_SOCKET && name == SO_ERROR) {
		*value = socket->error;
		socket->error = 0;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_RCVBUF) {
		*value = (int)socket->receive_buffer;
		return 0;
	}
	if (level == IPPROTO_TCP && name == OPTION_MAXSEG) {
		*value = max_segment(socket);
		return 0;
	}
	return -ENOPROTOOPT;
}

static int call_getsockopt(void *self, int fd, int level, int name, void *value, socklen_t *len)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	int number = 0;
	int rc = socket == NULL ? -EBADF : get_option(socket, level, name, &number);

	if (rc == 0 && *len >= sizeof(number)) {
		memcpy(value, &number, sizeof(number));
		*len = sizeof(number);
	}
	return adapter_leave(adapter, rc);
}

static int set_linger(struct socket *socket, const void *value, socklen_t len)
{
	struct linger linger;

	if (len < sizeof(linger)) {
		return -EINVAL;
	}
	memcpy(&linger, value, sizeof(linger));
	socket->linger_reset = linger.l_onoff && linger.l_linger == 0;
	return 0;
}

/* What changes nothing that scripts can see is accepted; the rest we do not have. */
static int set_option(struct socket *socket, int level, int name, const void *value, socklen_t len)
{
	if (level == SOL_SOCKET) {
		switch (name) {
		case SO_LINGER:
			return set_linger(socket, value, len);
		case SO_REUSEADDR:
		case SO_REUSEPORT:
		case SO_SNDBUF:
		case SO_RCVBUF:
			return 0;
		default:
			return -ENOPROTOOPT;
		}
	}
	return level == IPPROTO_TCP && name == OPTION_NODELAY ? 0 : -ENOPROTOOPT;
}

static int call_setsockopt(void *self, int fd, int level, int name, const void *value,
			   socklen_t len)
{
	struct adapter *adapter = adapter_enter(self);
	struct socket *socket = sockets_find(&adapter->sockets, fd);

	return adapter_leave(adapter,
			     socket == NULL ? -EBADF : set_option(socket, level, name, value, len));
}

static int poll_all(struct adapter *adapter, struct pollfd *fds, nfds_t count)
{
	int ready = 0;

	for (nfds_t i = 0; i < count; i++) {
		const struct socket *socket = sockets_find(&adapter->sockets, fds[i].fd);
		short events = socket == NULL ? POLLNVAL : sockets_poll(socket);

		fds[i].revents = events & (short)(fds[i].events | POLLERR | POLLHUP | POLLNVAL);
		ready += fds[i].revents != 0;
	}
	return ready;
}

static int call_poll(void *self, struct pollfd *fds, nfds_t count, int timeout_ms)
{
	struct adapter *adapter = adapter_enter(self);
	uint64_t now = adapter->sockets.host.now_us;
	uint64_t until = timeout_ms < 0 ? ADAPTER_FOREVER : now + (uint64_t)timeout_ms * 1000;
	int ready;

	do {
		ready = poll_all(adapter, fds, count);
	} while (ready == 0 && adapter_wait(adapter, until));
	return adapter_leave(adapter, ready);
}

/* Scripts about these test the kernel's own machinery, not TCP. */

static int no_epoll_create(void *self, int size)
{
	(void)self;
	(void)size;
	errno = ENOSYS;
	return -1;
}

static int no_epoll_ctl(void *self, int epoll_fd, int op, int fd, struct epoll_event *event)
{
	(void)epoll_fd;
	(void)op;
	(void)event;
	return no_epoll_create(self, fd);
}

static int no_epoll_wait(void *self, int epoll_fd, struct epoll_event *events, int max,
			 int timeout_ms)
{
	(void)epoll_fd;
	(void)events;
	(void)timeout_ms;
	return no_epoll_create(self, max);
}

static int no_pipe(void *self, int fds[2])
{
	(void)fds;
	return no_epoll_create(self, 0);
}

static int no_splice(void *self, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
		     unsigned int flags)
{
	(void)fd_in;
	(void)off_in;
	(void)fd_out;
	(void)off_out;
	(void)len;
	(void)flags;
	return no_epoll_create(self, 0);
}

void adapter_calls_set(struct drill *drill)
{
	adapter_data_set(drill);
	drill->socket = call_socket;
	drill->bind = call_bind;
	drill->listen = call_listen;
	drill->accept = call_accept;
	drill->connect = call_connect;
	drill->fcntl = call_fcntl;
	drill->ioctl = call_ioctl;
	drill->close = call_close;
	drill->shutdown = call_shutdown;
	drill->getsockopt = call_getsockopt;
	drill->setsockopt = call_setsockopt;
	drill->poll = call_poll;
	drill->epoll_create = no_epoll_create;
	drill->epoll_ctl = no_epoll_ctl;
	drill->epoll_wait = no_epoll_wait;
	drill->pipe = no_pipe;
	drill->splice = no_splice;
}
