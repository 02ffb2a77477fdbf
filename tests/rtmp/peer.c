#include "peer.h"
#include "handshake.h"
#include "rtmp/heap_buffers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGGREGATES 2u

static struct rtmp_aggregate aggregates[AGGREGATES];
static struct rtmp_aggregate_pool aggregate_pool;
uint8_t peer_reply_type;
uint64_t peer_notes[RTMP_NOTE_COUNT];

const struct rtmp_server_config peer_config = {
	.buffers = &rtmp_heap_buffers,
	.chunk_size = 4096,
	.window_ack_size = 2500000,
	.peer_bandwidth = 2500000,
	.message_max = 4u << 20,
	.aggregates = &aggregate_pool,
	.notes = peer_notes,
};

void peer_init(struct peer *p)
{
	uint64_t random = 1;
	uint8_t c1[HANDSHAKE_SIZE];

	rtmp_server_fini(&p->server);
	memset(p, 0, sizeof(*p));
	memset(peer_notes, 0, sizeof(peer_notes));
	rtmp_aggregate_pool_init(&aggregate_pool, aggregates, AGGREGATES);
	rtmp_server_init(&p->server, &peer_config, 7);
	rtmp_chunk_writer_init(&p->writer, RTMP_DEFAULT_CHUNK_SIZE);
	p->out = (struct rtmp_out){.data = p->replies, .cap = sizeof(p->replies)};
	p->accepts = true;
	handshake_make_plain(c1, &random);
	tape_byte(&p->tape, RTMP_VERSION);
	tape_put(&p->tape, c1, sizeof(c1));
	tape_put(&p->tape, c1, sizeof(c1));
}

static void put(struct peer *p, const struct rtmp_message *msg, const void *payload)
{
	struct rtmp_out out = {.data = p->tape.bytes, .len = p->tape.len, .cap = TAPE_MAX};

	if (!rtmp_chunk_writer_put(&p->writer, msg, payload, &out)) {
		abort();
	}
	p->tape.len = (uint32_t)out.len;
}

void peer_send(struct peer *p, struct command *c, uint32_t stream_id)
{
	struct rtmp_message msg = {
		.length = (uint32_t)c->body.len,
		.stream_id = stream_id,
		.csid = 3,
		.type = RTMP_TYPE_COMMAND_AMF0,
	};

	put(p, &msg, c->body.data);
}

void peer_connect(struct peer *p)
{
	struct command c;

	command_begin(&c, "connect", 1);
	amf0_write_object_begin(&c.body);
	amf0_write_name(&c.body, "app");
	amf0_write_string(&c.body, "live");
	amf0_write_name(&c.body, "tcUrl");
	amf0_write_string(&c.body, "rtmp://localhost/live");
	amf0_write_object_end(&c.body);
	peer_send(p, &c, 0);
}

void peer_command(struct peer *p, const char *name, double transaction, uint32_t stream_id,
		  const char *arg)
{
	struct command c;

	command_begin(&c, name, transaction);
	amf0_write_null(&c.body);
	if (arg != NULL) {
		amf0_write_string(&c.body, arg);
	}
	peer_send(p, &c, stream_id);
}

void peer_command_number(struct peer *p, const char *name, double transaction, double arg)
{
	struct command c;

	command_begin(&c, name, transaction);
	amf0_write_null(&c.body);
	amf0_write_number(&c.body, arg);
	peer_send(p, &c, 0);
}

void peer_message(struct peer *p, uint8_t type, uint32_t csid, uint32_t stream_id, uint32_t time,
		  uint8_t seed, uint32_t length)
{
	static uint8_t payload[1 << 16];
	struct rtmp_message msg = {
		.timestamp = time,
		.length = length,
		.stream_id = stream_id,
		.csid = csid,
		.type = type,
	};

	for (uint32_t i = 0; i < length; i++) {
		payload[i] = (uint8_t)(seed + i);
	}
	put(p, &msg, payload);
}

void peer_control(struct peer *p, uint8_t type, uint32_t value)
{
	struct rtmp_message msg = {.length = 4, .csid = 2, .type = type};
	uint8_t payload[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			      (uint8_t)value};

	put(p, &msg, payload);
	if (type == RTMP_TYPE_SET_CHUNK_SIZE) {
		p->writer.chunk_size = value;
	}
}

void peer_publish(struct peer *p)
{
	peer_connect(p);
	peer_command(p, "releaseStream", 2, 0, "key");
	peer_command(p, "FCPublish", 3, 0, "key");
	peer_command(p, "createStream", 4, 0, NULL);
	peer_command(p, "publish", 5, 1, "key");
}

static void __attribute__((format(printf, 2, 3))) note(struct peer *p, const char *format, ...)
{
	size_t used = strlen(p->log);
	va_list args;
	int len;

	va_start(args, format);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started the line before */
	len = vsnprintf(p->log + used, sizeof(p->log) - used, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(p->log) - used) {
		abort();
	}
}

static void take_media(struct peer *p, const struct rtmp_server_event *e)
{
	if (e->piece.first) {
		note(p, "media=%u:%u ", e->piece.msg->type, e->piece.msg->length);
	}
	p->media_hash = hash_bytes(p->media_hash, e->piece.data, e->piece.len);
	p->media_bytes += e->piece.len;
}

