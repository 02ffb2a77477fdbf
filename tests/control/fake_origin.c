#include "fake_origin.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_worker.h"
#include "rtmp/heap_buffers.h"
#include "rtmp/server.h"

#define RECORDS 65536u

struct fake_origin {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener;
	int fd; /* the connection, or -1 */
	uint16_t port;
	int receive_buffer;
	bool stop;
	bool stall;
	bool flood;
	bool refuse;
	bool break_now;
	bool deaf;
	bool mute;
	bool ping;
	bool publishing;
	uint32_t turns; /* begun */
	uint32_t connections;
	uint32_t unpublished;
	uint32_t pings;
	uint32_t count;
	struct fake_record *records;
	char name[RTMP_NAME_MAX];

	/* the thread's own */
	struct rtmp_server server;
	struct {
		struct fake_record record;
		uint32_t filled;
		bool open;
	} partial[RTMP_CHUNK_STREAMS];
};

static const struct rtmp_server_config config = {
	.buffers = &rtmp_heap_buffers,
	.chunk_size = 4096,
	.window_ack_size = 2500000,
	.peer_bandwidth = 2500000,
	.message_max = 8u << 20,
};

static void take_piece(struct fake_origin *o, const struct rtmp_piece *piece)
{
	struct fake_record *r = &o->partial[piece->slot].record;
	uint32_t *filled = &o->partial[piece->slot].filled;

	o->partial[piece->slot].open = !piece->last;
	if (piece->first) {
		*filled = 0;
		*r = (struct fake_record){.timestamp = piece->msg->timestamp,
					  .length = piece->msg->length,
					  .type = piece->msg->type,
					  .intact = true};
	}
	for (uint32_t i = 0; i < piece->len; i++, (*filled)++) {
		if (*filled == 0) {
			r->first = piece->data[i];
		} else if (*filled == 1) {
			r->second = piece->data[i];
		}
		r->intact &= piece->data[i] == (uint8_t)(r->first + fake_byte(0, *filled));
	}
	if (!piece->last) {
		return;
	}
	pthread_mutex_lock(&o->lock);
	r->connection = o->connections;
	if (o->count < RECORDS) {
		o->records[o->count++] = *r;
	}
	pthread_mutex_unlock(&o->lock);
}

static size_t put_string(uint8_t *to, const char *text)
{
	size_t length = strlen(text);

	to[0] = (uint8_t)(length >> 8);
	to[1] = (uint8_t)length;
	for (size_t i = 0; i < length; i++) {
		to[2 + i] = (uint8_t)text[i];
	}
	return 2 + length;
}

static size_t put_property(uint8_t *to, const char *name, const char *value)
{
	size_t at = put_string(to, name);

	to[at++] = 2; /* AMF0 string */
	return at + put_string(to + at, value);
}

/* onStatus(0, null, information object), as servers that repeat the name write it. */
static void put_refusal(struct fake_origin *o, const struct rtmp_server_event *event,
			struct rtmp_out *out)
{
	uint8_t body[2048] = {2};
	char text[RTMP_NAME_MAX + 16];
	size_t at = 1 + put_string(body + 1, "onStatus");
	struct rtmp_message msg = {.stream_id = event->stream_id, .csid = 5, .type = 20};

	at += 9; /* number 0: marker 0, then zeros */
	body[at++] = 5;
	body[at++] = 3;
	snprintf(text, sizeof(text), "%s is not valid", event->name);
	at += put_property(body + at, "level", "error");
	at += put_property(body + at, "code", "NetStream.Publish.BadName");
	at += put_property(body + at, "description", text);
	body[at + 2] = 9;
	msg.length = (uint32_t)at + 3;
	(void)rtmp_chunk_writer_put(&o->server.writer, &msg, body, out);
}

static int decide(struct fake_origin *o, const struct rtmp_server_event *event,
		  struct rtmp_out *out)
{
	bool refuse;

	pthread_mutex_lock(&o->lock);
	refuse = o->refuse;
	snprintf(o->name, sizeof(o->name), "%s", event->name);
	pthread_mutex_unlock(&o->lock);
	if (refuse) {
		put_refusal(o, event, out);
		return -1; /* the connection ends after the answer */
	}
	o->publishing = true;
	return rtmp_server_accept(&o->server, event->stream_id, out);
}

