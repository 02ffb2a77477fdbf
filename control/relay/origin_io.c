#include "origin_io.h"

#include "origin_ack.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that acknowledges nothing for so long is dead, whatever its window says. */
#define TCP_DEAD_MS 20000

static void set_option(int fd, int level, int option, int value)
{
	/* None of them is needed to publish: a kernel that refuses one changes nothing. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_options(const struct origin *o)
{
	set_option(o->fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(o->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_DEAD_MS);
	set_option(o->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (o->context->settings.send_buffer > 0) {
		set_option(o->fd, SOL_SOCKET, SO_SNDBUF, o->context->settings.send_buffer);
	}
}

int origin_io_open(struct origin *o, const struct addrinfo *address)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = o,
	};

	o->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (o->fd < 0) {
		return -errno;
	}
	set_options(o);
	if (epoll_ctl(o->context->epoll_fd, EPOLL_CTL_ADD, o->fd, &event) ||
	    (connect(o->fd, address->ai_addr, address->ai_addrlen) && errno != EINPROGRESS)) {
		int error = errno;

		origin_io_close(o);
		return -error;
	}
	o->readable = false;
	o->blocked = true;
	o->hung_up = false;
	o->shut = false;
	return 0;
}

struct rtmp_out origin_io_out(struct origin *o)
{
	if (!o->out) {
		o->out = malloc(ORIGIN_OUT_SIZE);
	}
	return (struct rtmp_out){o->out, o->out_len, o->out ? ORIGIN_OUT_SIZE : 0, false};
}

static void drop_out(struct origin *o)
{
	free(o->out);
	o->out = NULL;
	o->out_len = 0;
	o->out_sent = 0;
}

void origin_io_wrote(struct origin *o, const struct rtmp_out *out)
{
	o->out_len = out->len;
	if (o->out_len == 0) {
		drop_out(o);
	}
}

void origin_io_close(struct origin *o)
{
	drop_out(o);
	if (o->fd >= 0) {
		close(o->fd); /* takes it out of epoll as well */
		o->fd = -1;
	}
}

static enum origin_flush stopped(struct origin *o)
{
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
		o->blocked = true;
		return ORIGIN_BLOCKED;
	}
	return ORIGIN_BROKEN;
}

static void account(struct origin *o, size_t sent, size_t *budget)
{
	o->conn_bytes += sent;
	relay_add(&o->bytes, sent);
	relay_count(o->context, RELAY_COUNTER_relay_bytes, sent);
	*budget -= sent < *budget ? sent : *budget;
}

/* A batch counts its messages once the last byte of it is with the kernel. */
static void batch_done(struct origin *o)
{
	if (o->batch->messages > 0) {
		origin_ack_sent(o, o->batch->messages);
		o->batch->messages = 0;
	}
}

enum origin_flush origin_io_flush(struct origin *o, size_t *budget)
{
	while (!batch_empty(o->batch)) {
		ssize_t sent = batch_send(o->batch, o->fd);

		if (sent < 0) {
			return stopped(o);
		}
		account(o, (size_t)sent, budget);
	}
	batch_done(o);
	if (o->batch->open) {
		return ORIGIN_FLUSHED; /* replies wait for the end of the message */
	}
	while (o->out_sent < o->out_len) {
		ssize_t sent = send(o->fd, o->out + o->out_sent, o->out_len - o->out_sent,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0) {
			return stopped(o);
		}
		o->out_sent += (size_t)sent;
		account(o, (size_t)sent, budget);
	}
	drop_out(o);
	return ORIGIN_FLUSHED;
}

ssize_t origin_io_read(struct origin *o, void *data, size_t size)
{
	ssize_t got = recv(o->fd, data, size, MSG_DONTWAIT);

	if (got > 0) {
		return got;
	}
	if (got == 0) {
		errno = 0;
		return -1;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
		o->readable = false;
		return 0;
	}
	return -1;
}

int origin_io_unacked(const struct origin *o)
{
	int unacked = 0;

	return ioctl(o->fd, SIOCOUTQ, &unacked) ? 0 : unacked;
}
