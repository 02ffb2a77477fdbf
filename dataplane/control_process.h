/*
 * The process at the other end of the attach socket, by pidfd: so that what is waited for and what
 * is killed is that process and no other that got its number later.
 *
 * As long as it lives it may read packet memory that it mapped, whatever it did to the connection;
 * when its pidfd is readable it cannot any more. Where there is no pidfd (an old kernel, a process
 * of another PID namespace, our own process in tests) the end of the connection has to do.
 */
#ifndef DP_CONTROL_PROCESS_H
#define DP_CONTROL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct control_process {
	int pidfd; /* -1: none; polls readable when the process has exited */
	pid_t pid;
};

/* Whether the kernel can do it at all (Linux 5.3). */
bool control_process_supported(void);

/* 0, also without a pidfd; -ESRCH when the process is gone already. */
int control_process_open(struct control_process *process, int socket_fd)
	__attribute__((warn_unused_result));
void control_process_close(struct control_process *process);

/* False without a pidfd. */
bool control_process_exited(const struct control_process *process);

/* SIGKILL. 0 or -errno. */
int control_process_kill(const struct control_process *process) __attribute__((warn_unused_result));

#endif
