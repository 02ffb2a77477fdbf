#include "sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <rte_mbuf.h>

#include "conn.h"

#define PIECE 1448u /* payload of one mbuf that is sent */

static struct socket *allocate(struct sockets *all, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct socket *socket = &all->socket[i];

		if (socket->kind == SOCKET_FREE) {
			*socket = (struct socket){.all = all,
						  .kind = SOCKET_NEW,
						  .fd = fd,
						  .receive_buffer = all->receive_buffer};
			return socket;
		}
	}
	return NULL;
}

struct socket *sockets_find(struct sockets *all, int fd)
{
	for (size_t i = 0; i < SOCKETS_MAX && fd >= 0; i++) {
		if (all->socket[i].kind != SOCKET_FREE && all->socket[i].fd == fd) {
			return &all->socket[i];
		}
	}
	return NULL;
}

static struct socket *find_listener(struct sockets *all, uint16_t port)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (all->socket[i].kind == SOCKET_LISTENER && all->socket[i].local.port == port) {
			return &all->socket[i];
		}
	}
	return NULL;
}

static void drop_received(struct socket *socket)
{
	rte_pktmbuf_free(socket->rx_first);
	socket->rx_first = NULL;
	socket->rx_last = NULL;
	socket->rx_bytes = 0;
}

static void free_socket(struct socket *socket)
{
	drop_received(socket);
	socket->kind = SOCKET_FREE;
}

/* Upcalls. */

static bool on_accepted(void *app, struct tcp_conn *conn)
{
	struct sockets *all = app;
	struct tcp_info info;
	struct socket *listener;
	struct socket *socket;

	tcp_conn_info(conn, &info);
	listener = find_listener(all, info.local.port);
	socket = listener == NULL ? NULL : allocate(all, -1);
	if (socket == NULL) {
		return false;
	}
	socket->kind = SOCKET_CONNECTION;
	socket->local = info.local;
	socket->remote = info.remote;
	socket->connected = true;
	socket->conn = conn;
	socket->listener = listener;
	socket->ready_order = ++all->order;
	tcp_set_user(conn, socket);
	conn->quick_acks = all->no_quick_acks ? 0 : conn->quick_acks;
	return true;
}

static void on_connected(void *user, struct tcp_conn *conn)
{
	struct socket *socket = user;

	(void)conn;
	socket->connected = true;
}

static void on_received(void *user, struct tcp_conn *conn, struct rte_mbuf *chain)
{
	struct socket *socket = user;

	if (socket->orphan) {
		rte_pktmbuf_free(chain);
		tcp_abort(conn);
		return;
	}
	tcp_hold(conn, chain->nb_segs * HOST_TRUESIZE);
	socket->rx_bytes += chain->pkt_len;
	if (socket->rx_first == NULL) {
		socket->rx_first = chain;
		socket->rx_offset = 0;
	} else {
		socket->rx_last->next = chain;
	}
	socket->rx_last = rte_pktmbuf_lastseg(chain);
}

static void on_peer_closed(void *user, struct tcp_conn *conn)
{
	struct socket *socket = user;

	(void)conn;
	socket->peer_closed = true;
}

static void on_writable(void *user, struct tcp_conn *conn)
{
	(void)user;
	(void)conn;
}

static int error_of(const struct socket *socket, enum tcp_close_reason reason)
{
	switch (reason) {
	case TCP_CLOSE_RESET:
		/* A reset after the peer's FIN is a broken pipe to who still writes. */
		return socket->peer_closed ? EPIPE : ECONNRESET;
	case TCP_CLOSE_REFUSED:
		return ECONNREFUSED;
	case TCP_CLOSE_TIMEOUT:
	case TCP_CLOSE_KEEPALIVE:
		return ETIMEDOUT;
	case TCP_CLOSE_UNREACHABLE:
		return EHOSTUNREACH;
	case TCP_CLOSE_RESOURCE:
		return ENOBUFS;
	default:
		return 0;
	}
}

static void on_closed(void *user, struct tcp_conn *conn, enum tcp_close_reason reason)
{
	struct socket *socket = user;

	(void)conn;
	socket->over = true;
	socket->conn = NULL;
	socket->error = error_of(socket, reason);
	if (socket->orphan) {
		free_socket(socket);
	}
}

const struct tcp_ops sockets_ops = {.accepted = on_accepted,
				    .connected = on_connected,
				    .received = on_received,
				    .peer_closed = on_peer_closed,
				    .writable = on_writable,
				    .closed = on_closed};

/* Calls. */

