#include "dataplane/control_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Linux 6.5; not in the headers of older systems. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

bool control_process_supported(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0) {
		return false;
	}
	close(fd);
	return true;
}

/*
 * The kernel gives the pidfd of whoever connected. Where it cannot (-ENOPROTOOPT), the number has
 * to do: whoever got it meanwhile did so because the peer is gone, which the connection tells.
 */
static int open_pidfd(int socket_fd, pid_t pid)
{
	struct pollfd ended = {.fd = socket_fd, .events = POLLRDHUP};
	socklen_t len = sizeof(int);
	int fd;

	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0) {
		return fd;
	}
	fd = pidfd_open(pid, 0);
	if (fd >= 0 && poll(&ended, 1, 0) > 0) {
		close(fd);
		return -ESRCH;
	}
	return fd < 0 ? -errno : fd;
}

int control_process_open(struct control_process *process, int socket_fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	*process = (struct control_process){.pidfd = -1};
	if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		return -errno;
	}
	process->pid = cred.pid;
	if (cred.pid <= 0 || cred.pid == getpid()) {
		return 0;
	}
	int fd = open_pidfd(socket_fd, cred.pid);
	if (fd == -ESRCH) {
		return fd;
	}
	process->pidfd = fd < 0 ? -1 : fd;
	return 0;
}

void control_process_close(struct control_process *process)
{
	if (process->pidfd >= 0) {
		close(process->pidfd);
	}
	*process = (struct control_process){.pidfd = -1};
}

bool control_process_exited(const struct control_process *process)
{
	struct pollfd exited = {.fd = process->pidfd, .events = POLLIN};

	return process->pidfd >= 0 && poll(&exited, 1, 0) > 0 && (exited.revents & POLLIN);
}

int control_process_kill(const struct control_process *process)
{
	return pidfd_send_signal(process->pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}
