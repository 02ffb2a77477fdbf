#include "viewer.h"

#include <CUnit/CUnit.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rtmp/amf0.h"
#include "tcpstack/tcp.h"

#define HANDSHAKE 1536u

static void deliver(struct viewer *v, const uint8_t *data, size_t len)
{
	while (len > 0 && !v->conn.gone) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(v->world->packets.pool);
		size_t n = len < 1448 ? len : 1448;

		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), data, n);
		dp_ingest_tcp_ops.received(v->conn.user, &v->conn, m);
		data += n;
		len -= n;
	}
}

static void send_body(struct viewer *v, uint32_t stream_id, const struct rtmp_out *body)
{
	struct rtmp_message msg = {.length = (uint32_t)body->len,
				   .stream_id = stream_id,
				   .csid = 3,
				   .type = RTMP_TYPE_COMMAND_AMF0};

	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(&v->writer, &msg, body->data, &v->out));
}

static struct rtmp_out begin(uint8_t *bytes, size_t size, const char *name)
{
	struct rtmp_out body = {.data = bytes, .cap = size};

	amf0_write_string(&body, name);
	amf0_write_number(&body, 1);
	return body;
}

void viewer_command(struct viewer *v, uint32_t stream_id, const char *name, const char *text)
{
	uint8_t bytes[1024];
	struct rtmp_out body = begin(bytes, sizeof(bytes), name);

	amf0_write_null(&body);
	if (text != NULL) {
		amf0_write_string(&body, text);
	}
	send_body(v, stream_id, &body);
}

void viewer_flag(struct viewer *v, const char *name, bool value)
{
	uint8_t bytes[256];
	struct rtmp_out body = begin(bytes, sizeof(bytes), name);

	amf0_write_null(&body);
	amf0_write_boolean(&body, value);
	send_body(v, 1, &body);
}

void viewer_ping(struct viewer *v)
{
	static const uint8_t ping[6] = {0, RTMP_USER_PING_REQUEST, 0, 0, 0, 7};
	struct rtmp_message msg = {
		.length = sizeof(ping), .csid = 2, .type = RTMP_TYPE_USER_CONTROL};

	CU_ASSERT_TRUE_FATAL(rtmp_chunk_writer_put(&v->writer, &msg, ping, &v->out));
}

static void say_connect(struct viewer *v)
{
	uint8_t bytes[256];
	struct rtmp_out body = begin(bytes, sizeof(bytes), "connect");

	amf0_write_object_begin(&body);
	amf0_write_name(&body, "app");
	amf0_write_string(&body, "live");
	amf0_write_name(&body, "capsEx");
	amf0_write_number(&body, RTMP_CAPS_RECONNECT);
	amf0_write_object_end(&body);
	send_body(v, 0, &body);
}

void viewer_open(struct viewer *v, struct world *w, const char *name)
{
	static const uint8_t hello[1 + 2 * HANDSHAKE] = {3};

	memset(v, 0, sizeof(*v));
	v->world = w;
	v->out = (struct rtmp_out){.data = v->bytes, .cap = sizeof(v->bytes)};
	v->handshake_left = 1 + 2 * HANDSHAKE;
	rtmp_chunk_writer_init(&v->writer, RTMP_DEFAULT_CHUNK_SIZE);
	rtmp_chunk_reader_init(&v->reader, 1 << 24);
	fake_tcp_init(&v->conn);
	CU_ASSERT_TRUE_FATAL(dp_ingest_tcp_ops.accepted(w->ingest, &v->conn));
	deliver(v, hello, sizeof(hello));
	say_connect(v);
	viewer_command(v, 0, "createStream", NULL);
	viewer_command(v, 1, "play", name);
	viewer_pump(v);
}

void viewer_close(struct viewer *v)
{
	for (uint32_t i = 0; i < v->count; i++) {
		free(v->messages[i].payload);
	}
	v->count = 0;
	for (uint32_t i = 0; i < RTMP_CHUNK_STREAMS; i++) {
		free(v->partial[i]);
		v->partial[i] = NULL;
	}
	fake_tcp_gone(&v->conn);
	fake_tcp_fini(&v->conn);
	world_poll(v->world);
}