int sockets_open(struct sockets *all, int fd)
{
	return allocate(all, fd) == NULL ? -EMFILE : 0;
}

int sockets_bind(struct socket *socket, const struct tcp_endpoint *local)
{
	if (socket->kind != SOCKET_NEW) {
		return -EINVAL;
	}
	socket->local = *local;
	if (!IN6_IS_ADDR_UNSPECIFIED(&local->addr)) {
		(void)!tcp_add_address(socket->all->host.stack, &local->addr);
	}
	return 0;
}

int sockets_listen(struct socket *socket, int backlog)
{
	int rc;

	if (socket->kind == SOCKET_LISTENER) {
		return 0;
	}
	if (socket->kind != SOCKET_NEW) {
		return -EINVAL;
	}
	rc = tcp_listen(socket->all->host.stack, socket->local.port);
	if (rc < 0) {
		return rc == -EEXIST ? -EADDRINUSE : rc;
	}
	socket->kind = SOCKET_LISTENER;
	socket->backlog = (uint16_t)backlog;
	return 0;
}

static struct socket *oldest_waiting(const struct socket *listener)
{
	struct socket *oldest = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct socket *socket = &listener->all->socket[i];

		if (socket->kind == SOCKET_CONNECTION && socket->listener == listener &&
		    (oldest == NULL || socket->ready_order < oldest->ready_order)) {
			oldest = socket;
		}
	}
	return oldest;
}

int sockets_accept(struct socket *socket, int fd, struct tcp_endpoint *remote)
{
	struct socket *child;

	if (socket->kind != SOCKET_LISTENER) {
		return -EINVAL;
	}
	child = oldest_waiting(socket);
	if (child == NULL) {
		return -EAGAIN;
	}
	child->listener = NULL;
	child->fd = fd;
	child->nonblock = socket->nonblock;
	*remote = child->remote;
	return 0;
}

static int start_connect(struct socket *socket, const struct tcp_endpoint *remote)
{
	struct sockets *all = socket->all;

	if (IN6_IS_ADDR_UNSPECIFIED(&socket->local.addr)) {
		socket->local.addr =
			IN6_IS_ADDR_V4MAPPED(&remote->addr) ? all->local4 : all->local6;
		(void)!tcp_add_address(all->host.stack, &socket->local.addr);
	}
	socket->remote = *remote;
	socket->conn =
		tcp_connect(all->host.stack, &socket->local, remote, socket, all->host.now_us);
	if (socket->conn == NULL) {
		return -errno;
	}
	socket->kind = SOCKET_CONNECTION;
	host_flush(&all->host);
	return -EINPROGRESS;
}

static int take_error(struct socket *socket)
{
	int error = socket->error;

	socket->error = 0;
	return -error;
}

int sockets_connect(struct socket *socket, const struct tcp_endpoint *remote)
{
	if (socket->kind == SOCKET_NEW) {
		return start_connect(socket, remote);
	}
	if (socket->kind != SOCKET_CONNECTION) {
		return -EOPNOTSUPP;
	}
	if (socket->over) {
		return socket->error != 0 ? take_error(socket) : -ECONNABORTED;
	}
	return socket->connected ? -EISCONN : -EALREADY;
}

/* Copies what is there; unless peeking, mbufs that are empty then go back. */
static uint32_t take_received(struct socket *socket, uint8_t *to, uint32_t size, bool peek)
{
	struct rte_mbuf *mbuf = socket->rx_first;
	uint32_t offset = socket->rx_offset;
	uint32_t done = 0;

	while (mbuf != NULL && done < size) {
		uint32_t part = mbuf->data_len - offset;

		part = part < size - done ? part : size - done;
		if (to != NULL) {
			memcpy(to + done, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, offset), part);
		}
		done += part;
		offset += part;
		if (offset == mbuf->data_len) {
			struct rte_mbuf *next = mbuf->next;

			if (!peek) {
				socket->rx_first = next;
				rte_pktmbuf_free_seg(mbuf);
				if (socket->conn != NULL) {
					tcp_release(socket->conn, HOST_TRUESIZE);
				}
			}
			mbuf = next;
			offset = 0;
		}
	}
	if (!peek) {
		socket->rx_offset = offset;
		socket->rx_bytes -= done;
		host_flush(&socket->all->host);
	}
	return done;
}

int sockets_read(struct socket *socket, void *buffer, size_t size, bool peek)
{
	if (socket->kind != SOCKET_CONNECTION) {
		return -ENOTCONN;
	}
	if (socket->rx_bytes > 0) {
		return (int)take_received(socket, buffer, (uint32_t)size, peek);
	}
	if (socket->error != 0) {
		return take_error(socket);
	}
	if (socket->peer_closed || socket->read_shut || socket->over) {
		return 0;
	}
	return -EAGAIN;
}

