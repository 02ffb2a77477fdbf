#include "publisher.h"
#include "rtmp/heap_buffers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_SIZE (16u << 10)

uint64_t publisher_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void publisher_fail(struct publisher *p, const char *code, const char *text)
{
	if (p->code[0] == '\0') {
		snprintf(p->code, sizeof(p->code), "%s", code);
		snprintf(p->text, sizeof(p->text), "%s", text);
	}
	if (!p->complete) {
		p->lost += p->state == STATE_PUBLISHING || p->state == STATE_FINISHING;
		p->refused += p->state == STATE_CONNECTING;
	}
	p->state = STATE_CLOSED;
	p->closed_ms = publisher_now_ms();
}

/* Audio, video, data: the index of what we count. */
static size_t kind_of(const struct flv_tag *tag)
{
	return tag->type == RTMP_TYPE_AUDIO ? 0 : tag->type == RTMP_TYPE_VIDEO ? 1 : 2;
}

static bool at_end(const struct publisher *p)
{
	return p->leaving ||
	       (p->all->options.marks ? p->all->finish : p->tags == p->all->file.count);
}

static bool due(const struct publisher *p)
{
	uint32_t at = p->all->options.marks ? synthetic_due_ms(&p->synthetic)
					    : p->all->file.tags[p->tags].timestamp;

	return !p->all->options.pace || publisher_now_ms() - p->began_ms >= at;
}

static const struct flv_tag *next_tag(struct publisher *p)
{
	const struct flv_tag *tag;

	if (!p->all->options.marks) {
		return &p->all->file.tags[p->tags++];
	}
	tag = synthetic_next(&p->synthetic);
	p->numbers[p->synthetic.mark.incarnation % INCARNATIONS_MAX] = p->synthetic.mark.number;
	return tag;
}

static bool begin_message(struct publisher *p)
{
	static const uint32_t csid[3] = {4, 6, 5};

	if (!due(p)) {
		return false;
	}
	p->tag = next_tag(p);
	size_t kind = kind_of(p->tag);
	struct rtmp_message msg = {
		.timestamp = p->tag->timestamp,
		.length = p->tag->length,
		.stream_id = p->client.stream_id,
		.csid = csid[kind],
		.type = p->tag->type,
	};
	rtmp_chunk_writer_begin(&p->client.writer, &msg);
	p->messages[kind]++;
	p->bytes[kind] += p->tag->length;
	p->in_message = true;
	p->offset = 0;
	return true;
}

/* Writes chunks to `out` until it is full, nothing is due, or the content is at its end. */
static void fill(struct publisher *p)
{
	struct rtmp_chunk chunk;

	while (p->out.cap - p->out.len > RTMP_CHUNK_HEADER_MAX + (size_t)p->chunk_size) {
		if (!p->in_message && (at_end(p) || !begin_message(p))) {
			break;
		}
		if (!rtmp_chunk_writer_next(&p->client.writer, &chunk)) {
			p->in_message = false;
			continue;
		}
		rtmp_out_put(&p->out, chunk.header, chunk.header_len);
		rtmp_out_put(&p->out, p->tag->data + p->offset, chunk.payload_len);
		p->offset += chunk.payload_len;
	}
	if (at_end(p) && !p->in_message && p->out.cap - p->out.len > 1024) {
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
		p->began_ms = publisher_now_ms();
		break;
	case RTMP_CLIENT_REFUSED:
		publisher_fail(p, event->code, event->text);
		break;
	case RTMP_CLIENT_STATUS:
		if (p->state == STATE_PUBLISHING) {
			snprintf(p->code, sizeof(p->code), "%s", event->code);
			snprintf(p->text, sizeof(p->text), "%s", event->text);
			p->leaving = strstr(event->code, "ReconnectRequest") != NULL;
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

static void close_socket(struct publisher *p)
{
	if (p->fd >= 0) {
		close(p->fd);
		p->fd = -1;
	}
}

void publisher_step(struct publisher *p)
{
	if (p->fd < 0) {
		return;
	}
	receive(p);
	if (p->state == STATE_PUBLISHING) {
		fill(p);
	}
	if (p->state != STATE_CLOSED) {
		flush(p);
	}
	/* Whatever the socket took made room: an unpaced publisher goes on at once. */
	while (p->state == STATE_PUBLISHING && !p->all->options.pace && p->out.len == 0) {
		fill(p);
		flush(p);
	}
	if (p->state == STATE_CLOSED) {
		close_socket(p);
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

static int start(struct publisher *p)
{
	const struct options *o = &p->all->options;
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = p};
	const struct rtmp_client_config config = {
		.buffers = &rtmp_heap_buffers,
		.app = o->app,
		.tc_url = o->url,
		.name = p->name,
		.flash_ver = "FMLE/3.0 (compatible; penstock-publish)",
		.chunk_size = p->chunk_size,
		.enhanced = o->enhanced,
		.reconnects = o->enhanced,
	};

	p->state = STATE_CONNECTING;
	p->opened_ms = publisher_now_ms();
	p->fd = connect_socket(p->all->to);
	if (p->fd < 0 || epoll_ctl(p->all->epoll, EPOLL_CTL_ADD, p->fd, &event) < 0) {
		return -1;
	}
	rtmp_client_init(&p->client, &config, publisher_now_ms() * 1000 + p->index);
	return rtmp_client_start(&p->client, &p->out);
}

int publisher_open(struct publisher *p, const struct publishing *all, uint32_t index)
{
	const struct options *o = &all->options;
	char number[16] = "";

	if (o->count > 1) {
		snprintf(number, sizeof(number), "%u", index);
	}
	snprintf(p->name, sizeof(p->name), "%s%s%s%s", o->name, number, o->query ? "?" : "",
		 o->query ? o->query : "");
	p->all = all;
	p->index = index;
	p->chunk_size = o->chunk_sizes[index % o->chunk_sizes_count];
	p->fd = -1;
	p->out.data = malloc(OUT_SIZE);
	p->out.cap = OUT_SIZE;
	if (p->out.data == NULL ||
	    (o->marks && synthetic_init(&p->synthetic, p->name, o->gop_ms, o->kbps) != 0)) {
		return -1;
	}
	return start(p);
}

void publisher_close(struct publisher *p)
{
	close_socket(p);
	synthetic_fini(&p->synthetic);
	rtmp_client_fini(&p->client);
	free(p->out.data);
}

void publisher_reopen(struct publisher *p)
{
	close_socket(p);
	synthetic_restart(&p->synthetic);
	p->in_message = false;
	p->shut = false;
	p->complete = false;
	p->sent = 0;
	p->out = (struct rtmp_out){.data = p->out.data, .cap = OUT_SIZE};
	p->code[0] = '\0';
	p->text[0] = '\0';
	if (start(p) < 0) {
		publisher_fail(p, "local", "cannot open");
	}
}
