#include "rtmp/client.h"
#include "client_private.h"
#include "command.h"
#include "gather_private.h"
#include "handshake.h"

#include <string.h>

/* An ACK never steps further than this; what seems to is wrong or a restart. */
#define ACK_STEP_MAX       (128u << 20)

/* nginx-rtmp begins anew at 0xf0000000. */
#define ACK_RESTART_MIN    0xe0000000u

/* Servers send a client next to nothing: what is longer is not for us. */
#define CLIENT_MESSAGE_MAX (1u << 20)

enum client_state {
	STATE_S0 = 0,
	STATE_S1, /* gathered */
	STATE_S2, /* counted */
	STATE_CHUNKS,
};

void rtmp_client_init(struct rtmp_client *c, const struct rtmp_client_config *config, uint64_t seed)
{
	memset(c, 0, sizeof(*c));
	c->config = *config;
	c->random = seed;
	gather_init(&c->gather, config->buffers);
	rtmp_chunk_reader_init(&c->reader, CLIENT_MESSAGE_MAX);
	rtmp_chunk_writer_init(&c->writer, RTMP_DEFAULT_CHUNK_SIZE);
}

void rtmp_client_fini(struct rtmp_client *c)
{
	gather_clear(&c->gather);
}

int rtmp_client_start(struct rtmp_client *c, struct rtmp_out *out)
{
	uint8_t c0c1[1 + HANDSHAKE_SIZE] = {RTMP_VERSION};

	handshake_make_plain(c0c1 + 1, &c->random);
	return rtmp_out_put(out, c0c1, sizeof(c0c1)) ? 0 : RTMP_ERR(OUTPUT);
}

static int read_s0(struct rtmp_client *c, struct rtmp_span *in)
{
	if (in->len == 0) {
		return 0;
	}
	if (*in->data != RTMP_VERSION) {
		return RTMP_ERR(VERSION);
	}
	in->data++;
	in->len--;
	c->state = STATE_S1;
	return 0;
}

/* C2 is S1 again (RTMP 1.0 section 5.2.4). */
static int read_s1(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out)
{
	int rc = gather_add(&c->gather, in, HANDSHAKE_SIZE);

	if (rc < 0 || c->gather.filled < HANDSHAKE_SIZE) {
		return rc;
	}
	if (!rtmp_out_put(out, c->gather.buffer, HANDSHAKE_SIZE)) {
		rc = RTMP_ERR(OUTPUT);
	}
	gather_clear(&c->gather);
	c->state = STATE_S2;
	return rc;
}

/* S2 is not compared with C1: servers that sign it send something else. */
static void skip_s2(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out)
{
	if (gather_skip(&c->gather, in, HANDSHAKE_SIZE)) {
		gather_clear(&c->gather);
		c->state = STATE_CHUNKS;
		client_send_connect(c, out);
	}
}

/*
 * ACK counts bytes modulo 2^32 (section 5.4.3). nginx-rtmp begins at 0 again before that: then what
 * lay between its last ACK and the new beginning is not counted, which errs on the safe side.
 */
static bool unwrap_ack(struct rtmp_client *c, uint32_t value)
{
	uint32_t step = value - c->peer_ack;

	if (step > ACK_STEP_MAX) {
		if (value > ACK_STEP_MAX || c->peer_ack < ACK_RESTART_MIN) {
			return false;
		}
		step = value;
	}
	c->peer_ack = value;
	c->peer_acked += step;
	return true;
}

static void take_control(struct rtmp_client *c, const struct rtmp_control *control,
			 struct rtmp_out *out, struct rtmp_client_event *event)
{
	switch (control->type) {
	case RTMP_TYPE_ABORT:
		(void)gather_abort(&c->gather, control->aborted);
		break;
	case RTMP_TYPE_ACK:
		if (unwrap_ack(c, control->value)) {
			event->type = RTMP_CLIENT_ACK;
			event->acked = c->peer_acked;
		}
		break;
	case RTMP_TYPE_USER_CONTROL:
		if (control->event == RTMP_USER_PING_REQUEST) {
			control_answer_ping(&c->writer, control->value, out);
		}
		break;
	case RTMP_TYPE_WINDOW_ACK_SIZE:
		c->peer_window = control->value;
		break;
	default:
		break;
	}
}

static int take_piece(struct rtmp_client *c, const struct rtmp_piece *piece, struct rtmp_out *out,
		      struct rtmp_client_event *event)
{
	uint8_t type = piece->msg->type;
	int rc;

	if (type != RTMP_TYPE_COMMAND_AMF0 && type != RTMP_TYPE_COMMAND_AMF3) {
		return 0;
	}
	rc = gather_command(&c->gather, piece);
	if (rc <= 0) {
		return rc;
	}
	rc = client_take_command(c, piece->msg, out, event);
	gather_clear(&c->gather);
	return rc;
}

static int read_chunks(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out,
		       struct rtmp_client_event *event)
{
	struct rtmp_control control;
	struct rtmp_piece piece;
	int rc = rtmp_chunk_reader_next(&c->reader, in, &piece, &control);

	switch (rc) {
	case RTMP_READ_PIECE:
		return take_piece(c, &piece, out, event);
	case RTMP_READ_CONTROL:
		take_control(c, &control, out, event);
		return 0;
	case RTMP_READ_MORE:
		return 1;
	default:
		return rc;
	}
}

/* 1 when the span is used up. */
static int step(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out,
		struct rtmp_client_event *event)
{
	int rc = 0;

	switch (c->state) {
	case STATE_S0:
		rc = read_s0(c, in);
		break;
	case STATE_S1:
		rc = read_s1(c, in, out);
		break;
	case STATE_S2:
		skip_s2(c, in, out);
		break;
	default:
		return read_chunks(c, in, out, event);
	}
	return rc == 0 && in->len == 0 ? 1 : rc;
}

int rtmp_client_next(struct rtmp_client *c, struct rtmp_span *in, struct rtmp_out *out,
		     struct rtmp_client_event *event)
{
	event->type = RTMP_CLIENT_MORE;
	event->acked = c->peer_acked;
	event->code[0] = '\0';
	event->text[0] = '\0';
	if (c->phase == PHASE_REFUSED) {
		return RTMP_ERR(REFUSED);
	}
	for (;;) {
		uint32_t before = in->len;
		int rc = step(c, in, out, event);

		c->received += before - in->len;
		if (rc < 0) {
			return rc;
		}
		if (out->overflow) {
			return RTMP_ERR(OUTPUT);
		}
		if (event->type != RTMP_CLIENT_MORE) {
			return 0;
		}
		if (rc == 1) {
			control_acknowledge(&c->writer, c->received, c->peer_window, &c->acked_sent,
					    out);
			return 0;
		}
	}
}
