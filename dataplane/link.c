/*
 * One control at a time: WAITING (nobody) -> OFFERING (workers take the new `sub` over, so that
 * nothing is dropped unread any more when control sees the logs) -> SENDING (descriptors on their
 * way) -> ATTACHED -> DETACHING (workers let go of the `sub`) -> WAITING. Connections that have not
 * sent their request yet stand in a small table of their own, so that a silent one keeps nobody
 * out.
 */
#include "dataplane/link.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "abi/attach.h"
#include "abi/sub.h"
#include "dataplane/attach_socket.h"
#include "dataplane/ingest.h"

#define LINK_CLIENTS    4        /* connections without a request */
#define LINK_TIMEOUT_US 2000000u /* for a request, and for taking the descriptors */
#define LINK_TICK_NS    5000000  /* while something is under way */

enum link_state { LINK_WAITING = 0, LINK_OFFERING, LINK_SENDING, LINK_ATTACHED, LINK_DETACHING };

struct link_client {
	int fd; /* -1: free */
	uint32_t filled;
	uint64_t deadline_us;
	struct abi_attach_request request;
};

struct dp_link {
	struct dp_link_config config;
	struct dp_link_worker *workers; /* copy of config.workers */
	struct dp_region *subs;         /* [workers_count]; base NULL: none */
	char path[108];                 /* of a socket address, man 7 unix */
	int epoll_fd;
	int listen_fd;
	int timer_fd;
	bool ticking;
	struct link_client clients[LINK_CLIENTS];

	enum link_state state;
	int control_fd; /* OFFERING, SENDING, ATTACHED */
	uint64_t epoch;
	uint64_t deadline_us;
	bool reply_sent;
	uint32_t workers_sent;
};

static uint64_t clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int watch(struct dp_link *link, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	return epoll_ctl(link->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* The timer runs only while a time limit or a worker is waited for. */
static void set_ticking(struct dp_link *link, bool on)
{
	struct itimerspec spec = {0};

	if (link->ticking == on) {
		return;
	}
	if (on) {
		spec.it_value.tv_nsec = LINK_TICK_NS;
		spec.it_interval.tv_nsec = LINK_TICK_NS;
	}
	(void)timerfd_settime(link->timer_fd, 0, &spec, NULL);
	link->ticking = on;
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
	return watch(link, fd, EPOLLIN);
}

static int allocate(struct dp_link *link)
{
	uint32_t count = link->config.workers_count;

	link->workers = calloc(count, sizeof(link->workers[0]));
	link->subs = calloc(count, sizeof(link->subs[0]));
	if (!link->workers || !link->subs) {
		return -ENOMEM;
	}
	memcpy(link->workers, link->config.workers, count * sizeof(link->workers[0]));
	return 0;
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
	err = watch(link, link->timer_fd, EPOLLIN);
	return err < 0 ? err : open_socket(link);
}

struct dp_link *dp_link_create(const struct dp_link_config *config)
{
	struct dp_link *link = calloc(1, sizeof(*link));
	if (!link) {
		return NULL;
	}
	link->config = *config;
	link->epoll_fd = link->listen_fd = link->timer_fd = link->control_fd = -1;
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		link->clients[i].fd = -1;
	}
	int err = open_all(link);
	if (err < 0) {
		dp_link_destroy(link);
		errno = -err;
		return NULL;
	}
	return link;
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

static void destroy_subs(struct dp_link *link)
{
	for (uint32_t i = 0; link->subs && i < link->config.workers_count; i++) {
		if (link->subs[i].base) {
			dp_region_destroy(&link->subs[i]);
		}
		link->subs[i].base = NULL;
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
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		close_fd(&link->clients[i].fd);
	}
	close_fd(&link->control_fd);
	close_fd(&link->listen_fd);
	close_fd(&link->timer_fd);
	close_fd(&link->epoll_fd);
	destroy_subs(link); /* the workers have ended: the caller's order */
	free(link->subs);
	free(link->workers);
	free(link);
}

int dp_link_fd(const struct dp_link *link)
{
	return link->epoll_fd;
}

static void fill_reply(const struct dp_link *link, struct abi_attach_reply *reply,
		       enum abi_attach_status status)
{
	*reply = (struct abi_attach_reply){
		.magic = ABI_MAGIC,
		.version = ABI_VERSION,
		.status = status,
		.generation = link->config.generation,
		.epoch = link->epoch,
		.workers = link->config.workers_count,
		.pid = (uint32_t)getpid(),
	};
}

/* Says why, as far as the socket takes it at once, and hangs up. */
static void refuse(struct dp_link *link, int fd, enum abi_attach_status status)
{
	struct abi_attach_reply reply;

	fill_reply(link, &reply, status);
	reply.workers = 0;
	int err = attach_send_reply(fd, &reply);
	(void)err; /* it is told or it is not */
	close(fd);
}

static struct link_client *free_client(struct dp_link *link)
{
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		if (link->clients[i].fd < 0) {
			return &link->clients[i];
		}
	}
	return NULL;
}

static void accept_one(struct dp_link *link, int fd)
{
	struct link_client *client = free_client(link);

	if (!attach_is_allowed(fd, link->config.uid)) {
		refuse(link, fd, ABI_ATTACH_DENIED);
	} else if (!client || watch(link, fd, EPOLLIN) < 0) {
		refuse(link, fd, ABI_ATTACH_BUSY);
	} else {
		*client = (struct link_client){
			.fd = fd,
			.deadline_us = clock_us() + LINK_TIMEOUT_US,
		};
	}
}

static void accept_all(struct dp_link *link)
{
	for (int i = 0; i < LINK_CLIENTS; i++) {
		int fd = accept4(link->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			return;
		}
		accept_one(link, fd);
	}
}

static void fill_sub(const struct dp_link *link, uint32_t i)
{
	struct abi_sub *sub = (struct abi_sub *)(void *)link->subs[i].base;

	sub->magic = ABI_MAGIC;
	sub->version = ABI_VERSION;
	sub->worker = i;
	sub->generation = link->config.generation;
	sub->epoch = link->epoch;
	sub->streams = link->workers[i].streams;
}

static int create_subs(struct dp_link *link)
{
	for (uint32_t i = 0; i < link->config.workers_count; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "penstock-sub-%u", i);
		int err = dp_region_create(&link->subs[i], name,
					   abi_sub_size(link->workers[i].streams),
					   link->workers[i].numa_node, DP_REGION_WRITABLE);
		if (err < 0) {
			destroy_subs(link);
			return err;
		}
		fill_sub(link, i);
	}
	return 0;
}

