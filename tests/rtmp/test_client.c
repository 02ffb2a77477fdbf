/*
 * Client side: against our own server in memory, and against servers that answer otherwise.
 */
#include "handshake.h"
#include "peer.h"
#include "rtmp/client.h"
#include "rtmp/heap_buffers.h"
#include "runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIPE_MAX (1u << 17)

static const struct rtmp_client_config config = {
	.buffers = &rtmp_heap_buffers,
	.app = "live",
	.tc_url = "rtmp://localhost/live",
	.name = "key?token=1",
	.flash_ver = "FMLE/3.0 (compatible; Penstock/0.1)",
	.chunk_size = 60000,
	.window_ack_size = 262144,
	.enhanced = true,
};

static struct rtmp_client client;
static struct rtmp_client_event event; /* the last one that was not MORE */
static uint32_t events;
static uint8_t to_server[PIPE_MAX], to_client[PIPE_MAX];
static struct rtmp_out from_client, from_server;

static void reset(void)
{
	rtmp_client_fini(&client);
	rtmp_client_init(&client, &config, 5);
	memset(&event, 0, sizeof(event));
	events = 0;
	from_client = (struct rtmp_out){.data = to_server, .cap = PIPE_MAX};
	from_server = (struct rtmp_out){.data = to_client, .cap = PIPE_MAX};
	CU_ASSERT_EQUAL(rtmp_client_start(&client, &from_client), 0);
}

/* Hands bytes to the client up to the first error. */
static int feed_client(const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct rtmp_span in = {.data = copy, .len = len};
	struct rtmp_client_event e;
	int rc;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	do {
		rc = rtmp_client_next(&client, &in, &from_client, &e);
		if (rc == 0 && e.type != RTMP_CLIENT_MORE) {
			event = e;
			events++;
		}
	} while (rc == 0 && e.type != RTMP_CLIENT_MORE);
	free(copy);
	return rc;
}

/* What our server says next; publishes are accepted or rejected. */
struct decision {
	bool reject;
	enum rtmp_reject why;
	uint32_t publishes;
	uint32_t unpublishes;
	uint32_t media_bytes;
	char name[RTMP_NAME_MAX];
};

static void take_server_event(struct rtmp_server *s, const struct rtmp_server_event *e,
			      struct decision *d)
{
	if (e->type == RTMP_SERVER_PUBLISH) {
		d->publishes++;
		snprintf(d->name, sizeof(d->name), "%s", e->name);
		CU_ASSERT_EQUAL(d->reject
					? rtmp_server_reject(s, e->stream_id, d->why, &from_server)
					: rtmp_server_accept(s, e->stream_id, &from_server),
				0);
	} else if (e->type == RTMP_SERVER_UNPUBLISH) {
		d->unpublishes++;
	} else if (e->type == RTMP_SERVER_MEDIA) {
		d->media_bytes += e->piece.len;
	}
}

static void run_server(struct rtmp_server *s, uint32_t step, struct decision *d)
{
	struct rtmp_server_event e;

	for (uint32_t at = 0; at < from_client.len; at += step) {
		uint32_t left = (uint32_t)from_client.len - at;
		struct rtmp_span in = {.data = to_server + at, .len = left < step ? left : step};

		do {
			CU_ASSERT_EQUAL_FATAL(rtmp_server_next(s, &in, &from_server, &e), 0);
			take_server_event(s, &e, d);
		} while (e.type != RTMP_SERVER_MORE);
	}
	from_client.len = 0;
}

/* Exchanges bytes until nobody says anything; the client's last return code. */
static int converse(struct rtmp_server *s, uint32_t step, struct decision *d)
{
	int rc = 0;

	while (rc == 0 && (from_client.len != 0 || from_server.len != 0)) {
		uint32_t len;

		run_server(s, step, d);
		len = (uint32_t)from_server.len;
		for (uint32_t at = 0; at < len && rc == 0; at += step) {
			rc = feed_client(to_client + at, len - at < step ? len - at : step);
		}
		from_server.len = 0;
	}
	return rc;
}

static void publish_media(uint32_t bytes)
{
	struct rtmp_message msg = {.length = bytes, .csid = 6, .type = RTMP_TYPE_VIDEO};
	static uint8_t payload[1 << 16];

	msg.stream_id = client.stream_id;
	CU_ASSERT_TRUE(rtmp_chunk_writer_put(&client.writer, &msg, payload, &from_client));
}

