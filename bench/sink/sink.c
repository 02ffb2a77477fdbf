#include "sink.h"

#include "bench/common/mark.h"
#include "listen.h"
#include "rtmp/heap_buffers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ACCEPT_BURST      64
#define REPORT_AT_ONCE    1000u /* records; a longer report is written once a second only */
#define PUBLISH_TIMEOUT_S 30u   /* a connection that does not publish */

static int complain(const char *what, int error)
{
	fprintf(stderr, "penstock-sink: %s: %s\n", what, strerror(error));
	return -1;
}

static void drop_oldest_ended(struct sink *sink)
{
	struct record *r;

	TAILQ_FOREACH (r, &sink->records, link) {
		if (r->ended != RECORD_RUNNING) {
			TAILQ_REMOVE(&sink->records, r, link);
			free(r);
			sink->records_count--;
			return;
		}
	}
}

static void open_flv(struct sink *sink, struct record *r)
{
	if (sink->options->flv_dir == NULL) {
		return;
	}
	int rc = flv_create(&r->flv, sink->options->flv_dir, r->app, r->name);
	if (rc != 0) {
		(void)complain(sink->options->flv_dir, -rc);
	}
}

struct record *sink_publish(struct sink *sink, const char *app, const char *name)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return NULL;
	}
	r->number = ++sink->published;
	r->checksum = sink->options->checksum;
	r->latency = sink->options->latency != NULL ? &sink->latency : NULL;
	snprintf(r->app, sizeof(r->app), "%s", app);
	snprintf(r->name, sizeof(r->name), "%.*s", (int)strcspn(name, "?"), name);
	if (sink->marks != NULL) {
		r->marked = true;
		marks_publish_init(&r->marks, sink->marks, r->app, r->name);
	}
	open_flv(sink, r);
	if (sink->records_count >= SINK_RECORDS_MAX) {
		drop_oldest_ended(sink);
	}
	TAILQ_INSERT_TAIL(&sink->records, r, link);
	sink->records_count++;
	if (!sink->options->quiet) {
		fprintf(stderr, "stream %llu: app ", (unsigned long long)r->number);
		report_string(stderr, r->app);
		fputs(" name ", stderr);
		report_string(stderr, r->name);
		fputs("\n", stderr);
	}
	return r;
}

void sink_publish_end(struct sink *sink, struct record *r, enum record_ended how)
{
	r->ended = how;
	if (flv_close(&r->flv) != 0) {
		fprintf(stderr, "penstock-sink: stream %llu: FLV file is not complete\n",
			(unsigned long long)r->number);
	}
	if (how != RECORD_RUNNING) {
		sink->ended++;
	}
	sink->report_due = true;
	if (!sink->options->quiet) {
		fprintf(stderr,
			"stream %llu: %s, %llu audio, %llu video, %llu data messages, "
			"%llu bytes%s%s\n",
			(unsigned long long)r->number, record_ended_name(how),
			(unsigned long long)r->counts[RECORD_AUDIO].messages,
			(unsigned long long)r->counts[RECORD_VIDEO].messages,
			(unsigned long long)r->counts[RECORD_DATA].messages,
			(unsigned long long)record_bytes(r), r->error != NULL ? ": " : "",
			r->error != NULL ? r->error : "");
	}
	if (sink->options->once != 0 && sink->ended >= sink->options->once) {
		sink->stop = true;
	}
}

static void remove_conn(struct sink *sink, struct conn *conn, enum record_ended how)
{
	TAILQ_REMOVE(&sink->conns, conn, link);
	conn_destroy(sink, conn, how);
}

static void on_conn(struct sink *sink, struct loop_source *source, uint32_t events)
{
	struct conn *conn = (struct conn *)source;
	bool had_unsent = conn_has_unsent(conn);
	int rc = conn->stalled ? -1 : 0; /* the peer gave up: nothing else wakes us */

	if (rc == 0 && (events & EPOLLOUT) != 0) {
		rc = conn_flush(conn);
	}
	if (rc == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		rc = conn_receive(sink, conn);
	}
	if (rc != 0) {
		remove_conn(sink, conn, RECORD_CLOSE);
	} else if (conn->stalled) {
		loop_change(&sink->loop, source, 0);
	} else if (conn_has_unsent(conn) != had_unsent) {
		loop_change(&sink->loop, source, had_unsent ? EPOLLIN : EPOLLIN | EPOLLOUT);
	}
}

