/* The system calls that move data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "adapter.h"

#define IOV_BYTES (8U << 20)

static int read_one(struct adapter *adapter, int fd, void *buf, size_t size, int flags)
{
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	int rc;

	if (socket == NULL) {
		return -EBADF;
	}
	if (buf == NULL && !(flags & MSG_TRUNC)) {
		return -EFAULT;
	}
	/* MSG_TRUNC of a stream: the bytes are thrown away. */
	buf = flags & MSG_TRUNC ? NULL : buf;
	do {
		rc = sockets_read(socket, buf, size, flags & MSG_PEEK);
	} while (rc == -EAGAIN && adapter_waits(adapter, socket, flags, ADAPTER_FOREVER));
	return rc;
}

static ssize_t call_recv(void *self, int fd, void *buf, size_t size, int flags)
{
	struct adapter *adapter = adapter_enter(self);

	return adapter_leave(adapter, read_one(adapter, fd, buf, size, flags));
}

static ssize_t call_read(void *self, int fd, void *buf, size_t size)
{
	return call_recv(self, fd, buf, size, 0);
}

static ssize_t call_recvfrom(void *self, int fd, void *buf, size_t size, int flags,
			     struct sockaddr *addr, socklen_t *len)
{
	(void)addr;
	(void)len;
	return call_recv(self, fd, buf, size, flags);
}

static size_t iov_bytes(const struct iovec *iov, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++) {
		bytes += iov[i].iov_len;
	}
	return bytes < IOV_BYTES ? bytes : IOV_BYTES;
}

static ssize_t read_scattered(void *self, int fd, const struct iovec *iov, size_t count, int flags)
{
	size_t bytes = iov_bytes(iov, count);
	uint8_t *buffer = malloc(bytes + 1);
	ssize_t rc = call_recv(self, fd, buffer, bytes, flags);
	size_t done = 0;

	for (size_t i = 0; rc > 0 && i < count && done < (size_t)rc; i++) {
		size_t part = (size_t)rc - done;

		part = part < iov[i].iov_len ? part : iov[i].iov_len;
		memcpy(iov[i].iov_base, buffer + done, part);
		done += part;
	}
	free(buffer);
	return rc;
}

static ssize_t call_readv(void *self, int fd, const struct iovec *iov, int count)
{
	return read_scattered(self, fd, iov, (size_t)count, 0);
}

static ssize_t call_recvmsg(void *self, int fd, struct msghdr *msg, int flags)
{
	if (flags & MSG_ERRQUEUE) {
		errno = EAGAIN; /* there is no such queue */
		return -1;
	}
	msg->msg_flags = 0;
	msg->msg_controllen = 0;
	return read_scattered(self, fd, msg->msg_iov, msg->msg_iovlen, flags);
}

/* A blocking write is over when all of it is queued. */
static int write_one(struct adapter *adapter, int fd, const uint8_t *buf, size_t size, int flags)
{
	struct socket *socket = sockets_find(&adapter->sockets, fd);
	size_t done = 0;

	if (socket == NULL) {
		return -EBADF;
	}
	for (;;) {
		int rc = sockets_write(socket, buf + done, size - done);

		done += rc > 0 ? (size_t)rc : 0;
		if (rc < 0 && rc != -EAGAIN) {
			return done > 0 ? (int)done : rc;
		}
		if (done == size) {
			return (int)done;
		}
		if (!adapter_waits(adapter, socket, flags, ADAPTER_FOREVER)) {
			return done > 0 ? (int)done : -EAGAIN;
		}
	}
}

static ssize_t call_send(void *self, int fd, const void *buf, size_t size, int flags)
{
	struct adapter *adapter = adapter_enter(self);

	if (flags & ~(MSG_NOSIGNAL | MSG_DONTWAIT)) {
		return adapter_leave(adapter,
				     -EOPNOTSUPP); /* MSG_EOR, MSG_MORE, MSG_ZEROCOPY ... */
	}
	return adapter_leave(adapter,
			     buf == NULL ? -EFAULT : write_one(adapter, fd, buf, size, flags));
}

static ssize_t call_write(void *self, int fd, const void *buf, size_t size)
{
	return call_send(self, fd, buf, size, 0);
}

static ssize_t call_sendto(void *self, int fd, const void *buf, size_t size, int flags,
			   const struct sockaddr *addr, socklen_t len)
{
	(void)addr;
	(void)len;
	return call_send(self, fd, buf, size, flags);
}

static ssize_t write_gathered(void *self, int fd, const struct iovec *iov, size_t count, int flags)
{
	size_t bytes = iov_bytes(iov, count);
	uint8_t *buffer = malloc(bytes + 1);
	size_t done = 0;
	ssize_t rc;

	for (size_t i = 0; i < count && done + iov[i].iov_len <= bytes; i++) {
		if (iov[i].iov_base == NULL && iov[i].iov_len > 0) {
			free(buffer);
			errno = EFAULT;
			return -1;
		}
		if (iov[i].iov_base != NULL) {
			memcpy(buffer + done, iov[i].iov_base, iov[i].iov_len);
			done += iov[i].iov_len;
		}
	}
	rc = call_send(self, fd, buffer, done, flags);
	free(buffer);
	return rc;
}

static ssize_t call_writev(void *self, int fd, const struct iovec *iov, int count)
{
	return write_gathered(self, fd, iov, (size_t)count, 0);
}

static ssize_t call_sendmsg(void *self, int fd, const struct msghdr *msg, int flags)
{
	return write_gathered(self, fd, msg->msg_iov, msg->msg_iovlen, flags);
}

void adapter_data_set(struct drill *drill)
{
	drill->read = call_read;
	drill->readv = call_readv;
	drill->recv = call_recv;
	drill->recvfrom = call_recvfrom;
	drill->recvmsg = call_recvmsg;
	drill->write = call_write;
	drill->writev = call_writev;
	drill->send = call_send;
	drill->sendto = call_sendto;
	drill->sendmsg = call_sendmsg;
}