/* What a command says: the code of its information object, or its name. */
static void take_command(struct viewer *v, const uint8_t *data, uint32_t len)
{
	struct amf0_reader r;
	struct amf0_string key;
	size_t used = strlen(v->said);

	amf0_reader_init(&r, data, len);
	amf0_skip(&r);
	amf0_skip(&r);
	amf0_skip(&r);
	amf0_enter(&r);
	while (amf0_next_property(&r, &key)) {
		if (amf0_string_equals(key, "code")) {
			struct amf0_string code = amf0_read_string(&r);
			(void)snprintf(v->said + used, sizeof(v->said) - used, "%.*s ",
				       (int)code.len, code.data);
		} else {
			amf0_skip(&r);
		}
	}
}

static void take_message(struct viewer *v, const struct rtmp_message *header, uint8_t *payload)
{
	if (header->type == RTMP_TYPE_COMMAND_AMF0) {
		take_command(v, payload, header->length);
		free(payload);
		return;
	}
	CU_ASSERT_FATAL(v->count < VIEWER_MESSAGES);
	v->messages[v->count++] = (struct viewer_message){.header = *header, .payload = payload};
}

static void take_piece(struct viewer *v, const struct rtmp_piece *piece)
{
	uint8_t **payload = &v->partial[piece->slot];
	uint32_t *filled = &v->filled[piece->slot];

	if (piece->first) {
		*payload = malloc(piece->msg->length + 1);
		*filled = 0;
	}
	CU_ASSERT_FATAL(*filled + piece->len <= piece->msg->length);
	if (piece->len > 0) {
		memcpy(*payload + *filled, piece->data, piece->len);
	}
	*filled += piece->len;
	if (piece->last) {
		take_message(v, piece->msg, *payload);
		*payload = NULL;
	}
}

static void take_control(struct viewer *v, const struct rtmp_control *control)
{
	if (control->type == RTMP_TYPE_USER_CONTROL && control->event == RTMP_USER_STREAM_EOF) {
		size_t used = strlen(v->said);
		(void)snprintf(v->said + used, sizeof(v->said) - used, "EOF ");
	}
	v->pongs += control->type == RTMP_TYPE_USER_CONTROL &&
		    control->event == RTMP_USER_PING_RESPONSE;
}

void viewer_read(struct viewer *v)
{
	uint32_t skip = v->handshake_left < v->conn.sent_len ? v->handshake_left
							     : (uint32_t)v->conn.sent_len;
	struct rtmp_span in = {.len = (uint32_t)v->conn.sent_len - skip};
	struct rtmp_control control;
	struct rtmp_piece piece;
	int rc;

	if (v->conn.sent_len == 0) {
		return;
	}
	in.data = v->conn.sent + skip;
	v->handshake_left -= skip;
	while ((rc = rtmp_chunk_reader_next(&v->reader, &in, &piece, &control)) != RTMP_READ_MORE) {
		CU_ASSERT_TRUE_FATAL(rc > 0);
		if (rc == RTMP_READ_PIECE) {
			take_piece(v, &piece);
		} else {
			take_control(v, &control);
		}
	}
	v->conn.sent_len = 0;
}

void viewer_pump(struct viewer *v)
{
	size_t len = v->out.len;

	v->out.len = 0;
	deliver(v, v->bytes, len);
	world_poll(v->world);
	viewer_read(v);
}

static struct abi_command command_for(struct viewer *v, uint32_t type)
{
	struct abi_event event;

	while (world_event(v->world, &event)) {
		if (event.type == ABI_EVENT_PLAY) {
			v->slot = event.slot;
			v->generation = event.generation;
		}
	}
	return (struct abi_command){.type = type, .slot = v->slot, .generation = v->generation};
}

static void give(struct viewer *v, const struct abi_command *command)
{
	struct abi_sub *sub = v->world->sub;
	uint64_t head = atomic_load(&sub->command_head);

	sub->commands[head % ABI_COMMAND_RING] = *command;
	atomic_store(&sub->command_head, head + 1);
	world_poll(v->world);
	viewer_read(v);
}

void viewer_accept(struct viewer *v, const struct world *of, uint32_t slot)
{
	struct abi_command command = command_for(v, ABI_COMMAND_PLAY_ACCEPT);

	command.stream.worker = of->worker;
	command.stream.slot = slot;
	command.stream.generation = atomic_load(&world_stream(of, slot)->generation);
	(void)snprintf(command.name, sizeof(command.name), "public");
	give(v, &command);
}

void viewer_answer(struct viewer *v, uint32_t type, uint32_t value)
{
	struct abi_command command = command_for(v, type);

	command.value = value;
	give(v, &command);
}
