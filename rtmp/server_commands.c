#include "budget.h"
#include "command.h"
#include "server_connect.h"
#include "server_private.h"

#include <assert.h>
#include <string.h>

static const char *const reject_codes[] = {
#define REJECT_CODE(name, code, text) [RTMP_REJECT_##name] = (code),
	RTMP_REJECTS(REJECT_CODE)
#undef REJECT_CODE
};

static const char *const reject_texts[] = {
#define REJECT_TEXT(name, code, text) [RTMP_REJECT_##name] = (text),
	RTMP_REJECTS(REJECT_TEXT)
#undef REJECT_TEXT
};

const char *rtmp_reject_code(enum rtmp_reject why)
{
	assert(why < RTMP_REJECT_COUNT);
	return reject_codes[why];
}

const char *rtmp_reject_text(enum rtmp_reject why)
{
	assert(why < RTMP_REJECT_COUNT);
	return reject_texts[why];
}

void server_send_status(struct rtmp_server *s, uint32_t stream_id, const char *level,
			const char *code, const char *text, struct rtmp_out *out)
{
	command_send_info(&s->writer, "onStatus", 0, stream_id, level, code, text, out);
}

/* _result(transaction, null, undefined); transaction 0 asks for no answer (section 7.2.1.2). */
static void answer_nothing(struct rtmp_server *s, const struct request *q)
{
	struct command c;

	if (q->transaction == 0) {
		return;
	}
	command_begin(&c, "_result", q->transaction);
	amf0_write_null(&c.body);
	amf0_write_undefined(&c.body);
	command_send(&c, &s->writer, CSID_COMMAND, 0, q->out);
}

static void answer_number(struct rtmp_server *s, const struct request *q, double value)
{
	struct command c;

	command_begin(&c, "_result", q->transaction);
	amf0_write_null(&c.body);
	amf0_write_number(&c.body, value);
	command_send(&c, &s->writer, CSID_COMMAND, 0, q->out);
}

uint32_t server_find_stream(const struct rtmp_server *s, uint32_t id)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS && id != 0; i++) {
		if (s->streams[i].id == id) {
			return i;
		}
	}
	return RTMP_SERVER_STREAMS;
}

static bool publishes(const struct rtmp_server *s, uint32_t index)
{
	return s->streams[index].publish != RTMP_PUBLISH_NONE;
}

uint32_t server_only_stream(const struct rtmp_server *s, bool published)
{
	uint32_t found = RTMP_SERVER_STREAMS;

	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (s->streams[i].id == 0 || (published && !publishes(s, i))) {
			continue;
		}
		if (found != RTMP_SERVER_STREAMS) {
			return RTMP_SERVER_STREAMS;
		}
		found = i;
	}
	return found;
}

uint32_t server_find_publish(const struct rtmp_server *s, uint32_t stream_id)
{
	uint32_t i =
		stream_id != 0 ? server_find_stream(s, stream_id) : server_only_stream(s, true);

	return i < RTMP_SERVER_STREAMS && publishes(s, i) ? i : RTMP_SERVER_STREAMS;
}

void server_end_publish(struct rtmp_server *s, uint32_t index)
{
	s->streams[index].publish = RTMP_PUBLISH_NONE;
	for (uint32_t slot = 0; slot < RTMP_CHUNK_STREAMS; slot++) {
		if (s->slot_stream[slot] == index + 1) {
			s->slot_stream[slot] = 0;
			server_drop_aggregate(s, slot);
		}
	}
}

/* Ends a publish by command: the event is given once, whichever command comes first. */
static void unpublish(struct rtmp_server *s, struct request *q, uint32_t index)
{
	if (index == RTMP_SERVER_STREAMS || !publishes(s, index)) {
		return;
	}
	server_send_status(s, s->streams[index].id, "status", "NetStream.Unpublish.Success",
			   "Stopped publishing.", q->out);
	server_end_publish(s, index);
	q->event->type = RTMP_SERVER_UNPUBLISH;
	q->event->stream_id = s->streams[index].id;
}

static int on_connect(struct rtmp_server *s, struct request *q)
{
	int rc;

	if (s->connected) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	rc = server_connect(s, &q->args, q->transaction, q->out);
	if (rc < 0) {
		return rc;
	}
	q->event->type = RTMP_SERVER_CONNECTED;
	q->event->app = s->app;
	return 0;
}

static int on_create_stream(struct rtmp_server *s, struct request *q)
{
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (s->streams[i].id == 0) {
			s->streams[i].id = s->next_stream_id++;
			s->streams[i].publish = RTMP_PUBLISH_NONE;
			s->streams[i].play = RTMP_PLAY_NONE;
			answer_number(s, q, s->streams[i].id);
			return 0;
		}
	}
	server_note(s, RTMP_NOTE_STREAM_REFUSED);
	command_send_info(&s->writer, "_error", q->transaction, 0, "error",
			  "NetConnection.Call.Failed", "too many message streams", q->out);
	return 0;
}