static int send_reply(struct dp_link *link)
{
	struct abi_attach_reply reply;

	fill_reply(link, &reply, ABI_ATTACH_OK);
	return attach_send_reply(link->control_fd, &reply);
}

static int send_worker(struct dp_link *link, uint32_t i)
{
	const struct dp_link_worker *w = &link->workers[i];
	struct abi_attach_worker message = {
		.worker = i,
		.packets_size = w->packets->size,
		.pub_size = w->pub->size,
		.sub_size = link->subs[i].size,
	};
	int fds[ABI_ATTACH_FDS] = {
		[ABI_FD_PACKETS] = dp_region_export(w->packets),
		[ABI_FD_PUB] = dp_region_export(w->pub),
		[ABI_FD_SUB] = dp_region_export(&link->subs[i]),
		[ABI_FD_NEWS] = w->news_fd,
		[ABI_FD_EVENTS] = w->events_fd,
		[ABI_FD_COMMANDS] = w->commands_fd,
	};
	int err = 0;

	for (int fd = ABI_FD_PACKETS; fd <= ABI_FD_SUB; fd++) {
		err = fds[fd] < 0 ? fds[fd] : err;
	}
	if (err == 0) {
		err = attach_send_worker(link->control_fd, &message, fds);
	}
	for (int fd = ABI_FD_PACKETS; fd <= ABI_FD_SUB; fd++) {
		close_fd(&fds[fd]);
	}
	return err;
}

static void wake_worker(const struct dp_link_worker *worker)
{
	uint64_t one = 1;
	(void)!write(worker->commands_fd, &one, sizeof(one));
}

static struct abi_sub *sub_of(const struct dp_link *link, uint32_t i)
{
	return (struct abi_sub *)(void *)link->subs[i].base;
}

static void offer(struct dp_link *link, bool attach)
{
	for (uint32_t i = 0; i < link->config.workers_count; i++) {
		dp_ingest_offer_sub(link->workers[i].ingest, attach ? sub_of(link, i) : NULL);
		wake_worker(&link->workers[i]);
	}
}

