#include "bench/gen/kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/gen/fleet.h"

#define EVENTS      512
#define PIECES      512u
#define RX_BYTES    65536u
#define WAIT_US     UINT64_C(10000)
#define DESCRIPTORS 64u /* of our own */

struct kernel {
	struct transport base;
	int epoll;
	uint32_t next_bind;
	uint32_t binds_count;
	socklen_t server_len;
	struct sockaddr_storage server;
	struct sockaddr_storage binds[GEN_ADDRESSES_MAX];
	uint64_t reset_ns; /* wall clock and CPU time of the last reset */
	uint64_t reset_cpu_ns;
	uint8_t rx[RX_BYTES];
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint8_t *kernel_memory(struct transport *t, size_t size)
{
	(void)t;
	return malloc(size);
}

static void drop_socket(struct publisher *p)
{
	if (p->fd >= 0) {
		close(p->fd);
		p->fd = -1;
	}
}

static enum gen_end end_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return GEN_END_CONNECT_REFUSED;
	case EADDRNOTAVAIL:
		return GEN_END_NO_PORT;
	case EMFILE:
	case ENFILE:
		return GEN_END_NO_DESCRIPTOR;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return GEN_END_UNREACHABLE;
	case ECONNRESET:
	case EPIPE:
		return GEN_END_RESET;
	case ETIMEDOUT:
		return GEN_END_TIMEOUT;
	case ENOMEM:
	case ENOBUFS:
		return GEN_END_NO_MEMORY;
	default:
		return GEN_END_OTHER;
	}
}

/* A source address of those given; its port is chosen at connect(), for this server. */
static int bind_next(struct kernel *k, int fd)
{
	const int on = 1;
	const struct sockaddr_storage *from = &k->binds[k->next_bind];

	if (k->binds_count == 0) {
		return 0;
	}
	k->next_bind = (k->next_bind + 1) % k->binds_count;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0) {
		return -1;
	}
	return bind(fd, (const struct sockaddr *)from, sizeof(*from));
}

static int begin(struct kernel *k, struct publisher *p)
{
	const int on = 1;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.ptr = p}};

	p->fd = socket(k->server.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0 || bind_next(k, p->fd) != 0 ||
	    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
		return -1;
	}
	if (connect(p->fd, (const struct sockaddr *)&k->server, k->server_len) != 0 &&
	    errno != EINPROGRESS) {
		return -1;
	}
	return epoll_ctl(k->epoll, EPOLL_CTL_ADD, p->fd, &event);
}

static enum gen_end kernel_connect(struct transport *t, struct publisher *p)
{
	enum gen_end end;

	if (begin((struct kernel *)t, p) == 0) {
		return GEN_END_NORMAL;
	}
	end = end_of(errno);
	drop_socket(p);
	return end;
}

static enum transport_sent kernel_send(struct transport *t, struct publisher *p, uint32_t limit)
{
	struct iovec iov[PIECES];
	struct msghdr msg = {.msg_iov = iov};

	while (p->outbox.count > 0) {
		uint32_t count;
		uint32_t bytes = outbox_cut(&p->outbox, limit, iov, PIECES, &count);
		msg.msg_iovlen = count;
		ssize_t n = sendmsg(p->fd, &msg, MSG_NOSIGNAL);

		if (n < 0) {
			return errno == EAGAIN || errno == EINTR ? TRANSPORT_SENT : TRANSPORT_LOST;
		}
		outbox_taken(&p->outbox, &t->fleet->outboxes, (uint32_t)n);
		/* After a short write the socket is full: an edge will come. */
		if (n < bytes || limit != UINT32_MAX) {
			break;
		}
	}
	return TRANSPORT_SENT;
}

static void kernel_close(struct transport *t, struct publisher *p)
{
	(void)t;
	(void)shutdown(p->fd, SHUT_WR);
}

/* Closing with a reset leaves no TIME-WAIT, and the server learns at once. */
static void kernel_abort(struct transport *t, struct publisher *p)
{
	const struct linger linger = {.l_onoff = 1};

	(void)t;
	if (p->fd >= 0) {
		(void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	}
	drop_socket(p);
}

/* True when the connection goes on. */
static bool connected(struct publisher *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
		error = errno;
	}
	if (error != 0) {
		drop_socket(p);
		publisher_closed(p, end_of(error));
		return false;
	}
	publisher_connected(p);
	return p->fd >= 0;
}