/*
 * onFCPublish carries the transaction id of FCPublish: hardware encoders wait for that. The code
 * NetStream.Publish.Start has to wait for accept.
 */
static int on_fc_publish(struct rtmp_server *s, struct request *q)
{
	struct command c;

	answer_nothing(s, q);
	command_begin(&c, "onFCPublish", q->transaction);
	amf0_write_null(&c.body);
	command_send(&c, &s->writer, CSID_COMMAND, 0, q->out);
	s->fc_publish = true;
	return 0;
}

int server_set_name(struct rtmp_server_event *event, struct amf0_string name)
{
	if (name.len == 0 || name.len >= RTMP_NAME_MAX || memchr(name.data, 0, name.len) != NULL) {
		return RTMP_ERR(NAME);
	}
	memcpy(event->name, name.data, name.len);
	event->name[name.len] = '\0';
	return 0;
}

/* The publish that is there goes on. */
static int refuse_second(struct rtmp_server *s, struct request *q, uint32_t index)
{
	server_note(s, RTMP_NOTE_PUBLISH_REFUSED);
	server_send_status(s, s->streams[index].id, "error", rtmp_reject_code(RTMP_REJECT_BUSY),
			   rtmp_reject_text(RTMP_REJECT_BUSY), q->out);
	return 0;
}

/* publish(null, name, type): the type may be missing and changes nothing here (section 7.2.2.6). */
static int on_publish(struct rtmp_server *s, struct request *q)
{
	uint32_t i = q->stream_id != 0 ? server_find_stream(s, q->stream_id)
				       : server_only_stream(s, false);
	struct amf0_string name;
	int rc;

	if (i == RTMP_SERVER_STREAMS || s->streams[i].play) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	if (publishes(s, i)) {
		return refuse_second(s, q, i);
	}
	amf0_skip(&q->args);
	name = command_read_text(&q->args);
	if (q->args.error) {
		return amf0_error(&q->args);
	}
	rc = server_set_name(q->event, name);
	if (rc < 0) {
		server_send_status(s, s->streams[i].id, "error", rtmp_reject_code(RTMP_REJECT_NAME),
				   rtmp_reject_text(RTMP_REJECT_NAME), q->out);
		return rc;
	}
	s->streams[i].publish = RTMP_PUBLISH_PENDING;
	budget_asked(s);
	q->event->type = RTMP_SERVER_PUBLISH;
	q->event->stream_id = s->streams[i].id;
	q->event->app = s->app;
	return 0;
}

/* FCUnpublish names a stream, but comes on message stream 0: it means the only publish. */
static int on_fc_unpublish(struct rtmp_server *s, struct request *q)
{
	command_send_info(&s->writer, "onFCUnpublish", 0, 0, "status",
			  "NetStream.Unpublish.Success", "Stopped publishing.", q->out);
	answer_nothing(s, q);
	unpublish(s, q, server_find_publish(s, q->stream_id));
	return 0;
}

static int on_close_stream(struct rtmp_server *s, struct request *q)
{
	unpublish(s, q, server_find_publish(s, q->stream_id));
	server_unplay(s, q, server_find_stream(s, q->stream_id));
	return 0;
}

static int on_delete_stream(struct rtmp_server *s, struct request *q)
{
	double id = q->stream_id;
	uint32_t index;

	amf0_skip(&q->args);
	if (amf0_peek(&q->args) == AMF0_NUMBER) {
		id = amf0_read_number(&q->args);
	}
	index = id >= 1 && id <= UINT32_MAX ? server_find_stream(s, (uint32_t)id)
					    : RTMP_SERVER_STREAMS;
	unpublish(s, q, index);
	server_unplay(s, q, index);
	if (index != RTMP_SERVER_STREAMS) {
		s->streams[index].id = 0;
	}
	return 0;
}

static int on_nothing(struct rtmp_server *s, struct request *q)
{
	answer_nothing(s, q);
	return 0;
}

static int on_get_stream_length(struct rtmp_server *s, struct request *q)
{
	answer_number(s, q, 0); /* unknown: live */
	return 0;
}

int server_ignore(const struct request *q)
{
	q->event->type = RTMP_SERVER_IGNORED;
	q->event->value = q->type;
	return 0;
}

/* Answers to commands of ours. */
static int on_silent(struct rtmp_server *s, struct request *q)
{
	(void)s;
	return server_ignore(q);
}

/* Unknown commands get an empty answer: encoders wait for one, and fail on _error. */
static int on_unknown(struct rtmp_server *s, struct request *q)
{
	server_note(s, RTMP_NOTE_UNKNOWN_COMMAND);
	answer_nothing(s, q);
	return on_silent(s, q);
}

