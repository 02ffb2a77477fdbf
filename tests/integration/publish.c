/*
 * penstock-publish: publishes an FLV file over kernel sockets, for the integration tests.
 *
 *	penstock-publish [options] rtmp://host[:port]/app NAME FILE.flv
 *
 * One process runs any number of publishers (--count) of the same file under names of their own.
 * At the end it prints one JSON array: what each of them sent, to the message and the byte, and how
 * the server answered. Exit code 0: everybody published everything; 1: at least one did not; 2:
 *usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flv_file.h"
#include "rtmp/client.h"

#define OUT_SIZE   (256u << 10) /* bytes a publisher has under way */
#define IN_SIZE    (16u << 10)
#define TICK_MS    10
#define URL_PART   256u
#define EVENTS_MAX 64

enum state {
	STATE_CONNECTING = 0, /* TCP, handshake and commands */
	STATE_PUBLISHING,
	STATE_FINISHING, /* everything is in `out`, or sent */
	STATE_CLOSED,
};

struct options {
	char host[URL_PART];
	char port[16];
	char app[URL_PART];
	const char *url;
	const char *name;
	const char *query;
	uint32_t chunk_size;
	uint32_t count;
	uint32_t timeout_s;
	bool pace;
};

struct publisher {
	int fd;
	enum state state;
	bool complete;   /* the last message was written and the server closed in order */
	bool in_message; /* the writer has chunks left of tag - 1 */
	bool shut;
	size_t tag;      /* next one to begin */
	uint32_t offset; /* bytes of the message under way that were written */
	size_t sent;     /* bytes of `out` that the socket took */
	uint64_t began_ms;
	uint64_t messages[3]; /* audio, video, data */
	uint64_t bytes[3];
	struct rtmp_out out;
	struct rtmp_client client;
	char name[URL_PART];
	char code[128];
	char text[256];
};

static struct options options = {
	.port = "1935",
	.chunk_size = 128,
	.count = 1,
	.timeout_s = 60,
};
static struct flv_file file;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void publisher_fail(struct publisher *p, const char *code, const char *text)
{
	if (p->code[0] == '\0') {
		snprintf(p->code, sizeof(p->code), "%s", code);
		snprintf(p->text, sizeof(p->text), "%s", text);
	}
	p->state = STATE_CLOSED;
}

/* Audio, video, data: the index of what we count. */
static size_t kind_of(const struct flv_tag *tag)
{
	return tag->type == RTMP_TYPE_AUDIO ? 0 : tag->type == RTMP_TYPE_VIDEO ? 1 : 2;
}

static bool begin_message(struct publisher *p)
{
	static const uint32_t csid[3] = {4, 6, 5};
	const struct flv_tag *tag = &file.tags[p->tag];
	size_t kind = kind_of(tag);
	struct rtmp_message msg = {
		.timestamp = tag->timestamp,
		.length = tag->length,
		.stream_id = p->client.stream_id,
		.csid = csid[kind],
		.type = tag->type,
	};

	if (options.pace && now_ms() - p->began_ms < tag->timestamp) {
		return false;
	}
	rtmp_chunk_writer_begin(&p->client.writer, &msg);
	p->messages[kind]++;
	p->bytes[kind] += tag->length;
	p->in_message = true;
	p->offset = 0;
	p->tag++;
	return true;
}

/* Writes chunks of the file to `out` until it is full, nothing is due, or the file is at its end.
 */
static void fill(struct publisher *p)
{
	struct rtmp_chunk chunk;

	while (p->out.cap - p->out.len > RTMP_CHUNK_HEADER_MAX + (size_t)options.chunk_size) {
		if (!p->in_message && (p->tag == file.count || !begin_message(p))) {
			break;
		}
		if (!rtmp_chunk_writer_next(&p->client.writer, &chunk)) {
			p->in_message = false;
			continue;
		}
		rtmp_out_put(&p->out, chunk.header, chunk.header_len);
		rtmp_out_put(&p->out, file.tags[p->tag - 1].data + p->offset, chunk.payload_len);
		p->offset += chunk.payload_len;
	}
	if (p->tag == file.count && !p->in_message && p->out.cap - p->out.len > 1024) {
		if (rtmp_client_finish(&p->client, &p->out) < 0) {
			publisher_fail(p, "local", "no room for FCUnpublish");
			return;
		}
		p->state = STATE_FINISHING;
	}
}

