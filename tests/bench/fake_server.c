#include "fake_server.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/mark.h"
#include "rtmp/heap_buffers.h"

static const struct rtmp_server_config server_config = {
	.buffers = &rtmp_heap_buffers,
	.chunk_size = 4096,
	.window_ack_size = 100000,
	.peer_bandwidth = 100000,
	.message_max = 1u << 24,
};

static uint8_t *fake_memory(struct transport *t, size_t size)
{
	(void)t;
	return malloc(size);
}

static enum gen_end fake_connect(struct transport *t, struct publisher *p)
{
	struct fake_server *s = (struct fake_server *)t;

	for (uint32_t i = 0; i < FAKE_CONNS; i++) {
		struct fake_conn *c = &s->conns[i];

		if (c->publisher == NULL) {
			memset(c, 0, sizeof(*c));
			rtmp_server_init(&c->rtmp, &server_config, i);
			c->replies = (struct rtmp_out){.data = c->reply_bytes,
						       .cap = sizeof(c->reply_bytes)};
			c->publisher = p;
			c->dialling = true;
			p->conn = c;
			return GEN_END_NORMAL;
		}
	}
	return GEN_END_NO_PORT;
}

static void check_mark(struct fake_server *s, struct fake_conn *c, const struct rtmp_message *msg,
		       const uint8_t *data)
{
	uint32_t offset = mark_offset(msg->type, msg->length);
	struct mark mark;

	if (offset == UINT32_MAX || !mark_read(&mark, data + offset, msg->length - offset) ||
	    mark.stream != mark_stream(c->publisher->name) || mark.sent_ns == 0 ||
	    mark_foreign_bytes(&mark, data + offset, msg->length - offset) != 0) {
		s->wrong++;
	} else if (mark.number != MARK_NO_NUMBER) {
		s->wrong += mark.number != c->next_number;
		c->next_number = mark.number + 1;
		c->keyframes += mark.keyframe == mark.number;
		c->messages++;
	}
}

static void take_media(struct fake_server *s, struct fake_conn *c,
		       const struct rtmp_server_event *event)
{
	const struct rtmp_message *msg = event->piece.msg;
	const uint8_t *data;

	if (assembly_add(&c->assembly, &event->piece, event->stream_id, &data) !=
	    ASSEMBLY_COMPLETE) {
		return;
	}
	if (s->unmarked) {
		c->messages++;
	} else {
		check_mark(s, c, msg, data);
	}
	c->media_bytes += msg->length;
	s->media_bytes += msg->length;
	c->last_timestamp = msg->timestamp;
	assembly_release(&c->assembly, event->piece.slot);
}

static void take_event(struct fake_server *s, struct fake_conn *c,
		       const struct rtmp_server_event *event)
{
	int rc = 0;

	if (event->type == RTMP_SERVER_PUBLISH) {
		s->publishes++;
		rc = s->refuse ? rtmp_server_reject(&c->rtmp, event->stream_id, RTMP_REJECT_AUTH,
						    &c->replies)
			       : rtmp_server_accept(&c->rtmp, event->stream_id, &c->replies);
	} else if (event->type == RTMP_SERVER_UNPUBLISH) {
		s->unpublishes++;
	} else if (event->type == RTMP_SERVER_MEDIA) {
		take_media(s, c, event);
	}
	CU_ASSERT_EQUAL(rc, 0);
}

static void take_bytes(struct fake_server *s, struct fake_conn *c, void *data, uint32_t len)
{
	uint8_t copy[70000];
	struct rtmp_server_event event = {.type = RTMP_SERVER_PLAY};
	struct rtmp_span in = {.data = copy, .len = len};

	CU_ASSERT_FATAL(len <= sizeof(copy));
	memcpy(copy, data, len);
	while (event.type != RTMP_SERVER_MORE) {
		CU_ASSERT_EQUAL_FATAL(rtmp_server_next(&c->rtmp, &in, &c->replies, &event), 0);
		take_event(s, c, &event);
	}
}

