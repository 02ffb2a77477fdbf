/*
 * Programs of a host (host.h): BSD sockets over the stack, as far as scripts need them. No call
 * blocks: what would block returns -EAGAIN, and the caller decides whether to wait. Errors are
 * negative errno values.
 *
 * What a socket adds to TCP is here and not in the stack: a closed socket answers data with RST,
 * and so does one that is closed with data unread (RFC 1122 4.2.2.13, RFC 2525 2.17).
 */
#ifndef TESTS_PACKETDRILL_SOCKETS_H
#define TESTS_PACKETDRILL_SOCKETS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"

#define SOCKETS_MAX 64

enum socket_kind { SOCKET_FREE, SOCKET_NEW, SOCKET_LISTENER, SOCKET_CONNECTION };

struct sockets;

struct socket {
	struct sockets *all;
	enum socket_kind kind;
	int fd; /* -1: nobody has it: not accepted yet, or closed */
	bool nonblock;
	bool linger_reset; /* SO_LINGER with zero seconds */
	bool orphan;       /* closed; TCP goes on */
	bool connected;
	bool peer_closed;
	bool read_shut;
	bool write_shut;
	bool over;          /* the connection is gone */
	uint8_t ip_version; /* of bind() */
	int error;          /* SO_ERROR */
	uint16_t backlog;
	uint32_t receive_buffer; /* what SO_RCVBUF says; the stack has its own budget */
	struct tcp_endpoint local;
	struct tcp_endpoint remote;
	struct tcp_conn *conn;
	struct socket *listener; /* waits for accept() there */
	uint64_t ready_order;
	struct rte_mbuf *rx_first;
	struct rte_mbuf *rx_last;
	uint32_t rx_offset; /* of the first mbuf, already read */
	uint32_t rx_bytes;
};

struct sockets {
	struct host host;
	uint64_t order;
	uint32_t receive_buffer;
	bool no_quick_acks;     /* delay from the first segment on */
	struct in6_addr local4; /* of a connect() without bind() */
	struct in6_addr local6;
	struct socket socket[SOCKETS_MAX];
};

extern const struct tcp_ops sockets_ops;

/* NULL: no such descriptor. */
struct socket *sockets_find(struct sockets *all, int fd);
/* `fd` is the caller's, and stands for the socket until it is closed. */
int sockets_open(struct sockets *all, int fd);
int sockets_bind(struct socket *socket, const struct tcp_endpoint *local);
int sockets_listen(struct socket *socket, int backlog);
/* The oldest connection that waits gets `fd`. */
int sockets_accept(struct socket *socket, int fd, struct tcp_endpoint *remote);
/* 0, -EINPROGRESS, -EALREADY, or how it ended. */
int sockets_connect(struct socket *socket, const struct tcp_endpoint *remote);
/* Bytes read, 0 at the end. */
int sockets_read(struct socket *socket, void *buffer, size_t size, bool peek);
/* Bytes queued: fewer than `size` when the send buffer is full. */
int sockets_write(struct socket *socket, const void *buffer, size_t size);
int sockets_shutdown(struct socket *socket, int how);
int sockets_close(struct socket *socket);
short sockets_poll(const struct socket *socket);

#endif
