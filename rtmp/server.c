#include "rtmp/server.h"
#include "budget.h"
#include "command.h"
#include "gather_private.h"
#include "handshake.h"
#include "server_private.h"

#include <string.h>

enum server_state {
	STATE_C0 = 0,
	STATE_C1, /* gathered */
	STATE_C2, /* counted, not checked: encoders send anything */
	STATE_CHUNKS,
};

static void narrow(uint32_t *value, uint32_t limit)
{
	if (limit != 0 && limit < *value) {
		*value = limit;
	}
}

void rtmp_server_init(struct rtmp_server *s, const struct rtmp_server_config *config, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->config = config;
	s->random = seed;
	s->next_stream_id = 1;
	gather_init(&s->gather, config->buffers);
	rtmp_chunk_reader_init(&s->reader, config->message_max);
	narrow(&s->reader.message_max, config->limits.early_message_max);
	narrow(&s->reader.streams_max, config->limits.chunk_streams);
	rtmp_chunk_writer_init(&s->writer, RTMP_DEFAULT_CHUNK_SIZE);
}

void rtmp_server_fini(struct rtmp_server *s)
{
	while (s->aggregates != NULL) {
		server_drop_aggregate(s, s->aggregates->slot);
	}
	gather_clear(&s->gather);
}

bool rtmp_server_shook_hands(const struct rtmp_server *s)
{
	return s->state == STATE_CHUNKS;
}

static int read_c0(struct rtmp_server *s, struct rtmp_span *in)
{
	if (in->len == 0) {
		return 0;
	}
	/* Told from the first byte: HTTP and TLS clients need not be waited for. */
	if (!handshake_version_allowed(*in->data)) {
		return RTMP_ERR(VERSION);
	}
	in->data++;
	in->len--;
	s->state = STATE_C1;
	return 0;
}

static int read_c1(struct rtmp_server *s, struct rtmp_span *in, struct rtmp_out *out)
{
	int rc = gather_add(&s->gather, in, HANDSHAKE_SIZE);

	if (rc < 0 || s->gather.filled < HANDSHAKE_SIZE) {
		return rc;
	}
	if (!handshake_reply(s->gather.buffer, &s->random, out)) {
		rc = RTMP_ERR(OUTPUT);
	}
	gather_clear(&s->gather);
	s->state = STATE_C2;
	return rc;
}

static void skip_c2(struct rtmp_server *s, struct rtmp_span *in)
{
	if (gather_skip(&s->gather, in, HANDSHAKE_SIZE)) {
		gather_clear(&s->gather);
		s->state = STATE_CHUNKS;
	}
}

static void take_abort(struct rtmp_server *s, uint32_t slot, struct rtmp_server_event *event)
{
	if (slot == RTMP_CHUNK_STREAMS || gather_abort(&s->gather, slot)) {
		return;
	}
	server_drop_aggregate(s, slot);
	if (s->slot_stream[slot] != 0) {
		event->type = RTMP_SERVER_ABORT;
		event->slot = slot;
		event->stream_id = s->streams[s->slot_stream[slot] - 1].id;
		s->slot_stream[slot] = 0;
	}
}

/*
 * Set Peer Bandwidth is not answered with Window Ack Size (section 5.4.5 says should): it would
 * change what we asked to have acknowledged, and no encoder waits for it.
 */
static void take_control(struct rtmp_server *s, const struct rtmp_control *control,
			 struct rtmp_out *out, struct rtmp_server_event *event)
{
	s->messages++;
	s->controls++;
	switch (control->type) {
	case RTMP_TYPE_ABORT:
		server_note(s, RTMP_NOTE_ABORT);
		take_abort(s, control->aborted, event);
		break;
	case RTMP_TYPE_ACK:
		event->type = RTMP_SERVER_ACK;
		event->value = control->value;
		break;
	case RTMP_TYPE_USER_CONTROL:
		if (control->event == RTMP_USER_PING_REQUEST) {
			control_answer_ping(&s->writer, control->value, out);
		} else {
			server_note(s, RTMP_NOTE_USER_CONTROL);
		}
		break;
	case RTMP_TYPE_WINDOW_ACK_SIZE:
		s->peer_window = control->value;
		break;
	case RTMP_TYPE_SET_PEER_BANDWIDTH:
		server_note(s, RTMP_NOTE_PEER_BANDWIDTH);
		break;
	default: /* Set Chunk Size is the reader's */
		break;
	}
}

void server_set_aside(struct rtmp_server *s, const struct rtmp_piece *piece, enum rtmp_note note,
		      struct rtmp_server_event *event)
{
	if (piece->first) {
		s->controls++;
		server_note(s, note);
		event->type = RTMP_SERVER_IGNORED;
		event->value = piece->msg->type;
		event->stream_id = piece->msg->stream_id;
		event->slot = piece->slot;
	}
}

/* A message belongs to the publish that was there when it began, to the end or not at all. */
uint8_t server_owner(struct rtmp_server *s, const struct rtmp_piece *piece)
{
	uint8_t *owner = &s->slot_stream[piece->slot];

	if (piece->first) {
		uint32_t index = server_find_publish(s, piece->msg->stream_id);

		*owner = (uint8_t)(index < RTMP_SERVER_STREAMS ? index + 1 : 0);
	}
	return *owner;
}

static void take_media(struct rtmp_server *s, const struct rtmp_piece *piece,
		       struct rtmp_server_event *event)
{
	uint8_t owner = server_owner(s, piece);

