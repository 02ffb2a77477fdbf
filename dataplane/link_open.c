#include "dataplane/link_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dataplane/attach_socket.h"

int link_watch(const struct dp_link *link, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	return epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_socket(struct dp_link *link)
{
	int n = snprintf(link->path, sizeof(link->path), "%s/dataplane.sock", link->config.run_dir);
	if (n < 0 || (size_t)n >= sizeof(link->path)) {
		return -ENAMETOOLONG;
	}
	int fd = attach_listen(link->path, link->config.uid, link->config.gid);
	if (fd < 0) {
		return fd;
	}
	link->listen_fd = fd;
	return link_watch(link, fd, EPOLLIN);
}

static int allocate(struct dp_link *link)
{
	uint32_t count = link->config.workers_count;

	link->workers = calloc(count, sizeof(link->workers[0]));
	link->beats = calloc(count, sizeof(link->beats[0]));
	if (!link->workers || !link->beats) {
		return -ENOMEM;
	}
	memcpy(link->workers, link->config.workers, count * sizeof(link->workers[0]));
	return link_offer_init(&link->offer, link->workers, count);
}

static int open_all(struct dp_link *link)
{
	int err = allocate(link);
	if (err < 0) {
		return err;
	}
	link->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (link->epoll_fd < 0 || link->timer_fd < 0) {
		return -errno;
	}
	link->clients.epoll_fd = link->epoll_fd;
	err = link_watch(link, link->timer_fd, EPOLLIN);
	return err < 0 ? err : open_socket(link);
}

struct dp_link *dp_link_create(const struct dp_link_config *config)
{
	struct dp_link *link = calloc(1, sizeof(*link));
	if (!link) {
		return NULL;
	}
	link->config = *config;
	link->process.pidfd = -1;
	link->epoll_fd = link->listen_fd = link->timer_fd = link->control_fd = -1;
	link_clients_init(&link->clients, -1, config->uid);
	int err = open_all(link);
	if (err < 0) {
		dp_link_destroy(link);
		errno = -err;
		return NULL;
	}
	return link;
}

void link_close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

void dp_link_destroy(struct dp_link *link)
{
	if (!link) {
		return;
	}
	if (link->listen_fd >= 0) {
		(void)unlink(link->path);
	}
	link_clients_fini(&link->clients);
	link_close_fd(&link->control_fd);
	link_close_fd(&link->listen_fd);
	link_close_fd(&link->timer_fd);
	link_close_fd(&link->epoll_fd);
	control_process_close(&link->process);
	link_offer_fini(&link->offer); /* the workers have ended: the caller's order */
	free(link->beats);
	free(link->workers);
	free(link);
}

void dp_link_farewell(struct dp_link *link)
{
	link->ending = true;
}

int dp_link_fd(const struct dp_link *link)
{
	return link->epoll_fd;
}
