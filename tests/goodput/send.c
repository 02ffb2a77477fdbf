#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/goodput/bulk.h"
#include "tests/goodput/clock.h"
#include "tests/goodput/pattern.h"

#define CONNECT_NS UINT64_C(20000000000)
#define CONGESTION "cubic"
#define PIECE      (64u << 10)
#define NS_PER_S   UINT64_C(1000000000)

struct sender {
	struct tcp_info ended; /* sums of the flows that have ended */
	const struct bulk_options *options;
	struct pollfd fds[BULK_FLOWS_MAX];
	uint64_t sent[BULK_FLOWS_MAX];
	uint32_t open;
	bool failed;
	uint8_t pattern[PATTERN_SIZE];
};

static int complain(const char *what)
{
	fprintf(stderr, "goodput-bulk: %s: %s\n", what, strerror(errno));
	return -1;
}

static int connect_one(const struct bulk_options *o)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_sockaddr(&o->to, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return complain("socket");
	}
	/* As ours: the default may be another one. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, strlen(CONGESTION)) != 0) {
		close(fd);
		return complain(CONGESTION);
	}
	if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
		close(fd);
		return complain("connect");
	}
	return fd;
}

/* What becomes writable is connected, or failed. */
static int check_connected(const struct pollfd *fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	return error == 0 ? 0 : complain("connect");
}

/* All flows begin at the same time: none sends before the last one is connected. */
static int connect_all(struct sender *s)
{
	uint64_t end_ns = clock_ns() + CONNECT_NS;
	uint32_t flows = s->options->flows;

	for (; s->open < flows; s->open++) {
		s->fds[s->open].fd = connect_one(s->options);
		s->fds[s->open].events = POLLOUT;
		if (s->fds[s->open].fd < 0) {
			return -1;
		}
	}
	for (uint32_t i = 0; i < flows; i++) {
		while (poll(&s->fds[i], 1, 100) <= 0) {
			if (bulk_stopped || clock_ns() > end_ns) {
				errno = ETIMEDOUT;
				return complain("connect");
			}
		}
		if (check_connected(&s->fds[i]) != 0) {
			return -1;
		}
	}
	return 0;
}

static void add_info(struct tcp_info *sum, int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		sum->tcpi_bytes_acked += info.tcpi_bytes_acked;
		sum->tcpi_total_retrans += info.tcpi_total_retrans;
		sum->tcpi_reord_seen += info.tcpi_reord_seen;
		sum->tcpi_rwnd_limited += info.tcpi_rwnd_limited;
		sum->tcpi_sndbuf_limited += info.tcpi_sndbuf_limited;
		sum->tcpi_rtt += info.tcpi_rtt;
	}
}

static void end_flow(struct sender *s, uint32_t i)
{
	add_info(&s->ended, s->fds[i].fd);
	close(s->fds[i].fd);
	s->fds[i].fd = -1;
	s->open--;
}

static void fail_flow(struct sender *s, uint32_t i, const char *what)
{
	(void)complain(what);
	s->failed = true;
	end_flow(s, i);
}

static void send_more(struct sender *s, uint32_t i)
{
	uint64_t bytes = s->options->bytes;
	uint64_t left = bytes != 0 ? bytes - s->sent[i] : PIECE;
	ssize_t n = send(s->fds[i].fd, pattern_at(s->pattern, s->sent[i]),
			 left < PIECE ? left : PIECE, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		fail_flow(s, i, "send");
		return;
	}
	s->sent[i] += n > 0 ? (uint64_t)n : 0;
	if (bytes != 0 && s->sent[i] == bytes) {
		shutdown(s->fds[i].fd, SHUT_WR);
		s->fds[i].events = POLLIN;
	}
}

/* The peer says nothing but its end, and that when it has read ours. */
static void await_end(struct sender *s, uint32_t i)
{
	uint8_t byte;
	ssize_t n = recv(s->fds[i].fd, &byte, 1, 0);

	if (n == 0) {
		end_flow(s, i);
	} else if (n > 0 || errno != EAGAIN) {
		fail_flow(s, i, "recv");
	}
}

static void serve(struct sender *s)
{
	for (uint32_t i = 0; i < s->options->flows; i++) {
		if (s->fds[i].revents & POLLOUT) {
			send_more(s, i);
		} else if (s->fds[i].revents != 0) {
			await_end(s, i);
		}
	}
}

/* Acknowledged is what counts: what stands in our own buffer has reached nobody. */
static void report(const struct sender *s, double seconds)
{
	struct tcp_info sum = s->ended;
	uint64_t sent = 0;

	assert(s->options->flows > 0); /* the least that the option takes */
	for (uint32_t i = 0; i < s->options->flows; i++) {
		add_info(&sum, s->fds[i].fd);
		sent += s->sent[i];
	}
	printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"sent\": %" PRIu64
	       ", \"retransmits\": %u, \"reordering_seen\": %u, \"window_limited_us\": %" PRIu64
	       ", \"buffer_limited_us\": %" PRIu64 ", \"rtt_us\": %u}\n",
	       s->options->bytes != 0 ? sent : (uint64_t)sum.tcpi_bytes_acked, seconds, sent,
	       sum.tcpi_total_retrans, sum.tcpi_reord_seen, (uint64_t)sum.tcpi_rwnd_limited,
	       (uint64_t)sum.tcpi_sndbuf_limited, sum.tcpi_rtt / s->options->flows);
}

int bulk_send(const struct bulk_options *options)
{
	static struct sender s;
	uint64_t begin_ns, now_ns, end_ns = UINT64_MAX;

	s.options = options;
	pattern_fill(s.pattern);
	if (connect_all(&s) != 0) {
		return 1;
	}
	begin_ns = now_ns = clock_ns();
	if (options->seconds != 0) {
		end_ns = begin_ns + options->seconds * NS_PER_S;
	}
	while (!bulk_stopped && s.open > 0 && now_ns < end_ns) {
		if (poll(s.fds, options->flows, 10) > 0) {
			serve(&s);
		}
		now_ns = clock_ns();
	}
	report(&s, (double)(now_ns - begin_ns) / 1e9);
	s.failed |= s.open > 0 && options->seconds == 0;
	bulk_reset(s.fds, options->flows);
	return s.failed ? 1 : 0;
}
