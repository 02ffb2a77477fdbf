/*
 * Playing (RTMP 1.0 section 7.2.2): all is live, so that start, duration and reset of a play mean
 * nothing here and there is nothing to seek in.
 */
#include "budget.h"
#include "command.h"
#include "server_private.h"

#include <assert.h>
#include <string.h>

static const char *const play_codes[] = {
#define PLAY_CODE(name, code, text) [RTMP_PLAY_REJECT_##name] = (code),
	RTMP_PLAY_REJECTS(PLAY_CODE)
#undef PLAY_CODE
};

static const char *const play_texts[] = {
#define PLAY_TEXT(name, code, text) [RTMP_PLAY_REJECT_##name] = (text),
	RTMP_PLAY_REJECTS(PLAY_TEXT)
#undef PLAY_TEXT
};

const char *rtmp_play_reject_code(enum rtmp_play_reject why)
{
	assert(why < RTMP_PLAY_REJECT_COUNT);
	return play_codes[why];
}

const char *rtmp_play_reject_text(enum rtmp_play_reject why)
{
	assert(why < RTMP_PLAY_REJECT_COUNT);
	return play_texts[why];
}

static void send_error(struct rtmp_server *s, uint32_t stream_id, enum rtmp_play_reject why,
		       struct rtmp_out *out)
{
	server_send_status(s, stream_id, "error", rtmp_play_reject_code(why),
			   rtmp_play_reject_text(why), out);
}

static int ask(struct rtmp_server *s, struct request *q, struct amf0_string name)
{
	uint32_t i = q->stream_id != 0 ? server_find_stream(s, q->stream_id)
				       : server_only_stream(s, false);
	int rc;

	if (q->args.error) {
		return amf0_error(&q->args);
	}
	if (i == RTMP_SERVER_STREAMS || s->streams[i].publish != RTMP_PUBLISH_NONE) {
		send_error(s, q->stream_id, RTMP_PLAY_REJECT_BUSY, q->out);
		return server_ignore(q);
	}
	rc = server_set_name(q->event, name);
	if (rc < 0) {
		send_error(s, s->streams[i].id, RTMP_PLAY_REJECT_NOT_FOUND, q->out);
		return rc;
	}
	s->streams[i].play = RTMP_PLAY_PENDING;
	budget_asked(s);
	s->streams[i].play_flags = 0;
	q->event->type = RTMP_SERVER_PLAY;
	q->event->stream_id = s->streams[i].id;
	q->event->app = s->app;
	return 0;
}

/* play(null, name, start, duration, reset) */
int server_on_play(struct rtmp_server *s, struct request *q)
{
	amf0_skip(&q->args);
	return ask(s, q, command_read_text(&q->args));
}

/* play2(null, {streamName, ...}): another name on the same message stream. */
int server_on_play2(struct rtmp_server *s, struct request *q)
{
	struct amf0_string name = {.data = "", .len = 0};
	struct amf0_string key;

	amf0_skip(&q->args);
	amf0_enter(&q->args);
	while (amf0_next_property(&q->args, &key)) {
		if (amf0_string_equals(key, "streamName")) {
			name = command_read_text(&q->args);
		} else {
			amf0_skip(&q->args);
		}
	}
	return ask(s, q, name);
}

/* Index of the accepted play that a command means, or RTMP_SERVER_STREAMS. */
static uint32_t find_play(const struct rtmp_server *s, uint32_t stream_id)
{
	uint32_t i = server_find_stream(s, stream_id);

	return i < RTMP_SERVER_STREAMS && s->streams[i].play == RTMP_PLAY_ACCEPTED
		       ? i
		       : RTMP_SERVER_STREAMS;
}

static bool read_flag(struct request *q)
{
	amf0_skip(&q->args);
	return amf0_peek(&q->args) == AMF0_BOOLEAN && amf0_read_boolean(&q->args);
}

static int set_flag(struct rtmp_server *s, struct request *q, uint32_t index, uint8_t flag, bool on)
{
	uint8_t *flags = &s->streams[index].play_flags;

	*flags = (uint8_t)(on ? *flags | flag : *flags & ~flag);
	q->event->type = RTMP_SERVER_PLAY_SET;
	q->event->stream_id = s->streams[index].id;
	q->event->value = *flags;
	return 0;
}

