#include "loop.h"

#include <errno.h>
#include <unistd.h>

#define EVENTS 256

int loop_open(struct loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd >= 0 ? 0 : -errno;
}

void loop_close(struct loop *loop)
{
	close(loop->epoll_fd);
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.ptr = source}};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) == 0 ? 0 : -errno;
}

void loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data = {.ptr = source}};

	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

int loop_run_once(struct loop *loop, struct sink *sink)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(loop->epoll_fd, events, EVENTS, -1);

	if (n < 0) {
		return errno == EINTR ? 0 : -errno;
	}
	/* A source may close itself but no other: each stands in `events` once. */
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;
		source->ready(sink, source, events[i].events);
	}
	return 0;
}