static void test_own_server(void)
{
	static struct rtmp_server server;

	for (uint32_t step = 1; step < 5000; step = step * 2 + 1) {
		struct decision d = {.reject = false};

		reset();
		rtmp_server_init(&server, &peer_config, 9);
		CU_ASSERT_EQUAL(converse(&server, step, &d), 0);
		CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_PUBLISHING);
		CU_ASSERT_EQUAL(events, 1);
		CU_ASSERT_STRING_EQUAL(d.name, config.name);
		for (int i = 0; i < 8; i++) {
			publish_media(50000);
			CU_ASSERT_EQUAL(converse(&server, step, &d), 0);
		}
		CU_ASSERT_EQUAL(d.media_bytes, 400000);
		CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_ACK);
		CU_ASSERT_TRUE(event.acked >= 262144 && event.acked < 410000);
		CU_ASSERT_EQUAL(rtmp_client_finish(&client, &from_client), 0);
		CU_ASSERT_EQUAL(converse(&server, step, &d), 0);
		CU_ASSERT_EQUAL(d.unpublishes, 1);
		CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_STATUS);
		CU_ASSERT_STRING_EQUAL(event.code, "NetStream.Unpublish.Success");
	}
}

static void test_refused(void)
{
	static struct rtmp_server server;
	struct decision d = {.reject = true, .why = RTMP_REJECT_BUSY};

	reset();
	rtmp_server_init(&server, &peer_config, 9);
	CU_ASSERT_EQUAL(converse(&server, 1448, &d), RTMP_ERR(REFUSED));
	CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_REFUSED);
	CU_ASSERT_STRING_EQUAL(event.code, "NetStream.Publish.BadName");
	CU_ASSERT_STRING_EQUAL(event.text, "stream is already being published");
	CU_ASSERT_EQUAL(feed_client(to_client, 0), RTMP_ERR(REFUSED));
}

/* A server by hand. */
static struct rtmp_chunk_writer server_writer;

static void shake_hands(void)
{
	static uint8_t s0s1s2[HANDSHAKE_REPLY_SIZE] = {RTMP_VERSION};

	reset();
	rtmp_chunk_writer_init(&server_writer, RTMP_DEFAULT_CHUNK_SIZE);
	CU_ASSERT_EQUAL(feed_client(s0s1s2, sizeof(s0s1s2)), 0);
	/* C0, C1, C2, connect */
	CU_ASSERT_TRUE(from_client.len > 1 + 2 * HANDSHAKE_SIZE);
	from_client.len = 0;
}

static int say(struct command *c)
{
	from_server.len = 0;
	command_send(c, &server_writer, 3, 0, &from_server);
	return feed_client(to_client, (uint32_t)from_server.len);
}

static int say_result(double transaction, double number)
{
	struct command c;

	command_begin(&c, "_result", transaction);
	amf0_write_null(&c.body);
	amf0_write_number(&c.body, number);
	return say(&c);
}

static int say_info(const char *name, double transaction, const char *level, const char *code,
		    const char *text)
{
	struct command c;

	command_begin(&c, name, transaction);
	amf0_write_null(&c.body);
	command_put_info(&c, level, code, text);
	return say(&c);
}

/* SRS: answers FCPublish and releaseStream with errors, sends onBWDone; none of it matters. */
static void test_chatty_server(void)
{
	shake_hands();
	CU_ASSERT_EQUAL(say_info("onBWDone", 0, "status", "x", ""), 0);
	CU_ASSERT_EQUAL(say_info("_result", 1, "status", "NetConnection.Connect.Success", ""), 0);
	CU_ASSERT_EQUAL(client.phase != 0, true);
	CU_ASSERT_EQUAL(say_info("_error", 2, "error", "NetConnection.Call.Failed", ""), 0);
	CU_ASSERT_EQUAL(say_info("_error", 3, "error", "NetConnection.Call.Failed", ""), 0);
	CU_ASSERT_EQUAL(say_result(3, 0), 0);
	CU_ASSERT_EQUAL(client.stream_id, 0);
	CU_ASSERT_EQUAL(say_result(4, 7), 0);
	CU_ASSERT_EQUAL(client.stream_id, 7);
	CU_ASSERT_EQUAL(say_result(4, 8), 0); /* too late */
	CU_ASSERT_EQUAL(client.stream_id, 7);
	CU_ASSERT_EQUAL(events, 0);
	CU_ASSERT_EQUAL(say_info("onFCPublish", 0, "status", "NetStream.Publish.Start", ""), 0);
	CU_ASSERT_EQUAL(events, 0);
	CU_ASSERT_EQUAL(say_info("onStatus", 0, "status", "NetStream.Publish.Start", ""), 0);
	CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_PUBLISHING);
	CU_ASSERT_EQUAL(say_info("onStatus", 0, "error", "NetStream.Publish.Closed", "why"), 0);
	CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_STATUS);
	CU_ASSERT_STRING_EQUAL(event.text, "why");
}