static void add_conn(struct sink *sink, int fd)
{
	const int on = 1;
	struct conn *conn = conn_create(sink, fd);

	if (conn == NULL) {
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->source.ready = on_conn;
	TAILQ_INSERT_TAIL(&sink->conns, conn, link);
	conn->stalled = sink->options->never_read;
	if (loop_add(&sink->loop, &conn->source, conn->stalled ? 0 : EPOLLIN) != 0) {
		remove_conn(sink, conn, RECORD_CLOSE);
	}
}

static void pause_accept(struct sink *sink, bool pause)
{
	for (uint32_t i = 0; i < sink->listeners_count; i++) {
		loop_change(&sink->loop, &sink->listeners[i], pause ? 0 : EPOLLIN);
	}
	sink->accept_paused = pause;
}

static void on_listener(struct sink *sink, struct loop_source *source, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			add_conn(sink, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accept(sink, true);
		}
		return;
	}
}

static void on_signal(struct sink *sink, struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) > 0) {
		sink->stop = true;
	}
}

static int write_to(const char *path, void (*print)(FILE *out, const void *what), const void *what)
{
	int rc = path != NULL ? report_write(path, print, what) : 0;

	return rc == 0 ? 0 : complain(path, -rc);
}

static int write_report(struct sink *sink)
{
	sink->dirty = false;
	sink->report_due = false;
	int rc = write_to(sink->options->json, report_print, &sink->records);
	int other = write_to(sink->options->latency, latency_print, &sink->latency);
	return rc != 0 ? rc : other;
}

static bool is_file(const char *path)
{
	return path == NULL || strcmp(path, "-") != 0;
}

/* While it runs reports are files; standard output gets them once, at the end. */
static bool report_goes_to_file(const struct sink *sink)
{
	const struct sink_options *o = sink->options;

	return (o->json != NULL || o->latency != NULL) && is_file(o->json) && is_file(o->latency);
}

static void close_silent(struct sink *sink)
{
	struct conn *conn = TAILQ_FIRST(&sink->conns);

	while (conn != NULL) {
		struct conn *next = TAILQ_NEXT(conn, link);
		if (!conn->published && !conn->stalled &&
		    sink->elapsed_s - conn->opened_s >= PUBLISH_TIMEOUT_S) {
			remove_conn(sink, conn, RECORD_CLOSE);
		}
		conn = next;
	}
}

static void on_timer(struct sink *sink, struct loop_source *source, uint32_t events)
{
	uint64_t ticks;

	(void)events;
	if (read(source->fd, &ticks, sizeof(ticks)) != sizeof(ticks)) {
		return;
	}
	sink->elapsed_s += (uint32_t)ticks;
	if (sink->options->seconds != 0 && sink->elapsed_s >= sink->options->seconds) {
		sink->stop = true;
	}
	/* A report that cannot be written was complained about; the last one decides. */
	if (sink->dirty && report_goes_to_file(sink)) {
		(void)write_report(sink);
	}
	if (sink->accept_paused) {
		pause_accept(sink, false);
	}
}

static int open_signals(struct sink *sink)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sink->signals.ready = on_signal;
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
		return -errno;
	}
	sink->signals.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return sink->signals.fd >= 0 ? loop_add(&sink->loop, &sink->signals, EPOLLIN) : -errno;
}

static int open_timer(struct sink *sink)
{
	const struct itimerspec second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};

	sink->timer.ready = on_timer;
	sink->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (sink->timer.fd < 0 || timerfd_settime(sink->timer.fd, 0, &second, NULL) != 0) {
		return -errno;
	}
	return loop_add(&sink->loop, &sink->timer, EPOLLIN);
}