	if (owner == 0) {
		server_set_aside(s, piece, RTMP_NOTE_UNOWNED_MEDIA, event);
		return;
	}
	event->type = RTMP_SERVER_MEDIA;
	event->stream_id = s->streams[owner - 1].id;
	event->slot = piece->slot;
	if (piece->last) {
		s->slot_stream[piece->slot] = 0;
	}
}

static int take_command(struct rtmp_server *s, const struct rtmp_piece *piece, struct rtmp_out *out,
			struct rtmp_server_event *event)
{
	int rc = gather_command(&s->gather, piece);

	if (rc <= 0) {
		return rc;
	}
	rc = server_take_command(s, piece->msg, out, event);
	gather_clear(&s->gather);
	return rc;
}

static int take_piece(struct rtmp_server *s, const struct rtmp_piece *piece, struct rtmp_out *out,
		      struct rtmp_server_event *event)
{
	s->messages += piece->first;
	switch (piece->msg->type) {
	case RTMP_TYPE_AUDIO:
	case RTMP_TYPE_VIDEO:
	case RTMP_TYPE_DATA_AMF0:
	case RTMP_TYPE_DATA_AMF3:
		take_media(s, piece, event);
		return 0;
	case RTMP_TYPE_AGGREGATE:
		return server_take_aggregate(s, piece, event);
	case RTMP_TYPE_COMMAND_AMF0:
	case RTMP_TYPE_COMMAND_AMF3:
		return take_command(s, piece, out, event);
	case RTMP_TYPE_SHARED_OBJECT_AMF0:
	case RTMP_TYPE_SHARED_OBJECT_AMF3:
		server_set_aside(s, piece, RTMP_NOTE_SHARED_OBJECT, event);
		return 0;
	default:
		server_set_aside(s, piece, RTMP_NOTE_UNKNOWN_TYPE, event);
		return 0;
	}
}

/* One step in the chunk stream; 1 when the span is used up. */
static int read_chunks(struct rtmp_server *s, struct rtmp_span *in, struct rtmp_out *out,
		       struct rtmp_server_event *event)
{
	struct rtmp_control control;
	int rc;

	if (s->splitting != NULL) {
		return server_split(s, event);
	}
	rc = rtmp_chunk_reader_next(&s->reader, in, &event->piece, &control);
	switch (rc) {
	case RTMP_READ_PIECE:
		return take_piece(s, &event->piece, out, event);
	case RTMP_READ_CONTROL:
		take_control(s, &control, out, event);
		return 0;
	case RTMP_READ_MORE:
		return 1;
	case RTMP_ERR(MESSAGE_SIZE):
		/* Not the size is wrong, but the time. */
		return s->reader.message_max < s->config->message_max && !s->asked
			       ? RTMP_ERR(EARLY_MESSAGE_SIZE)
			       : rc;
	default:
		return rc;
	}
}

static int step(struct rtmp_server *s, struct rtmp_span *in, struct rtmp_out *out,
		struct rtmp_server_event *event)
{
	int rc = 0;

	switch (s->state) {
	case STATE_C0:
		rc = read_c0(s, in);
		break;
	case STATE_C1:
		rc = read_c1(s, in, out);
		break;
	case STATE_C2:
		skip_c2(s, in);
		break;
	default:
		return read_chunks(s, in, out, event);
	}
	return rc == 0 && in->len == 0 ? 1 : rc;
}

/*
 * A peer that obeys our Set Peer Bandwidth stops after so many bytes without ACK, whether it asked
 * for ACKs or not (FMLE does not ask).
 */
static void acknowledge(struct rtmp_server *s, struct rtmp_out *out)
{
	uint32_t window = s->peer_window != 0 ? s->peer_window : s->config->peer_bandwidth;

	if (s->connected) {
		control_acknowledge(&s->writer, s->received, window, &s->acked, out);
	}
}

static void note_forgotten(struct rtmp_server *s)
{
	for (; s->forgotten != s->reader.forgotten; s->forgotten++) {
		server_note(s, RTMP_NOTE_STREAM_FORGOTTEN);
	}
}

int rtmp_server_next(struct rtmp_server *s, struct rtmp_span *in, struct rtmp_out *out,
		     struct rtmp_server_event *event)
{
	event->type = RTMP_SERVER_MORE;
	event->stream_id = 0;
	event->slot = 0;
	event->value = 0;
	for (;;) {
		uint32_t before = in->len;
		int rc = step(s, in, out, event);

		s->received += before - in->len;
		if (rc < 0) {
			return rc;
		}
		if (out->overflow) {
			return RTMP_ERR(OUTPUT);
		}
		if (event->type != RTMP_SERVER_MORE) {
			return 0;
		}
		if (rc == 1) {
			note_forgotten(s);
			acknowledge(s, out);
			return budget_check(s);
		}
	}
}

bool rtmp_server_run(struct rtmp_server *s, struct rtmp_span *in, uint32_t chunk_max,
		     struct rtmp_run *run)
{
	/* What continues an aggregate has to be taken apart first. */
	if (s->reader.streams[s->reader.current].msg.type == RTMP_TYPE_AGGREGATE ||
	    !rtmp_chunk_reader_run(&s->reader, in, chunk_max, run)) {
		return false;
	}
	s->received += run->len + run->chunks;
	if (run->last) {
		s->slot_stream[s->reader.current] = 0;
	}
	return true;
}
