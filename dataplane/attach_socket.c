#include "dataplane/attach_socket.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket that a dead process left behind is in the way; one that answers is somebody's. */
static int clear_path(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	int err = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	if (err == 0 || err == EAGAIN) {
		return -EADDRINUSE;
	}
	if (err == ECONNREFUSED) {
		(void)unlink(addr->sun_path);
	}
	return 0;
}

static int bind_socket(int fd, const char *path, uid_t uid, gid_t gid)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	memcpy(addr.sun_path, path, strlen(path) + 1); /* attach_listen() checked */
	int err = clear_path(&addr);
	if (err < 0) {
		return err;
	}
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		return -errno;
	}
	/* Before listen(): until then nobody gets in. */
	if (chmod(path, 0660) < 0) {
		return -errno;
	}
	if (geteuid() == 0 && chown(path, uid, gid) < 0) {
		return -errno;
	}
	return listen(fd, SOMAXCONN) < 0 ? -errno : 0;
}

int attach_listen(const char *path, uid_t uid, gid_t gid)
{
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		return -ENAMETOOLONG;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	int err = bind_socket(fd, path, uid, gid);
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

bool attach_is_allowed(int fd, uid_t uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		return false;
	}
	return cred.uid == 0 || cred.uid == uid;
}

void attach_refuse(int fd, const struct abi_attach_reply *answer, enum abi_attach_status status)
{
	struct abi_attach_reply reply = *answer;

	reply.status = status;
	reply.workers = 0;
	int err = attach_send_reply(fd, &reply);
	(void)err; /* it is told or it is not */
	close(fd);
}

int attach_send_reply(int fd, const struct abi_attach_reply *reply)
{
	ssize_t n = send(fd, reply, sizeof(*reply), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		return -errno;
	}
	return n == (ssize_t)sizeof(*reply) ? 0 : -EPIPE;
}

int attach_send_worker(int socket_fd, const struct abi_attach_worker *worker, const int *fds)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(ABI_ATTACH_FDS * sizeof(int))] = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)worker, .iov_len = sizeof(*worker)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(ABI_ATTACH_FDS * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, ABI_ATTACH_FDS * sizeof(int));
	ssize_t n = sendmsg(socket_fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		return -errno;
	}
	return n == (ssize_t)sizeof(*worker) ? 0 : -EPIPE;
}