static void take_event(struct peer *p, const struct rtmp_server_event *e)
{
	switch (e->type) {
	case RTMP_SERVER_CONNECTED:
		note(p, "connected=%s ", e->app);
		break;
	case RTMP_SERVER_PUBLISH:
		note(p, "publish=%s/%s:%u ", e->app, e->name, e->stream_id);
		if (p->accepts && rtmp_server_accept(&p->server, e->stream_id, &p->out) != 0) {
			note(p, "accept-failed ");
		}
		break;
	case RTMP_SERVER_UNPUBLISH:
		note(p, "unpublish=%u ", e->stream_id);
		break;
	case RTMP_SERVER_MEDIA:
		take_media(p, e);
		break;
	case RTMP_SERVER_ABORT:
		note(p, "abort=%u ", e->stream_id);
		break;
	case RTMP_SERVER_ACK:
		note(p, "ack=%u ", e->value);
		break;
	case RTMP_SERVER_PLAY:
		note(p, "play=%s/%s:%u ", e->app, e->name, e->stream_id);
		if (p->accepts && rtmp_server_play_accept(&p->server, e->stream_id, &p->out) != 0) {
			note(p, "accept-failed ");
		}
		break;
	case RTMP_SERVER_PLAY_SET:
		note(p, "play-set=%u:%u ", e->stream_id, e->value);
		break;
	case RTMP_SERVER_PLAY_END:
		note(p, "play-end=%u ", e->stream_id);
		break;
	case RTMP_SERVER_IGNORED:
		note(p, "ignored=%u ", e->value);
		break;
	default:
		break;
	}
}

static void feed(struct peer *p, const uint8_t *bytes, uint32_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);
	struct rtmp_span in = {.data = copy, .len = len};
	struct rtmp_server_event event;

	if (copy == NULL) {
		abort();
	}
	memcpy(copy, bytes, len);
	do {
		p->error = rtmp_server_next(&p->server, &in, &p->out, &event);
		if (p->error == 0) {
			take_event(p, &event);
		}
	} while (p->error == 0 && event.type != RTMP_SERVER_MORE);
	free(copy);
}

void peer_run(struct peer *p, uint32_t step, uint32_t cut)
{
	uint32_t at = 0;

	while (at < p->tape.len && p->error == 0) {
		uint32_t n = p->tape.len - at < step ? p->tape.len - at : step;

		if (at < cut && at + n > cut) {
			n = cut - at;
		}
		feed(p, p->tape.bytes + at, n);
		at += n;
	}
	tape_reset(&p->tape);
}

static void note_command(struct peer *p, uint8_t type, const uint8_t *bytes, uint32_t len)
{
	struct command_header h = {.transaction = 0};
	struct amf0_string name, code = {"", 0};
	struct amf0_reader r;
	struct amf3_reader amf3;

	peer_reply_type = type;
	if (command_read_header(type, bytes, len, &r, &amf3, &h) != 0) {
		note(p, ">malformed ");
		return;
	}
	while (amf0_peek(&r) >= 0) {
		if (amf0_peek(&r) == AMF0_NUMBER) {
			note(p, ">number=%g ", amf0_read_number(&r));
			continue;
		}
		if (amf0_peek(&r) != AMF0_OBJECT) {
			amf0_skip(&r);
			continue;
		}
		amf0_enter(&r);
		while (amf0_next_property(&r, &name)) {
			if (amf0_string_equals(name, "code")) {
				code = amf0_read_string(&r);
			} else {
				amf0_skip(&r);
			}
		}
	}
	note(p, ">%.*s:%g:%.*s ", (int)h.name.len, h.name.data, h.transaction, (int)code.len,
	     code.data);
	if (r.error) {
		note(p, ">malformed ");
	}
}

void peer_read_replies(struct peer *p)
{
	static uint8_t message[1 << 16];
	struct rtmp_chunk_reader reader;
	struct rtmp_span in = {.data = p->replies + HANDSHAKE_REPLY_SIZE};
	struct rtmp_control control;
	struct rtmp_piece piece;
	uint32_t have = 0;
	int rc;

	if (p->out.len < HANDSHAKE_REPLY_SIZE) {
		return;
	}
	in.len = (uint32_t)(p->out.len - HANDSHAKE_REPLY_SIZE);
	rtmp_chunk_reader_init(&reader, sizeof(message));
	while ((rc = rtmp_chunk_reader_next(&reader, &in, &piece, &control)) > 0) {
		if (rc == RTMP_READ_CONTROL) {
			note(p, ">%u=%u ", control.type,
			     control.type == RTMP_TYPE_USER_CONTROL
				     ? control.event * 1000u + control.value
				     : control.value);
			continue;
		}
		have = piece.first ? 0 : have;
		memcpy(message + have, piece.data, piece.len);
		have += piece.len;
		if (piece.last) {
			note_command(p, piece.msg->type, message, have);
		}
	}
	if (rc < 0) {
		note(p, ">error=%d ", rc);
	}
}