/* Gives `out` to the socket. */
static void flush(struct publisher *p)
{
	while (p->sent < p->out.len) {
		ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN && errno != ENOTCONN) {
				publisher_fail(p, "socket", strerror(errno));
			}
			return;
		}
		p->sent += (size_t)n;
	}
	p->out.len = 0;
	p->sent = 0;
	if (p->state == STATE_FINISHING && !p->shut) {
		/* Not close(): unread replies would turn it into a reset and throw data away. */
		shutdown(p->fd, SHUT_WR);
		p->shut = true;
	}
}

static void handle_event(struct publisher *p, const struct rtmp_client_event *event)
{
	switch (event->type) {
	case RTMP_CLIENT_PUBLISHING:
		p->state = STATE_PUBLISHING;
		p->began_ms = now_ms();
		break;
	case RTMP_CLIENT_REFUSED:
		publisher_fail(p, event->code, event->text);
		break;
	case RTMP_CLIENT_STATUS:
		if (p->state == STATE_PUBLISHING) {
			snprintf(p->code, sizeof(p->code), "%s", event->code);
			snprintf(p->text, sizeof(p->text), "%s", event->text);
		}
		break;
	case RTMP_CLIENT_ACK:
	case RTMP_CLIENT_MORE:
		break;
	}
}

static void handle_input(struct publisher *p, uint8_t *data, size_t len)
{
	struct rtmp_span in = {.data = data, .len = (uint32_t)len, .exclusive = true};
	struct rtmp_client_event event;

	do {
		int error = rtmp_client_next(&p->client, &in, &p->out, &event);

		if (error < 0) {
			publisher_fail(p, "rtmp", rtmp_error_sentence(error));
			return;
		}
		handle_event(p, &event);
	} while (event.type != RTMP_CLIENT_MORE && p->state != STATE_CLOSED);
}

static void receive(struct publisher *p)
{
	uint8_t buffer[IN_SIZE];
	ssize_t n;

	while (p->state != STATE_CLOSED) {
		n = recv(p->fd, buffer, sizeof(buffer), 0);
		if (n > 0) {
			handle_input(p, buffer, (size_t)n);
		} else if (n == 0) {
			p->complete = p->state == STATE_FINISHING && p->shut;
			publisher_fail(p, p->complete ? "" : "eof", "closed by the server");
		} else if (errno == EAGAIN) {
			return;
		} else {
			publisher_fail(p, "socket", strerror(errno));
		}
	}
}

static void step(struct publisher *p)
{
	receive(p);
	if (p->state == STATE_PUBLISHING) {
		fill(p);
	}
	if (p->state != STATE_CLOSED) {
		flush(p);
	}
	/* Whatever the socket took made room: an unpaced publisher goes on at once. */
	while (p->state == STATE_PUBLISHING && !options.pace && p->out.len == 0) {
		fill(p);
		flush(p);
	}
	if (p->state == STATE_CLOSED && p->fd >= 0) {
		close(p->fd);
		p->fd = -1;
	}
}

static int connect_socket(const struct addrinfo *to)
{
	int one = 1;
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int publisher_open(struct publisher *p, uint32_t index, const struct addrinfo *to, int epoll)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = p};
	struct rtmp_client_config config = {
		.app = options.app,
		.tc_url = options.url,
		.name = p->name,
		.flash_ver = "FMLE/3.0 (compatible; penstock-publish)",
		.chunk_size = options.chunk_size,
	};
	char number[16] = "";

	if (options.count > 1) {
		snprintf(number, sizeof(number), "%u", index);
	}
	snprintf(p->name, sizeof(p->name), "%s%s%s%s", options.name, number,
		 options.query ? "?" : "", options.query ? options.query : "");
	p->out.data = malloc(OUT_SIZE);
	p->out.cap = OUT_SIZE;
	p->fd = connect_socket(to);
	if (!p->out.data || p->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, p->fd, &event) < 0) {
		return -1;
	}
	rtmp_client_init(&p->client, &config, now_ms() * 1000 + index);
	return rtmp_client_start(&p->client, &p->out);
}

/* Runs until every publisher is closed or the time is up. */
static void run(struct publisher *publishers, int epoll)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t end = now_ms() + options.timeout_s * UINT64_C(1000);
	uint32_t open = options.count;

	while (open > 0 && now_ms() < end) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, TICK_MS);

		for (int i = 0; i < n; i++) {
			step(events[i].data.ptr);
		}
		open = 0;
		for (uint32_t i = 0; i < options.count; i++) {
			if (options.pace && publishers[i].state == STATE_PUBLISHING) {
				step(&publishers[i]);
			}
			open += publishers[i].state != STATE_CLOSED;
		}
	}
}