/* pause(null, paused, ms) */
int server_on_pause(struct rtmp_server *s, struct request *q)
{
	uint32_t i = find_play(s, q->stream_id);
	bool on = read_flag(q);

	if (i == RTMP_SERVER_STREAMS) {
		return server_ignore(q);
	}
	server_send_status(s, q->stream_id, "status",
			   on ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify",
			   on ? "Paused." : "Goes on at the last keyframe.", q->out);
	return set_flag(s, q, i, RTMP_PLAY_PAUSED, on);
}

int server_on_seek(struct rtmp_server *s, struct request *q)
{
	if (find_play(s, q->stream_id) != RTMP_SERVER_STREAMS) {
		server_send_status(s, q->stream_id, "error", "NetStream.Seek.Failed",
				   "stream is live", q->out);
	}
	return server_ignore(q);
}

int server_on_receive_audio(struct rtmp_server *s, struct request *q)
{
	uint32_t i = find_play(s, q->stream_id);
	bool on = read_flag(q);

	return i == RTMP_SERVER_STREAMS ? server_ignore(q)
					: set_flag(s, q, i, RTMP_PLAY_NO_AUDIO, !on);
}

int server_on_receive_video(struct rtmp_server *s, struct request *q)
{
	uint32_t i = find_play(s, q->stream_id);
	bool on = read_flag(q);

	return i == RTMP_SERVER_STREAMS ? server_ignore(q)
					: set_flag(s, q, i, RTMP_PLAY_NO_VIDEO, !on);
}

void server_unplay(struct rtmp_server *s, const struct request *q, uint32_t index)
{
	if (index == RTMP_SERVER_STREAMS || s->streams[index].play == RTMP_PLAY_NONE) {
		return;
	}
	s->streams[index].play = RTMP_PLAY_NONE;
	q->event->type = RTMP_SERVER_PLAY_END;
	q->event->stream_id = s->streams[index].id;
}

/* |RtmpSampleAccess: players may not read samples out of what they decode; Flash asks. */
static void send_sample_access(struct rtmp_server *s, uint32_t stream_id, struct rtmp_out *out)
{
	struct command c = {.body = {.data = c.bytes, .cap = sizeof(c.bytes)}};
	struct rtmp_message msg = {
		.stream_id = stream_id, .csid = CSID_STATUS, .type = RTMP_TYPE_DATA_AMF0};

	amf0_write_string(&c.body, "|RtmpSampleAccess");
	amf0_write_boolean(&c.body, false);
	amf0_write_boolean(&c.body, false);
	msg.length = (uint32_t)c.body.len;
	rtmp_chunk_writer_put(&s->writer, &msg, c.bytes, out);
}

int rtmp_server_play_accept(struct rtmp_server *s, uint32_t stream_id, struct rtmp_out *out)
{
	uint32_t i = server_find_stream(s, stream_id);

	if (i == RTMP_SERVER_STREAMS || s->streams[i].play != RTMP_PLAY_PENDING) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	s->streams[i].play = RTMP_PLAY_ACCEPTED;
	budget_grant(s);
	control_send_user(&s->writer, RTMP_USER_STREAM_BEGIN, stream_id, out);
	server_send_status(s, stream_id, "status", "NetStream.Play.Reset", "Playing anew.", out);
	server_send_status(s, stream_id, "status", "NetStream.Play.Start", "Started playing.", out);
	send_sample_access(s, stream_id, out);
	return out->overflow ? RTMP_ERR(OUTPUT) : 0;
}

/* The player did nothing wrong. */
static bool is_end_of_stream(enum rtmp_play_reject why)
{
	return why == RTMP_PLAY_REJECT_ENDED || why == RTMP_PLAY_REJECT_DRAINED;
}

int rtmp_server_play_end(struct rtmp_server *s, uint32_t stream_id, enum rtmp_play_reject why,
			 struct rtmp_out *out)
{
	uint32_t i = server_find_stream(s, stream_id);

	if (i == RTMP_SERVER_STREAMS || s->streams[i].play == RTMP_PLAY_NONE) {
		return RTMP_ERR(COMMAND_ORDER);
	}
	if (s->streams[i].play == RTMP_PLAY_PENDING) {
		send_error(s, stream_id, why, out);
	} else {
		control_send_user(&s->writer, RTMP_USER_STREAM_EOF, stream_id, out);
		server_send_status(s, stream_id, is_end_of_stream(why) ? "status" : "error",
				   rtmp_play_reject_code(why), rtmp_play_reject_text(why), out);
		server_send_status(s, stream_id, "status", "NetStream.Play.Stop",
				   "Stopped playing.", out);
	}
	s->streams[i].play = RTMP_PLAY_NONE;
	return out->overflow ? RTMP_ERR(OUTPUT) : 0;
}
