#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/goodput/bulk.h"
#include "tests/goodput/clock.h"
#include "tests/goodput/pattern.h"

#define NS_PER_S UINT64_C(1000000000)

struct sink {
	const struct bulk_options *options;
	struct pollfd fds[BULK_FLOWS_MAX + 1]; /* the first one listens */
	uint64_t got[BULK_FLOWS_MAX + 1];
	uint32_t accepted;
	uint32_t ended;
	uint32_t broken;
	uint64_t bytes;
	uint64_t wrong; /* reads that were not what was sent */
	uint64_t begin_ns;
	uint8_t pattern[PATTERN_SIZE];
	uint8_t buffer[PATTERN_PIECE];
};

static int open_listener(const struct bulk_options *o)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_sockaddr(&o->listen, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;

	if (fd < 0) {
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, BULK_FLOWS_MAX) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_flows(struct sink *s)
{
	while (s->accepted < BULK_FLOWS_MAX) {
		int fd = accept4(s->fds[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			return;
		}
		s->accepted++;
		s->fds[s->accepted] = (struct pollfd){.fd = fd, .events = POLLIN};
	}
}

static void end_flow(struct sink *s, uint32_t i, bool broken)
{
	close(s->fds[i].fd);
	s->fds[i].fd = -1;
	s->ended++;
	s->broken += broken || (s->options->bytes != 0 && s->got[i] != s->options->bytes);
}

/* Reads as a server does, into a buffer; the clock starts with the first byte of all. */
static void read_flow(struct sink *s, uint32_t i)
{
	ssize_t n = recv(s->fds[i].fd, s->buffer, sizeof(s->buffer), 0);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN) {
			end_flow(s, i, n < 0);
		}
		return;
	}
	if (s->options->check &&
	    memcmp(s->buffer, pattern_at(s->pattern, s->got[i]), (size_t)n) != 0) {
		s->wrong++;
	}
	if (s->begin_ns == 0) {
		s->begin_ns = clock_ns();
	}
	s->got[i] += (uint64_t)n;
	s->bytes += (uint64_t)n;
}

static bool is_over(const struct sink *s)
{
	const struct bulk_options *o = s->options;

	if (o->seconds != 0 && s->begin_ns != 0 &&
	    clock_ns() - s->begin_ns >= o->seconds * NS_PER_S) {
		return true;
	}
	return bulk_stopped || (o->bytes != 0 && s->ended == o->flows);
}

int bulk_receive(const struct bulk_options *options)
{
	static struct sink s;

	s.options = options;
	pattern_fill(s.pattern);
	s.fds[0] = (struct pollfd){.fd = open_listener(options), .events = POLLIN};
	if (s.fds[0].fd < 0) {
		fprintf(stderr, "goodput-bulk: listen: %s\n", strerror(errno));
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!is_over(&s)) {
		if (poll(s.fds, s.accepted + 1, 10) <= 0) {
			continue;
		}
		for (uint32_t i = 1; i <= s.accepted; i++) {
			if (s.fds[i].revents != 0) {
				read_flow(&s, i);
			}
		}
		accept_flows(&s);
	}
	double seconds = s.begin_ns != 0 ? (double)(clock_ns() - s.begin_ns) / 1e9 : 0;
	printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.6f, \"flows\": %u, \"broken\": %u, "
	       "\"wrong\": %" PRIu64 "}\n",
	       s.bytes, seconds, s.accepted, s.broken, s.wrong);
	bulk_reset(s.fds + 1, s.accepted);
	close(s.fds[0].fd);
	return s.wrong == 0 && (options->bytes == 0 || (s.ended == options->flows && s.broken == 0))
		       ? 0
		       : 1;
}