static json_t *report(const struct publisher *p)
{
	return json_pack("{s:s, s:b, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "name", p->name,
			 "complete", p->complete, "code", p->code, "text", p->text, "chunk_size",
			 (int)options.chunk_size, "audio_messages", (json_int_t)p->messages[0],
			 "video_messages", (json_int_t)p->messages[1], "data_messages",
			 (json_int_t)p->messages[2], "audio_bytes", (json_int_t)p->bytes[0],
			 "video_bytes", (json_int_t)p->bytes[1], "data_bytes",
			 (json_int_t)p->bytes[2]);
}

static int print_report(struct publisher *publishers)
{
	json_t *list = json_array();
	int failed = 0;

	for (uint32_t i = 0; i < options.count; i++) {
		struct publisher *p = &publishers[i];

		if (p->state != STATE_CLOSED) {
			publisher_fail(p, "timeout", "time is up");
		}
		failed += !p->complete;
		json_array_append_new(list, report(p));
	}
	json_dumpf(list, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(list);
	return failed ? 1 : 0;
}

/* rtmp://host[:port]/app, host may be an IPv6 literal in brackets. */
static bool parse_url(const char *url)
{
	options.url = url;
	if (sscanf(url, "rtmp://[%255[^]]]:%15[0-9]/%255s", options.host, options.port,
		   options.app) == 3 ||
	    sscanf(url, "rtmp://[%255[^]]]/%255s", options.host, options.app) == 2) {
		return true;
	}
	return sscanf(url, "rtmp://%255[^]:/[]:%15[0-9]/%255s", options.host, options.port,
		      options.app) == 3 ||
	       sscanf(url, "rtmp://%255[^]:/[]/%255s", options.host, options.app) == 2;
}

static int usage(void)
{
	fputs("usage: penstock-publish [options] rtmp://host[:port]/app NAME FILE.flv\n"
	      "  -n, --count N       publishers at once; their names are NAME0, NAME1, ...\n"
	      "  -c, --chunk-size N  bytes (128)\n"
	      "  -p, --pace          at the speed of the timestamps\n"
	      "  -q, --query TEXT    appended to the name after '?'\n"
	      "  -t, --timeout S     give up after so long (60)\n",
	      stderr);
	return 2;
}

static bool parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{"count", required_argument, NULL, 'n'},
		{"chunk-size", required_argument, NULL, 'c'},
		{"pace", no_argument, NULL, 'p'},
		{"query", required_argument, NULL, 'q'},
		{"timeout", required_argument, NULL, 't'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:c:pq:t:", longs, NULL)) != -1) {
		switch (c) {
		case 'n':
			options.count = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'c':
			options.chunk_size = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			options.pace = true;
			break;
		case 'q':
			options.query = optarg;
			break;
		case 't':
			options.timeout_s = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		default:
			return false;
		}
	}
	return argc - optind == 3 && options.count > 0 && options.count <= 4096 &&
	       options.chunk_size > 0 && options.chunk_size <= OUT_SIZE / 4 &&
	       parse_url(argv[optind]);
}

static int publish(struct publisher *publishers)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *to = NULL;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || getaddrinfo(options.host, options.port, &hints, &to) != 0) {
		fprintf(stderr, "cannot resolve %s\n", options.host);
		return 2;
	}
	for (uint32_t i = 0; i < options.count; i++) {
		if (publisher_open(&publishers[i], i, to, epoll) < 0) {
			publisher_fail(&publishers[i], "local", "cannot open");
		}
	}
	freeaddrinfo(to);
	run(publishers, epoll);
	close(epoll);
	return print_report(publishers);
}

int main(int argc, char **argv)
{
	struct publisher *publishers;
	int error;
	int code;

	if (!parse_options(argc, argv)) {
		return usage();
	}
	options.name = argv[optind + 1];
	error = flv_file_open(&file, argv[optind + 2]);
	if (error < 0) {
		fprintf(stderr, "%s: %s\n", argv[optind + 2], strerror(-error));
		return 2;
	}
	publishers = calloc(options.count, sizeof(*publishers));
	if (!publishers) {
		return 2;
	}
	code = publish(publishers);
	for (uint32_t i = 0; i < options.count; i++) {
		free(publishers[i].out.data);
	}
	free(publishers);
	flv_file_close(&file);
	return code;
}