static void lost(struct publisher *p, enum gen_end end)
{
	drop_socket(p);
	publisher_closed(p, end);
}

/* Until there is nothing left: the next edge comes with the next bytes. */
static void receive(struct kernel *k, struct publisher *p)
{
	while (p->fd >= 0) {
		ssize_t n = recv(p->fd, k->rx, sizeof(k->rx), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		}
		if (n <= 0) {
			lost(p, n == 0 ? GEN_END_NORMAL : end_of(errno));
			return;
		}
		publisher_received(p, k->rx, (uint32_t)n);
	}
}

static void handle(struct kernel *k, struct publisher *p, uint32_t events)
{
	if (p->state == PUBLISHER_CONNECTING) {
		if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0 || !connected(p)) {
			return;
		}
	} else if ((events & EPOLLOUT) != 0) {
		publisher_writable(p);
	}
	if (p->fd >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
		receive(k, p);
	}
}

static void kernel_turn(struct transport *t)
{
	struct kernel *k = (struct kernel *)t;
	struct epoll_event events[EVENTS];
	uint64_t idle_us = fleet_idle_us(t->fleet, WAIT_US);
	const struct timespec wait = {.tv_nsec = (long)idle_us * 1000};
	int n = epoll_pwait2(k->epoll, events, EVENTS, &wait, NULL);

	for (int i = 0; i < n; i++) {
		t->fleet->now_us = clock_ns(CLOCK_MONOTONIC) / 1000; /* a turn can be long */
		handle(k, events[i].data.ptr, events[i].events);
	}
	fleet_turn(t->fleet, clock_ns(CLOCK_MONOTONIC) / 1000);
}

static void kernel_reset(struct transport *t)
{
	struct kernel *k = (struct kernel *)t;

	k->reset_ns = clock_ns(CLOCK_MONOTONIC);
	k->reset_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static void kernel_usage(const struct transport *t, struct transport_usage *usage)
{
	const struct kernel *k = (const struct kernel *)t;
	uint64_t wall = clock_ns(CLOCK_MONOTONIC) - k->reset_ns;
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - k->reset_cpu_ns;

	*usage = (struct transport_usage){
		.busy_percent = 100.0 * (double)cpu / (double)(wall + 1),
	};
}

static void kernel_destroy(struct transport *t)
{
	struct kernel *k = (struct kernel *)t;

	if (k->epoll >= 0) {
		close(k->epoll);
	}
	free(k);
}

static const struct transport_ops kernel_ops = {
	.memory = kernel_memory,
	.connect = kernel_connect,
	.send = kernel_send,
	.close = kernel_close,
	.abort = kernel_abort,
	.turn = kernel_turn,
	.reset = kernel_reset,
	.usage = kernel_usage,
	.destroy = kernel_destroy,
};

/* A descriptor for each publisher; root may go beyond the hard limit. */
static void raise_descriptor_limit(uint32_t publishers)
{
	struct rlimit limit;
	rlim_t wanted = publishers + DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
		return;
	}
	struct rlimit more = {
		.rlim_cur = wanted,
		.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted,
	};
	if (setrlimit(RLIMIT_NOFILE, &more) != 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		fprintf(stderr, "penstock-gen: only %llu descriptors\n",
			(unsigned long long)limit.rlim_max);
	}
}

static void pin(uint32_t core)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(core, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0) {
		perror("penstock-gen: --core");
	}
}

struct transport *kernel_create(const struct gen_options *o, struct fleet *fleet)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		perror("penstock-gen");
		return NULL;
	}
	k->base = (struct transport){.ops = &kernel_ops, .fleet = fleet};
	k->server_len = endpoint_sockaddr(&o->server, &k->server);
	for (uint32_t i = 0; i < o->binds_count; i++) {
		endpoint_sockaddr(&(struct endpoint){.addr = o->binds[i]}, &k->binds[i]);
	}
	k->binds_count = o->binds_count;
	raise_descriptor_limit(o->publishers);
	if (o->core != UINT32_MAX) {
		pin(o->core);
	}
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll < 0) {
		perror("penstock-gen: epoll");
		kernel_destroy(&k->base);
		return NULL;
	}
	fleet->now_us = clock_ns(CLOCK_MONOTONIC) / 1000;
	return &k->base;
}
