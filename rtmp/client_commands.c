#include "client_private.h"
#include "command.h"

#include <string.h>

/* Transaction ids of what we send: one of each in the life of a connection. */
enum transaction {
	TRANSACTION_NONE = 0,
	TRANSACTION_CONNECT,
	TRANSACTION_RELEASE_STREAM,
	TRANSACTION_FC_PUBLISH,
	TRANSACTION_CREATE_STREAM,
	TRANSACTION_PUBLISH,
	TRANSACTION_FC_UNPUBLISH,
	TRANSACTION_DELETE_STREAM,
};

#define CAPS_EX_FORWARDED 0x0e /* Multitrack, ModEx, TimestampNanoOffset */
#define CAPS_EX_RECONNECT 0x01
#define CAN_FORWARD       4

static void put_string(struct command *m, const char *name, const char *value)
{
	amf0_write_name(&m->body, name);
	amf0_write_string(&m->body, value);
}

static void put_number(struct command *m, const char *name, double value)
{
	amf0_write_name(&m->body, name);
	amf0_write_number(&m->body, value);
}

static void put_any(struct command *m, const char *map)
{
	amf0_write_name(&m->body, map);
	amf0_write_object_begin(&m->body);
	put_number(m, "*", CAN_FORWARD);
	amf0_write_object_end(&m->body);
}

/* Enhanced RTMP v2, "Enhancing NetConnection connect Command": we pass on whatever there is. */
static void put_enhanced(struct command *m, bool reconnects)
{
	amf0_write_name(&m->body, "fourCcList");
	amf0_write_strict_array(&m->body, 1);
	amf0_write_string(&m->body, "*");
	put_any(m, "videoFourCcInfoMap");
	put_any(m, "audioFourCcInfoMap");
	put_number(m, "capsEx", CAPS_EX_FORWARDED | (reconnects ? CAPS_EX_RECONNECT : 0));
}

void client_send_connect(struct rtmp_client *c, struct rtmp_out *out)
{
	struct command m;

	command_begin(&m, "connect", TRANSACTION_CONNECT);
	amf0_write_object_begin(&m.body);
	put_string(&m, "app", c->config.app);
	put_string(&m, "type", "nonprivate");
	put_string(&m, "flashVer", c->config.flash_ver);
	put_string(&m, "tcUrl", c->config.tc_url);
	if (c->config.enhanced) {
		put_enhanced(&m, c->config.reconnects);
	}
	amf0_write_object_end(&m.body);
	command_send(&m, &c->writer, CSID_COMMAND, 0, out);
}

/* name(transaction, null, stream name). */
static void send_named(struct rtmp_client *c, const char *name, enum transaction transaction,
		       struct rtmp_out *out)
{
	struct command m;

	command_begin(&m, name, transaction);
	amf0_write_null(&m.body);
	amf0_write_string(&m.body, c->config.name);
	command_send(&m, &c->writer, CSID_COMMAND, 0, out);
}

/* Everything up to createStream at once: nobody answers FCPublish reliably. */
static void send_create(struct rtmp_client *c, struct rtmp_out *out)
{
	struct command m;

	if (c->config.chunk_size != RTMP_DEFAULT_CHUNK_SIZE) {
		rtmp_chunk_writer_resize(&c->writer, c->config.chunk_size, out);
	}
	if (c->config.window_ack_size != 0) {
		control_send(&c->writer, RTMP_TYPE_WINDOW_ACK_SIZE, c->config.window_ack_size, out);
	}
	send_named(c, "releaseStream", TRANSACTION_RELEASE_STREAM, out);
	send_named(c, "FCPublish", TRANSACTION_FC_PUBLISH, out);
	command_begin(&m, "createStream", TRANSACTION_CREATE_STREAM);
	amf0_write_null(&m.body);
	command_send(&m, &c->writer, CSID_COMMAND, 0, out);
	c->phase = PHASE_CREATING;
}

/* The type is "live", not the application: some services check it. */
static void send_publish(struct rtmp_client *c, struct rtmp_out *out)
{
	struct command m;

	command_begin(&m, "publish", TRANSACTION_PUBLISH);
	amf0_write_null(&m.body);
	amf0_write_string(&m.body, c->config.name);
	amf0_write_string(&m.body, "live");
	command_send(&m, &c->writer, CSID_COMMAND, c->stream_id, out);
	c->phase = PHASE_PUBLISHING;
}

int rtmp_client_finish(struct rtmp_client *c, struct rtmp_out *out)
{
	struct command m;

	if (c->stream_id != 0) {
		send_named(c, "FCUnpublish", TRANSACTION_FC_UNPUBLISH, out);
		command_begin(&m, "deleteStream", TRANSACTION_DELETE_STREAM);
		amf0_write_null(&m.body);
		amf0_write_number(&m.body, c->stream_id);
		command_send(&m, &c->writer, CSID_COMMAND, 0, out);
	}
	return out->overflow ? RTMP_ERR(OUTPUT) : 0;
}