static enum transport_sent fake_send(struct transport *t, struct publisher *p, uint32_t limit)
{
	struct fake_server *s = (struct fake_server *)t;
	struct iovec iov[64];
	uint32_t room = s->window < limit ? s->window : limit;
	uint32_t taken = 0;
	uint32_t count, n;

	while (taken < room && (n = outbox_cut(&p->outbox, room - taken, iov, 64, &count)) > 0) {
		for (uint32_t i = 0; i < count; i++) {
			take_bytes(s, p->conn, iov[i].iov_base, (uint32_t)iov[i].iov_len);
		}
		outbox_taken(&p->outbox, &t->fleet->outboxes, n);
		taken += n;
	}
	if (p->state == PUBLISHER_PUBLISHING && taken > 0) {
		s->sends++;
		s->taken_max = taken > s->taken_max ? taken : s->taken_max;
	}
	((struct fake_conn *)p->conn)->waiting = p->outbox.count > 0;
	return TRANSPORT_SENT;
}

static void fake_close(struct transport *t, struct publisher *p)
{
	(void)t;
	CU_ASSERT_EQUAL(p->outbox.count, 0);
	((struct fake_conn *)p->conn)->fin = true;
}

static void drop(struct fake_conn *c)
{
	c->publisher->conn = NULL;
	c->publisher = NULL;
	rtmp_server_fini(&c->rtmp);
	assembly_fini(&c->assembly);
}

static void fake_abort(struct transport *t, struct publisher *p)
{
	(void)t;
	if (p->conn != NULL) {
		drop(p->conn);
	}
}

/* What the server has to say, after all the publisher's bytes of the turn before. */
static void answer(struct fake_conn *c)
{
	struct publisher *p = c->publisher;
	uint8_t bytes[sizeof(c->reply_bytes)];
	size_t len = c->replies.len;

	if (c->dialling) {
		c->dialling = false;
		publisher_connected(p);
		return;
	}
	CU_ASSERT_FALSE(c->replies.overflow);
	memcpy(bytes, c->reply_bytes, len);
	c->replies.len = 0;
	if (len > 0) {
		publisher_received(p, bytes, (uint32_t)len);
	}
	if (c->publisher == p && c->waiting) {
		publisher_writable(p);
	}
	if (c->publisher == p && c->fin) {
		drop(c);
		publisher_closed(p, GEN_END_NORMAL);
	}
}

static void fake_turn(struct transport *t)
{
	struct fake_server *s = (struct fake_server *)t;

	s->now_us += s->step_us;
	t->fleet->now_us = s->now_us;
	for (uint32_t i = 0; i < FAKE_CONNS; i++) {
		if (s->conns[i].publisher != NULL) {
			answer(&s->conns[i]);
		}
	}
	fleet_turn(t->fleet, s->now_us);
}

static const struct transport_ops fake_ops = {
	.memory = fake_memory,
	.connect = fake_connect,
	.send = fake_send,
	.close = fake_close,
	.abort = fake_abort,
	.turn = fake_turn,
};

void fake_server_init(struct fake_server *s, struct fleet *fleet)
{
	memset(s, 0, sizeof(*s));
	s->base = (struct transport){.ops = &fake_ops, .fleet = fleet};
	s->window = 60000;
	s->step_us = 500;
	s->now_us = 1000000;
	fleet->transport = &s->base;
	fleet->now_us = s->now_us;
	fleet->begin_us = s->now_us;
}

void fake_server_fini(struct fake_server *s)
{
	for (uint32_t i = 0; i < FAKE_CONNS; i++) {
		if (s->conns[i].publisher != NULL) {
			drop(&s->conns[i]);
		}
	}
}

void fake_server_run(struct fake_server *s, uint64_t us)
{
	uint64_t end_us = s->now_us + us;

	while (s->now_us < end_us) {
		s->base.ops->turn(&s->base);
	}
}
