/*
 * The interface that packetdrill asks of a shared object (--so_filename): one function by name,
 * which fills this table. The order of its members is the ABI; the declarations are ours. A member
 * returns what the system call of its name would, errors in errno.
 */
#ifndef TESTS_PACKETDRILL_DRILL_H
#define TESTS_PACKETDRILL_DRILL_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

struct drill {
	void *self; /* first argument of all */
	void (*free)(void *self);
	int (*socket)(void *self, int domain, int type, int protocol);
	int (*bind)(void *self, int fd, const struct sockaddr *addr, socklen_t len);
	int (*listen)(void *self, int fd, int backlog);
	int (*accept)(void *self, int fd, struct sockaddr *addr, socklen_t *len);
	int (*connect)(void *self, int fd, const struct sockaddr *addr, socklen_t len);
	ssize_t (*read)(void *self, int fd, void *buf, size_t size);
	ssize_t (*readv)(void *self, int fd, const struct iovec *iov, int count);
	ssize_t (*recv)(void *self, int fd, void *buf, size_t size, int flags);
	ssize_t (*recvfrom)(void *self, int fd, void *buf, size_t size, int flags,
			    struct sockaddr *addr, socklen_t *len);
	ssize_t (*recvmsg)(void *self, int fd, struct msghdr *msg, int flags);
	ssize_t (*write)(void *self, int fd, const void *buf, size_t size);
	ssize_t (*writev)(void *self, int fd, const struct iovec *iov, int count);
	ssize_t (*send)(void *self, int fd, const void *buf, size_t size, int flags);
	ssize_t (*sendto)(void *self, int fd, const void *buf, size_t size, int flags,
			  const struct sockaddr *addr, socklen_t len);
	ssize_t (*sendmsg)(void *self, int fd, const struct msghdr *msg, int flags);
	int (*fcntl)(void *self, int fd, int command, ...);
	int (*ioctl)(void *self, int fd, unsigned long request, ...);
	int (*close)(void *self, int fd);
	int (*shutdown)(void *self, int fd, int how);
	int (*getsockopt)(void *self, int fd, int level, int name, void *value, socklen_t *len);
	int (*setsockopt)(void *self, int fd, int level, int name, const void *value,
			  socklen_t len);
	int (*poll)(void *self, struct pollfd *fds, nfds_t count, int timeout_ms);
	/* A packet to the stack. */
	int (*netdev_send)(void *self, const void *packet, size_t len);
	/* The next packet of the stack: *len is the room, then what came; 0: nothing will. */
	int (*netdev_receive)(void *self, void *packet, size_t *len, long long *time_us);
	int (*usleep)(void *self, useconds_t us);
	int (*gettimeofday)(void *self, struct timeval *tv, struct timezone *tz);
	int (*epoll_create)(void *self, int size);
	int (*epoll_ctl)(void *self, int epoll_fd, int op, int fd, struct epoll_event *event);
	int (*epoll_wait)(void *self, int epoll_fd, struct epoll_event *events, int max,
			  int timeout_ms);
	int (*pipe)(void *self, int fds[2]);
	int (*splice)(void *self, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out,
		      size_t len, unsigned int flags);
};

#endif