static int take_event(struct fake_origin *o, const struct rtmp_server_event *event,
		      struct rtmp_out *out)
{
	switch (event->type) {
	case RTMP_SERVER_PUBLISH:
		return decide(o, event, out);
	case RTMP_SERVER_MEDIA:
		take_piece(o, &event->piece);
		return 0;
	case RTMP_SERVER_UNPUBLISH:
		pthread_mutex_lock(&o->lock);
		o->unpublished++;
		pthread_mutex_unlock(&o->lock);
		return 0;
	default:
		return 0;
	}
}

/* User Control, Ping Request (RTMP specification 7.1.7), in the middle of a message. */
static void put_ping(struct fake_origin *o, struct rtmp_out *out)
{
	static const uint8_t body[] = {0, RTMP_USER_PING_REQUEST, 1, 2, 3, 4};
	struct rtmp_message msg = {.csid = 2, .type = RTMP_TYPE_USER_CONTROL, .length = 6};
	bool open = false;

	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		open |= o->partial[i].open;
	}
	pthread_mutex_lock(&o->lock);
	if (o->ping && open && rtmp_chunk_writer_put(&o->server.writer, &msg, body, out)) {
		o->pings++;
	}
	pthread_mutex_unlock(&o->lock);
}

static int serve(struct fake_origin *o)
{
	static _Thread_local uint8_t in[16384];
	uint8_t replies[16384];
	struct rtmp_out out = {replies, 0, sizeof(replies), false};
	struct rtmp_server_event event;
	ssize_t got = recv(o->fd, in, sizeof(in), 0);
	struct rtmp_span span = {.data = in, .len = got > 0 ? (uint32_t)got : 0};
	bool silent;
	int rc = 0;

	pthread_mutex_lock(&o->lock);
	silent = o->mute && o->publishing; /* whatever it would say now are acknowledgements */
	pthread_mutex_unlock(&o->lock);
	if (got <= 0) {
		return -1;
	}
	do {
		rc = rtmp_server_next(&o->server, &span, &out, &event);
		rc = rc ? rc : take_event(o, &event, &out);
	} while (rc == 0 && event.type != RTMP_SERVER_MORE);
	put_ping(o, &out);
	if (!silent && out.len > 0 &&
	    send(o->fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len) {
		return -1;
	}
	return rc;
}

static void take_connection(struct fake_origin *o)
{
	int fd = accept(o->listener, NULL, NULL);

	if (fd < 0 || o->fd >= 0) {
		close(fd);
		return;
	}
	o->fd = fd;
	o->publishing = false;
	rtmp_server_fini(&o->server);
	rtmp_server_init(&o->server, &config, 1);
	pthread_mutex_lock(&o->lock);
	o->connections++;
	pthread_mutex_unlock(&o->lock);
}

static bool is_flooding(struct fake_origin *o)
{
	bool flooding;

	pthread_mutex_lock(&o->lock);
	flooding = o->flood && !o->stop;
	pthread_mutex_unlock(&o->lock);
	return flooding;
}

static void close_connection(struct fake_origin *o)
{
	if (o->fd >= 0) {
		close(o->fd);
		o->fd = -1;
	}
}

/* Audio messages of one byte: slower to read than to write. */
#define FLOOD_MESSAGES 30000u

static size_t make_flood(uint8_t *to)
{
	static const uint8_t first[] = {4, 0, 0, 0, 0, 0, 1, 8, 1, 0, 0, 0, 0};
	size_t length = sizeof(first);

	memcpy(to, first, sizeof(first));
	for (uint32_t i = 1; i < FLOOD_MESSAGES; i++) {
		to[length++] = 0xc4; /* fmt 3 */
		to[length++] = 0;
	}
	return length;
}

static void flood(struct fake_origin *o)
{
	static _Thread_local uint8_t bytes[2 * FLOOD_MESSAGES + 64];
	static _Thread_local size_t at; /* where the one before was cut */
	size_t length = make_flood(bytes);
	ssize_t sent;

	while (is_flooding(o) &&
	       (sent = send(o->fd, bytes + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0) {
		at = (at + (size_t)sent) % length;
	}
}

static void turn(struct fake_origin *o)
{
	struct pollfd fds[2] = {{.fd = o->listener, .events = POLLIN},
				{.fd = o->fd, .events = POLLIN}};
	bool stall;

	pthread_mutex_lock(&o->lock);
	o->turns++;
	stall = o->stall;
	if (o->deaf) {
		fds[0].fd = -1;
	}
	if (o->break_now) {
		o->break_now = false;
		close_connection(o);
		fds[1].fd = -1;
	}
	pthread_mutex_unlock(&o->lock);
	if (stall) {
		fds[1].fd = -1;
	}
	if (o->fd >= 0 && is_flooding(o)) {
		flood(o);
	}
	(void)poll(fds, 2, is_flooding(o) ? 0 : 5);
	if (fds[1].fd >= 0 && fds[1].revents && serve(o)) {
		close_connection(o);
	}
	if (fds[0].fd >= 0 && fds[0].revents) {
		take_connection(o);
	}
}

static void *origin_main(void *arg)
{
	struct fake_origin *o = arg;
	bool stop = false;

	while (!stop) {
		turn(o);
		pthread_mutex_lock(&o->lock);
		stop = o->stop;
		pthread_mutex_unlock(&o->lock);
	}
	close_connection(o);
	return NULL;
}

struct fake_origin *fake_origin_create(int receive_buffer)
{
	struct fake_origin *o = calloc(1, sizeof(*o));
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	o->records = calloc(RECORDS, sizeof(*o->records));
	o->fd = -1;
	pthread_mutex_init(&o->lock, NULL);
	o->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (receive_buffer > 0) {
		setsockopt(o->listener, SOL_SOCKET, SO_RCVBUF, &receive_buffer,
			   sizeof(receive_buffer));
	}
	if (bind(o->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(o->listener, 8) ||
	    getsockname(o->listener, (struct sockaddr *)&address, &length) ||
	    pthread_create(&o->thread, NULL, origin_main, o)) {
		abort();
	}
	o->port = ntohs(address.sin_port);
	return o;
}

void fake_origin_destroy(struct fake_origin *o)
{
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	rtmp_server_fini(&o->server);
	close(o->listener);
	pthread_mutex_destroy(&o->lock);
	free(o->records);
	free(o);
}

uint16_t fake_origin_port(const struct fake_origin *o)
{
	return o->port;
}

static void set(struct fake_origin *o, bool *flag, bool value)
{
	pthread_mutex_lock(&o->lock);
	*flag = value;
	pthread_mutex_unlock(&o->lock);
}

static uint32_t get(struct fake_origin *o, const uint32_t *value)
{
	uint32_t copy;

	pthread_mutex_lock(&o->lock);
	copy = *value;
	pthread_mutex_unlock(&o->lock);
	return copy;
}

/* A turn that begins now knows of it, and the one under way is over when another begins. */
void fake_origin_stall(struct fake_origin *o, bool stall)
{
	uint32_t turns;

	set(o, &o->stall, stall);
	turns = get(o, &o->turns);
	while (get(o, &o->turns) == turns) {
		usleep(500);
	}
}

void fake_origin_flood(struct fake_origin *o, bool flooding)
{
	set(o, &o->flood, flooding);
}

void fake_origin_refuse(struct fake_origin *o, bool refuse)
{
	set(o, &o->refuse, refuse);
}

void fake_origin_mute(struct fake_origin *o, bool mute)
{
	set(o, &o->mute, mute);
}

void fake_origin_ping(struct fake_origin *o, bool ping)
{
	set(o, &o->ping, ping);
}

void fake_origin_break(struct fake_origin *o)
{
	set(o, &o->break_now, true);
}

void fake_origin_listen(struct fake_origin *o, bool listening)
{
	set(o, &o->deaf, !listening);
}

uint32_t fake_origin_count(struct fake_origin *o)
{
	return get(o, &o->count);
}

uint32_t fake_origin_connections(struct fake_origin *o)
{
	return get(o, &o->connections);
}

uint32_t fake_origin_unpublished(struct fake_origin *o)
{
	return get(o, &o->unpublished);
}

uint32_t fake_origin_pings(struct fake_origin *o)
{
	return get(o, &o->pings);
}

struct fake_record fake_origin_record(struct fake_origin *o, uint32_t index)
{
	struct fake_record record;

	pthread_mutex_lock(&o->lock);
	record = o->records[index];
	pthread_mutex_unlock(&o->lock);
	return record;
}

void fake_origin_name(struct fake_origin *o, char *out, size_t size)
{
	pthread_mutex_lock(&o->lock);
	snprintf(out, size, "%s", o->name);
	pthread_mutex_unlock(&o->lock);
}
