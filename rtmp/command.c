#include "command.h"
#include "wire.h"

#include <string.h>

#define FORMAT_AMF0 \
	0 /* selector of messages of types 15 to 17: values in AMF0, or behind avmplus */
#define SPARE_ROOM 512u /* bytes of `out` that optional messages leave to replies */

void command_begin(struct command *c, const char *name, double transaction)
{
	c->bytes[0] = FORMAT_AMF0;
	c->body = (struct rtmp_out){.data = c->bytes + 1, .cap = RTMP_COMMAND_MAX};
	amf0_write_string(&c->body, name);
	amf0_write_number(&c->body, transaction);
}

void command_put_info(struct command *c, const char *level, const char *code, const char *text)
{
	amf0_write_object_begin(&c->body);
	amf0_write_name(&c->body, "level");
	amf0_write_string(&c->body, level);
	amf0_write_name(&c->body, "code");
	amf0_write_string(&c->body, code);
	amf0_write_name(&c->body, "description");
	amf0_write_string(&c->body, text);
	amf0_write_object_end(&c->body);
}

void command_send(struct command *c, struct rtmp_chunk_writer *w, uint32_t csid, uint32_t stream_id,
		  struct rtmp_out *out)
{
	struct rtmp_message msg = {
		.length = (uint32_t)c->body.len + w->amf3,
		.stream_id = stream_id,
		.csid = csid,
		.type = w->amf3 ? RTMP_TYPE_COMMAND_AMF3 : RTMP_TYPE_COMMAND_AMF0,
	};

	if (c->body.overflow) {
		out->overflow = true;
		return;
	}
	rtmp_chunk_writer_put(w, &msg, c->bytes + !w->amf3, out);
}

void command_send_info(struct rtmp_chunk_writer *w, const char *name, double transaction,
		       uint32_t stream_id, const char *level, const char *code, const char *text,
		       struct rtmp_out *out)
{
	struct command c;

	command_begin(&c, name, transaction);
	amf0_write_null(&c.body);
	command_put_info(&c, level, code, text);
	command_send(&c, w, CSID_STATUS, stream_id, out);
}

static void send_control(struct rtmp_chunk_writer *w, uint8_t type, const uint8_t *payload,
			 uint32_t len, struct rtmp_out *out)
{
	struct rtmp_message msg = {.length = len, .csid = CSID_CONTROL, .type = type};

	rtmp_chunk_writer_put(w, &msg, payload, out);
}

void control_send(struct rtmp_chunk_writer *w, uint8_t type, uint32_t value, struct rtmp_out *out)
{
	uint8_t payload[4];

	rtmp_set_be32(payload, value);
	send_control(w, type, payload, sizeof(payload), out);
}

void control_send_peer_bandwidth(struct rtmp_chunk_writer *w, uint32_t value, struct rtmp_out *out)
{
	uint8_t payload[5] = {[4] = 2}; /* limit type "dynamic" (section 5.4.5) */

	rtmp_set_be32(payload, value);
	send_control(w, RTMP_TYPE_SET_PEER_BANDWIDTH, payload, sizeof(payload), out);
}

void control_send_user(struct rtmp_chunk_writer *w, uint16_t event, uint32_t value,
		       struct rtmp_out *out)
{
	uint8_t payload[6];

	rtmp_set_be16(payload, event);
	rtmp_set_be32(payload + 2, value);
	send_control(w, RTMP_TYPE_USER_CONTROL, payload, sizeof(payload), out);
}

static bool has_spare_room(const struct rtmp_out *out)
{
	return !out->overflow && out->cap - out->len >= SPARE_ROOM;
}

void control_answer_ping(struct rtmp_chunk_writer *w, uint32_t value, struct rtmp_out *out)
{
	if (has_spare_room(out)) {
		control_send_user(w, RTMP_USER_PING_RESPONSE, value, out);
	}
}

void control_acknowledge(struct rtmp_chunk_writer *w, uint64_t received, uint32_t window,
			 uint64_t *acked, struct rtmp_out *out)
{
	if (window == 0 || received - *acked < window || !has_spare_room(out)) {
		return;
	}
	/* The field wraps at 2^32 (section 5.4.3). */
	control_send(w, RTMP_TYPE_ACK, (uint32_t)received, out);
	*acked = received;
}

int command_read_header(uint8_t type, const uint8_t *data, uint32_t len, struct amf0_reader *r,
			struct amf3_reader *amf3, struct command_header *h)
{
	amf0_reader_init(r, data, len);
	amf3_reader_init(amf3, data, len);
	r->amf3 = amf3;
	if (type == RTMP_TYPE_COMMAND_AMF3 && amf0_peek(r) == FORMAT_AMF0) {
		r->at++; /* some leave it out */
	}
	h->name = amf0_read_string(r);
	if (r->error) {
		return amf0_error(r);
	}
	h->transaction = 0;
	if (amf0_peek(r) == AMF0_NUMBER) {
		h->transaction = amf0_read_number(r);
	} else if (amf0_peek(r) >= 0) {
		amf0_skip(r);
	}
	return amf0_error(r);
}

struct amf0_string command_read_text(struct amf0_reader *r)
{
	int marker = amf0_peek(r);

	if (marker == AMF0_STRING || marker == AMF0_LONG_STRING) {
		return amf0_read_string(r);
	}
	amf0_skip(r);
	return (struct amf0_string){.data = "", .len = 0};
}

void command_copy_text(char *to, size_t size, struct amf0_string from)
{
	size_t n = from.len < size - 1 ? from.len : size - 1;

	for (size_t i = 0; i < n; i++) {
		to[i] = from.data[i] >= ' ' && from.data[i] <= '~' ? from.data[i] : '?';
	}
	to[n] = '\0';
}