static const struct handler {
	const char *name;
	int (*handle)(struct rtmp_server *s, struct request *q);
	bool before_connect; /* allowed there */
} handlers[] = {
	{"connect", on_connect, true},
	{"releaseStream", on_nothing, false},
	{"FCPublish", on_fc_publish, false},
	{"createStream", on_create_stream, false},
	{"publish", on_publish, false},
	{"FCUnpublish", on_fc_unpublish, false},
	{"closeStream", on_close_stream, false},
	{"deleteStream", on_delete_stream, false},
	{"_checkbw", on_nothing, false},
	{"getStreamLength", on_get_stream_length, false},
	{"play", server_on_play, false},
	{"play2", server_on_play2, false},
	{"_result", on_silent, true},
	{"_error", on_silent, true},
	{"onStatus", on_silent, true},
	{"pause", server_on_pause, true},
	{"seek", server_on_seek, true},
	{"receiveAudio", server_on_receive_audio, true},
	{"receiveVideo", server_on_receive_video, true},
};

static const struct handler *find_handler(struct amf0_string name)
{
	static const struct handler unknown = {"", on_unknown, false};

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (amf0_string_equals(name, handlers[i].name)) {
			return &handlers[i];
		}
	}
	return &unknown;
}

int server_take_command(struct rtmp_server *s, const struct rtmp_message *msg, struct rtmp_out *out,
			struct rtmp_server_event *event)
{
	struct request q = {
		.stream_id = msg->stream_id,
		.type = msg->type,
		.out = out,
		.event = event,
	};
	struct command_header header;
	struct amf3_reader amf3;
	const struct handler *handler;
	int rc;

	s->commands++;
	rc = budget_look(s);
	if (rc < 0) {
		return rc;
	}
	s->writer.amf3 = msg->type == RTMP_TYPE_COMMAND_AMF3;
	rc = command_read_header(msg->type, s->gather.buffer, s->gather.filled, &q.args, &amf3,
				 &header);
	if (rc < 0) {
		return rc;
	}
	amf0_reader_limit(&q.args, s->config->limits.amf_depth, s->config->limits.amf_elements);
	q.name = header.name;
	q.transaction = header.transaction;
	handler = find_handler(header.name);
	if (!s->connected && !handler->before_connect) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	return handler->handle(s, &q);
}

int rtmp_server_accept(struct rtmp_server *s, uint32_t stream_id, struct rtmp_out *out)
{
	uint32_t i = server_find_stream(s, stream_id);

	if (i == RTMP_SERVER_STREAMS || s->streams[i].publish != RTMP_PUBLISH_PENDING) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	s->streams[i].publish = RTMP_PUBLISH_ACCEPTED;
	budget_grant(s);
	if (s->fc_publish) {
		command_send_info(&s->writer, "onFCPublish", 0, 0, "status",
				  "NetStream.Publish.Start", "Started publishing.", out);
	}
	control_send_user(&s->writer, RTMP_USER_STREAM_BEGIN, stream_id, out);
	server_send_status(s, stream_id, "status", "NetStream.Publish.Start", "Started publishing.",
			   out);
	return out->overflow ? RTMP_ERR(OUTPUT) : 0;
}

int rtmp_server_reject(struct rtmp_server *s, uint32_t stream_id, enum rtmp_reject why,
		       struct rtmp_out *out)
{
	return rtmp_server_reject_with(s, stream_id, why, rtmp_reject_text(why), out);
}

int rtmp_server_reject_with(struct rtmp_server *s, uint32_t stream_id, enum rtmp_reject why,
			    const char *text, struct rtmp_out *out)
{
	uint32_t i = server_find_stream(s, stream_id);

	if (i == RTMP_SERVER_STREAMS || !publishes(s, i)) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	server_end_publish(s, i);
	server_send_status(s, stream_id, "error", rtmp_reject_code(why), text, out);
	return out->overflow ? RTMP_ERR(OUTPUT) : 0;
}

/* An encoder prints what is said of its publish; what is said of the connection only some do. */
void rtmp_server_explain(struct rtmp_server *s, int error, struct rtmp_out *out)
{
	bool told = false;

	if (out->overflow || !s->connected) {
		return;
	}
	for (uint32_t i = 0; i < RTMP_SERVER_STREAMS; i++) {
		if (publishes(s, i)) {
			server_send_status(s, s->streams[i].id, "error",
					   "NetStream.Publish.Rejected", rtmp_error_sentence(error),
					   out);
			told = true;
		}
	}
	if (!told) {
		server_send_status(s, 0, "error", "NetConnection.Connect.Closed",
				   rtmp_error_sentence(error), out);
	}
}