static int open_listener(struct sink *sink, const char *text)
{
	struct loop_source *source = &sink->listeners[sink->listeners_count];
	const char *why;

	source->fd = listen_open(text, &why);
	source->ready = on_listener;
	if (source->fd < 0) {
		fprintf(stderr, "penstock-sink: %s: %s\n", text, why);
		return -1;
	}
	sink->listeners_count++;
	int rc = loop_add(&sink->loop, source, EPOLLIN);
	if (rc != 0) {
		return complain(text, -rc);
	}
	fprintf(stderr, "listening on port %u\n", listen_port(source->fd));
	return 0;
}

/* As many descriptors as the system allows: each publisher is one, each FLV file another. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void init(struct sink *sink, const struct sink_options *options)
{
	memset(sink, 0, sizeof(*sink));
	sink->options = options;
	sink->rtmp = (struct rtmp_server_config){
		.buffers = &rtmp_heap_buffers,
		.aggregates = &sink->aggregate_pool,
		.chunk_size = 4096,
		.window_ack_size = 2500000,
		.peer_bandwidth = 2500000,
		.message_max = (1u << 24) - 1, /* what an FLV tag can hold */
	};
	rtmp_aggregate_pool_init(&sink->aggregate_pool, sink->aggregates, SINK_AGGREGATES);
	sink->signals.fd = -1;
	sink->timer.fd = -1;
	TAILQ_INIT(&sink->conns);
	TAILQ_INIT(&sink->records);
	mark_init();
	latency_init(&sink->latency);
	/* Without entropy the filler of handshakes is predictable, which nothing minds. */
	(void)!getrandom(&sink->seed, sizeof(sink->seed), GRND_NONBLOCK);
}

int sink_open(struct sink *sink, const struct sink_options *options)
{
	init(sink, options);
	raise_descriptor_limit();
	if (options->marks != NULL) {
		sink->marks = marks_open(options->marks);
		if (sink->marks == NULL) {
			return complain(options->marks, errno);
		}
	}
	int rc = loop_open(&sink->loop);
	if (rc != 0) {
		return complain("epoll", -rc);
	}
	rc = open_signals(sink);
	if (rc == 0) {
		rc = open_timer(sink);
	}
	if (rc != 0) {
		(void)complain("signals and timer", -rc);
		goto fail;
	}
	for (uint32_t i = 0; i < options->listen_count; i++) {
		if (open_listener(sink, options->listen[i]) != 0) {
			goto fail;
		}
	}
	return 0;
fail:
	sink_close(sink);
	return -1;
}

uint16_t sink_port(const struct sink *sink, uint32_t listener)
{
	return listen_port(sink->listeners[listener].fd);
}

int sink_run(struct sink *sink)
{
	uint32_t swept_s = 0;

	while (!sink->stop) {
		int rc = loop_run_once(&sink->loop, sink);
		if (rc != 0) {
			return complain("epoll_wait", -rc);
		}
		/* After the events: no source may close another while they are handled. */
		if (sink->elapsed_s != swept_s) {
			swept_s = sink->elapsed_s;
			close_silent(sink);
		}
		if (sink->report_due && report_goes_to_file(sink) &&
		    sink->records_count < REPORT_AT_ONCE) {
			(void)write_report(sink);
		}
	}
	return write_report(sink);
}

static void close_fd(int fd)
{
	if (fd >= 0) {
		close(fd);
	}
}

void sink_close(struct sink *sink)
{
	struct record *r;

	while (!TAILQ_EMPTY(&sink->conns)) {
		remove_conn(sink, TAILQ_FIRST(&sink->conns), RECORD_RUNNING);
	}
	while ((r = TAILQ_FIRST(&sink->records)) != NULL) {
		TAILQ_REMOVE(&sink->records, r, link);
		free(r);
	}
	for (uint32_t i = 0; i < sink->listeners_count; i++) {
		close(sink->listeners[i].fd);
	}
	close_fd(sink->timer.fd);
	close_fd(sink->signals.fd);
	loop_close(&sink->loop);
	if (sink->marks != NULL) {
		marks_close(sink->marks);
	}
}
