#include "publisher.h"
#include "rtmp/heap_buffers.h"

#include <arpa/inet.h>
#include <CUnit/CUnit.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int publisher_connect(uint16_t port)
{
	const int on = 1;
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

void publisher_send(struct publisher *p, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		size_t step = p->step != 0 && p->step < len ? p->step : len;
		ssize_t n = send(p->fd, at, step, MSG_NOSIGNAL);
		CU_ASSERT_FATAL(n > 0);
		at += n;
		len -= (size_t)n;
	}
}

static void send_out(struct publisher *p, struct rtmp_out *out)
{
	CU_ASSERT_FALSE_FATAL(out->overflow);
	publisher_send(p, out->data, out->len);
	out->len = 0;
}

/* Reads on until the wanted event came. */
static void wait_for(struct publisher *p, enum rtmp_client_event_type wanted)
{
	struct rtmp_client_event event = {.type = RTMP_CLIENT_MORE};
	uint8_t in_bytes[4096];
	uint8_t out_bytes[16384];
	struct rtmp_out out = {.data = out_bytes, .cap = sizeof(out_bytes)};

	while (event.type != wanted) {
		ssize_t n = recv(p->fd, in_bytes, sizeof(in_bytes), 0);
		CU_ASSERT_FATAL(n > 0);
		struct rtmp_span in = {.data = in_bytes, .len = (uint32_t)n};
		do {
			CU_ASSERT_EQUAL_FATAL(rtmp_client_next(&p->client, &in, &out, &event), 0);
			CU_ASSERT_NOT_EQUAL_FATAL(event.type, RTMP_CLIENT_REFUSED);
		} while (event.type != RTMP_CLIENT_MORE && event.type != wanted);
		send_out(p, &out);
	}
}

void publisher_open(struct publisher *p, uint16_t port, const char *app, const char *name)
{
	const struct rtmp_client_config config = {
		.buffers = &rtmp_heap_buffers,
		.app = app,
		.tc_url = "rtmp://127.0.0.1/app",
		.name = name,
		.flash_ver = "FMLE/3.0 (compatible; test)",
		.chunk_size = 4096,
	};
	uint8_t bytes[4096];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};

	p->fd = publisher_connect(port);
	rtmp_client_init(&p->client, &config, 1);
	CU_ASSERT_EQUAL_FATAL(rtmp_client_start(&p->client, &out), 0);
	send_out(p, &out);
	wait_for(p, RTMP_CLIENT_PUBLISHING);
}

static struct rtmp_message message(const struct publisher *p, uint8_t type, uint32_t timestamp,
				   uint32_t len)
{
	return (struct rtmp_message){
		.timestamp = timestamp,
		.length = len,
		.stream_id = p->client.stream_id,
		.csid = type == RTMP_TYPE_AUDIO ? 4 : 6,
		.type = type,
	};
}

void publisher_message(struct publisher *p, uint8_t type, uint32_t timestamp, const void *data,
		       uint32_t len)
{
	static uint8_t bytes[1 << 20];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};
	const struct rtmp_message msg = message(p, type, timestamp, len);

	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(&p->client.writer, &msg, data, &out));
	send_out(p, &out);
}

void publisher_half_message(struct publisher *p, uint32_t timestamp, uint32_t len)
{
	const struct rtmp_message msg = message(p, RTMP_TYPE_VIDEO, timestamp, len);
	const uint8_t some[] = {0x27, 1, 0, 0, 0, 1, 2, 3};
	struct rtmp_chunk chunk;

	rtmp_chunk_writer_begin(&p->client.writer, &msg);
	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_next(&p->client.writer, &chunk));
	publisher_send(p, chunk.header, chunk.header_len);
	publisher_send(p, some, sizeof(some));
}

void publisher_finish(struct publisher *p)
{
	uint8_t bytes[4096];
	struct rtmp_out out = {.data = bytes, .cap = sizeof(bytes)};

	CU_ASSERT_EQUAL_FATAL(rtmp_client_finish(&p->client, &out), 0);
	send_out(p, &out);
	publisher_close(p);
}

void publisher_close(struct publisher *p)
{
	rtmp_client_fini(&p->client);
	close(p->fd);
	p->fd = -1;
}