/* Whether every worker uses what it was offered. */
static bool is_taken(const struct dp_link *link, bool attach)
{
	for (uint32_t i = 0; i < link->config.workers_count; i++) {
		struct abi_sub *offered = attach ? sub_of(link, i) : NULL;
		if (dp_ingest_sub(link->workers[i].ingest) != offered) {
			return false;
		}
	}
	return true;
}

static void detach(struct dp_link *link)
{
	close_fd(&link->control_fd);
	offer(link, false);
	link->state = LINK_DETACHING;
}

/* Sends on where it stopped; -EAGAIN when the socket is full. */
static int send_rest(struct dp_link *link)
{
	int err = link->reply_sent ? 0 : send_reply(link);

	if (err < 0) {
		return err;
	}
	link->reply_sent = true;
	while (link->workers_sent < link->config.workers_count) {
		err = send_worker(link, link->workers_sent);
		if (err < 0) {
			return err;
		}
		link->workers_sent++;
	}
	return 0;
}

static void run_offering(struct dp_link *link, uint64_t now_us)
{
	if (is_taken(link, true)) {
		link->state = LINK_SENDING;
	} else if (now_us >= link->deadline_us) {
		detach(link);
	}
}

static void run_sending(struct dp_link *link, uint64_t now_us)
{
	int err = send_rest(link);

	if (err == 0) {
		link->state = LINK_ATTACHED;
	} else if (err != -EAGAIN || now_us >= link->deadline_us) {
		detach(link);
	}
}

/* The connection is silent: bytes are as much its end as EOF is. */
static void run_attached(struct dp_link *link)
{
	char byte;
	ssize_t n = recv(link->control_fd, &byte, 1, MSG_DONTWAIT);

	if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
		detach(link);
	}
}

static void run_detaching(struct dp_link *link)
{
	if (is_taken(link, false)) {
		destroy_subs(link);
		link->state = LINK_WAITING;
	}
}

static void begin_attach(struct dp_link *link, int fd)
{
	link->epoch++;
	if (create_subs(link) < 0) {
		refuse(link, fd, ABI_ATTACH_BUSY);
		return;
	}
	link->control_fd = fd;
	link->reply_sent = false;
	link->workers_sent = 0;
	link->deadline_us = clock_us() + LINK_TIMEOUT_US;
	link->state = LINK_OFFERING;
	offer(link, true);
}

static void take_request(struct dp_link *link, struct link_client *client)
{
	int fd = client->fd;

	client->fd = -1;
	if (client->request.magic != ABI_MAGIC || client->request.version != ABI_VERSION) {
		refuse(link, fd, ABI_ATTACH_VERSION);
	} else if (link->state != LINK_WAITING) {
		refuse(link, fd, ABI_ATTACH_BUSY);
	} else {
		begin_attach(link, fd);
	}
}

static void run_client(struct dp_link *link, struct link_client *client, uint64_t now_us)
{
	uint8_t *to = (uint8_t *)&client->request + client->filled;
	ssize_t n = recv(client->fd, to, sizeof(client->request) - client->filled, MSG_DONTWAIT);

	if (n > 0) {
		client->filled += (uint32_t)n;
		if (client->filled == sizeof(client->request)) {
			take_request(link, client);
		}
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR) || now_us >= client->deadline_us) {
		close_fd(&client->fd);
	}
}

static bool is_busy(const struct dp_link *link)
{
	bool busy = link->state != LINK_WAITING && link->state != LINK_ATTACHED;

	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		busy |= link->clients[i].fd >= 0;
	}
	return busy;
}

void dp_link_poll(struct dp_link *link)
{
	uint64_t now_us = clock_us();
	uint64_t ticks;

	(void)!read(link->timer_fd, &ticks, sizeof(ticks));
	if (link->state == LINK_ATTACHED) {
		run_attached(link);
	}
	if (link->state == LINK_DETACHING) {
		run_detaching(link);
	}
	accept_all(link);
	for (size_t i = 0; i < LINK_CLIENTS; i++) {
		if (link->clients[i].fd >= 0) {
			run_client(link, &link->clients[i], now_us);
		}
	}
	if (link->state == LINK_OFFERING) {
		run_offering(link, now_us);
	}
	if (link->state == LINK_SENDING) {
		run_sending(link, now_us);
	}
	set_ticking(link, is_busy(link));
}