/* Refused at each step; text of the server is made fit for a terminal. */
static void test_refused_at_each_step(void)
{
	shake_hands();
	CU_ASSERT_EQUAL(say_info("_error", 1, "error", "NetConnection.Connect.Rejected",
				 "no\x1b[31m\xc3\xa4"),
			RTMP_ERR(REFUSED));
	CU_ASSERT_EQUAL(event.type, RTMP_CLIENT_REFUSED);
	CU_ASSERT_STRING_EQUAL(event.code, "NetConnection.Connect.Rejected");
	CU_ASSERT_STRING_EQUAL(event.text, "no?[31m??");
	shake_hands();
	CU_ASSERT_EQUAL(say_result(1, 0), 0);
	CU_ASSERT_EQUAL(say_info("_error", 4, "error", "x", ""), RTMP_ERR(REFUSED));
	shake_hands();
	CU_ASSERT_EQUAL(say_result(1, 0), 0);
	CU_ASSERT_EQUAL(say_result(4, 1), 0);
	CU_ASSERT_EQUAL(say_info("_error", 5, "error", "x", ""), RTMP_ERR(REFUSED));
	shake_hands();
	CU_ASSERT_EQUAL(say_result(1, 0), 0);
	CU_ASSERT_EQUAL(say_result(4, 1e10), RTMP_ERR(AMF));
	CU_ASSERT_EQUAL(client.stream_id, 0);
}

static void test_long_text(void)
{
	char text[1000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	shake_hands();
	CU_ASSERT_EQUAL(say_info("_error", 1, "error", text, text), RTMP_ERR(REFUSED));
	CU_ASSERT_EQUAL(strlen(event.code), sizeof(event.code) - 1);
	CU_ASSERT_EQUAL(strlen(event.text), sizeof(event.text) - 1);
}

static void acknowledge(uint32_t value)
{
	from_server.len = 0;
	control_send(&server_writer, RTMP_TYPE_ACK, value, &from_server);
	CU_ASSERT_EQUAL(feed_client(to_client, (uint32_t)from_server.len), 0);
}

/* The count of acknowledged bytes goes on where 32 bits end, and where nginx-rtmp starts anew. */
static void test_ack_unwrapping(void)
{
	uint64_t total = 0;
	uint32_t before;

	shake_hands();
	acknowledge(1000);
	acknowledge(995); /* backwards: neither believed nor counted twice */
	CU_ASSERT_EQUAL(client.peer_acked, 1000);
	while (total < 0x2f0000000u) {
		total += 100u << 20;
		acknowledge((uint32_t)total);
		CU_ASSERT_EQUAL(event.acked, total);
	}
	before = events;
	acknowledge((uint32_t)total);
	acknowledge((uint32_t)total - 5); /* backwards: not believed */
	CU_ASSERT_EQUAL(client.peer_acked, total);
	CU_ASSERT_EQUAL(events, before + 1);
	acknowledge(1000); /* began anew */
	acknowledge(2500);
	CU_ASSERT_EQUAL(client.peer_acked, total + 2500);
}

static void test_ping(void)
{
	shake_hands();
	from_server.len = 0;
	control_send_user(&server_writer, RTMP_USER_PING_REQUEST, 99, &from_server);
	CU_ASSERT_EQUAL(feed_client(to_client, (uint32_t)from_server.len), 0);
	CU_ASSERT_TRUE(from_client.len >= 6);
	CU_ASSERT_EQUAL(memcmp(to_server + from_client.len - 6, "\x00\x07\x00\x00\x00\x63", 6), 0);
}

static void test_bad_version(void)
{
	reset();
	CU_ASSERT_EQUAL(feed_client((const uint8_t *)"HTTP/1.1 400", 12), RTMP_ERR(VERSION));
}

static const struct test tests[] = {
	{"our own server", test_own_server},
	{"refused by our own server", test_refused},
	{"chatty server", test_chatty_server},
	{"refused at each step", test_refused_at_each_step},
	{"long text", test_long_text},
	{"ACK unwrapping", test_ack_unwrapping},
	{"ping", test_ping},
	{"bad version", test_bad_version},
};

int main(void)
{
	return RUN_TESTS("rtmp/client", tests);
}