/* NULL: no mbufs. */
static struct rte_mbuf *load_payload(struct host *host, const uint8_t *bytes, uint32_t len)
{
	struct rte_mbuf *head = NULL;

	for (uint32_t done = 0; done < len;) {
		uint32_t part = len - done < PIECE ? len - done : PIECE;
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(host->payload);

		if (mbuf == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		memcpy(rte_pktmbuf_mtod(mbuf, void *), bytes + done, part);
		mbuf->data_len = (uint16_t)part;
		mbuf->pkt_len = part;
		done += part;
		if (head == NULL) {
			head = mbuf;
		} else if (rte_pktmbuf_chain(head, mbuf) < 0) {
			rte_pktmbuf_free(mbuf);
			rte_pktmbuf_free(head);
			return NULL;
		}
	}
	return head;
}

int sockets_write(struct socket *socket, const void *buffer, size_t size)
{
	struct rte_mbuf *chain;
	uint32_t part;
	int rc;

	if (socket->kind != SOCKET_CONNECTION) {
		return -EPIPE;
	}
	if (socket->error != 0) {
		return take_error(socket);
	}
	if (socket->write_shut || socket->over) {
		return -EPIPE;
	}
	if (!socket->connected) {
		return -EAGAIN;
	}
	part = tcp_send_space(socket->conn);
	part = part < size ? part : (uint32_t)size;
	chain = part == 0 ? NULL : load_payload(&socket->all->host, buffer, part);
	if (chain == NULL) {
		return size == 0 ? 0 : -EAGAIN;
	}
	rc = tcp_send(socket->conn, chain);
	if (rc < 0) {
		rte_pktmbuf_free(chain);
		return rc;
	}
	host_flush(&socket->all->host);
	return (int)part;
}

int sockets_shutdown(struct socket *socket, int how)
{
	if (socket->kind != SOCKET_CONNECTION || socket->over) {
		return -ENOTCONN;
	}
	if (how != SHUT_WR) {
		socket->read_shut = true;
	}
	if (how != SHUT_RD && !socket->write_shut) {
		socket->write_shut = true;
		tcp_close(socket->conn);
		host_flush(&socket->all->host);
	}
	return 0;
}

static void close_listener(struct socket *socket)
{
	struct socket *child;

	tcp_unlisten(socket->all->host.stack, socket->local.port);
	while ((child = oldest_waiting(socket)) != NULL) {
		child->listener = NULL;
		(void)sockets_close(child);
	}
	free_socket(socket);
}

static void close_connection(struct socket *socket)
{
	if (socket->over) {
		free_socket(socket);
		return;
	}
	socket->orphan = true;
	socket->fd = -1;
	if (socket->linger_reset || socket->rx_bytes > 0) {
		tcp_abort(socket->conn);
		return;
	}
	if (!socket->write_shut) {
		socket->write_shut = true;
		tcp_close(socket->conn);
	}
}

int sockets_close(struct socket *socket)
{
	struct host *host = &socket->all->host;

	switch (socket->kind) {
	case SOCKET_LISTENER:
		close_listener(socket);
		break;
	case SOCKET_CONNECTION:
		close_connection(socket);
		break;
	default:
		free_socket(socket);
		break;
	}
	host_flush(host);
	return 0;
}

static short poll_connection(const struct socket *socket)
{
	short events = 0;

	if (socket->error != 0) {
		events |= POLLERR;
	}
	if (socket->rx_bytes > 0 || socket->peer_closed || socket->over || socket->read_shut) {
		events |= POLLIN | POLLRDNORM;
	}
	if (socket->peer_closed || socket->over || socket->read_shut) {
		events |= POLLRDHUP;
	}
	if (socket->over || (socket->peer_closed && socket->write_shut)) {
		events |= POLLHUP;
	}
	if (socket->connected &&
	    (socket->over || socket->write_shut || tcp_send_space(socket->conn) > 0)) {
		events |= POLLOUT | POLLWRNORM;
	}
	return events;
}

short sockets_poll(const struct socket *socket)
{
	switch (socket->kind) {
	case SOCKET_LISTENER:
		return oldest_waiting(socket) == NULL ? 0 : POLLIN | POLLRDNORM;
	case SOCKET_CONNECTION:
		return poll_connection(socket);
	case SOCKET_NEW:
		return POLLOUT | POLLHUP;
	default:
		return 0;
	}
}
