/*
 * ppoll() that allocates: preloaded together with the allocation guard, it shows that the guard is
 * armed on the workers of the real dataplane, which sleep in ppoll(). The guard must abort.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's are reserved names */
int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout, const sigset_t *sigmask)
{
	struct timespec left = timeout ? *timeout : (struct timespec){0};
	void *volatile memory = malloc(16);

	free(memory);
	return (int)syscall(SYS_ppoll, fds, nfds, timeout ? &left : NULL, sigmask, sizeof(long));
}