struct info {
	struct amf0_string level;
	struct amf0_string code;
	struct amf0_string text;
};

static void read_info_object(struct amf0_reader *r, struct info *info)
{
	struct amf0_string name;

	amf0_enter(r);
	while (amf0_next_property(r, &name)) {
		if (amf0_string_equals(name, "level")) {
			info->level = command_read_text(r);
		} else if (amf0_string_equals(name, "code")) {
			info->code = command_read_text(r);
		} else if (amf0_string_equals(name, "description")) {
			info->text = command_read_text(r);
		} else {
			amf0_skip(r);
		}
	}
}

/* The information object, wherever among the arguments the server puts it. */
static struct info read_info(struct amf0_reader *r)
{
	static const struct amf0_string none = {.data = "", .len = 0};
	struct info info = {none, none, none};

	for (int marker = amf0_peek(r); marker >= 0; marker = amf0_peek(r)) {
		if (marker == AMF0_OBJECT || marker == AMF0_ECMA_ARRAY) {
			read_info_object(r, &info);
		} else {
			amf0_skip(r);
		}
	}
	return info;
}

static void set_event(struct rtmp_client_event *event, enum rtmp_client_event_type type,
		      const struct info *info)
{
	event->type = type;
	command_copy_text(event->code, sizeof(event->code), info->code);
	command_copy_text(event->text, sizeof(event->text), info->text);
}

static void refuse(struct rtmp_client *c, struct rtmp_client_event *event, const struct info *info)
{
	c->phase = PHASE_REFUSED;
	set_event(event, RTMP_CLIENT_REFUSED, info);
}

/* _result(transaction, null, stream id). */
static int take_stream_id(struct rtmp_client *c, struct amf0_reader *r, struct rtmp_out *out)
{
	double id;

	amf0_skip(r);
	id = amf0_read_number(r);
	if (r->error || !(id >= 0 && id <= UINT32_MAX)) {
		return RTMP_ERR(AMF);
	}
	c->stream_id = (uint32_t)id;
	send_publish(c, out);
	return 0;
}

static int take_result(struct rtmp_client *c, const struct command_header *h, struct amf0_reader *r,
		       struct rtmp_out *out)
{
	if (h->transaction == TRANSACTION_CONNECT && c->phase == PHASE_CONNECTING) {
		send_create(c, out);
	} else if (h->transaction == TRANSACTION_CREATE_STREAM && c->phase == PHASE_CREATING) {
		return take_stream_id(c, r, out);
	}
	return 0;
}

/* Whether an _error of this transaction ends the attempt: releaseStream may fail, FCPublish too. */
static bool is_refusal(const struct rtmp_client *c, double transaction)
{
	switch (c->phase) {
	case PHASE_CONNECTING:
		return transaction == TRANSACTION_CONNECT || transaction == TRANSACTION_NONE;
	case PHASE_CREATING:
		return transaction == TRANSACTION_CREATE_STREAM;
	case PHASE_PUBLISHING:
		return transaction == TRANSACTION_PUBLISH;
	default:
		return false;
	}
}

static void take_status(struct rtmp_client *c, struct amf0_reader *r,
			struct rtmp_client_event *event)
{
	struct info info = read_info(r);

	if (c->phase == PHASE_PUBLISHING &&
	    amf0_string_equals(info.code, "NetStream.Publish.Start")) {
		c->phase = PHASE_LIVE;
		set_event(event, RTMP_CLIENT_PUBLISHING, &info);
	} else if (c->phase != PHASE_LIVE && amf0_string_equals(info.level, "error")) {
		refuse(c, event, &info);
	} else {
		set_event(event, RTMP_CLIENT_STATUS, &info);
	}
}

int client_take_command(struct rtmp_client *c, const struct rtmp_message *msg, struct rtmp_out *out,
			struct rtmp_client_event *event)
{
	struct command_header h;
	struct amf0_reader r;
	struct amf3_reader amf3;
	int rc = command_read_header(msg->type, c->gather.buffer, c->gather.filled, &r, &amf3, &h);

	if (rc < 0) {
		return rc;
	}
	if (amf0_string_equals(h.name, "_result")) {
		return take_result(c, &h, &r, out);
	}
	if (amf0_string_equals(h.name, "_error") && is_refusal(c, h.transaction)) {
		struct info info = read_info(&r);

		refuse(c, event, &info);
	} else if (amf0_string_equals(h.name, "onStatus")) {
		take_status(c, &r, event);
	}
	return 0;
}
