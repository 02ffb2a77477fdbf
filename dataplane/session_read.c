/*
 * What a session does with what it reads: one function for each event of the RTMP library.
 */
#include <rte_mbuf.h>

#include "dataplane/counters.h"
#include "dataplane/session_play.h"
#include "dataplane/session_publish.h"
#include "tcpstack/tcp.h"

/* Segment that is being read. */
struct segment {
	struct rte_mbuf *mbuf;
	struct rtmp_span span; /* what is left of it */
	bool exclusive;
};

static void on_connected(struct session *s, const struct rtmp_server_event *event,
			 struct segment *segment)
{
	(void)event;
	(void)segment;
	if (s->state == SESSION_HANDSHAKE) {
		session_set_state(s, SESSION_CONNECTED);
	}
}

static void on_publish(struct session *s, const struct rtmp_server_event *event,
		       struct segment *segment)
{
	(void)segment;
	session_publish(s, event);
}

static void on_unpublish(struct session *s, const struct rtmp_server_event *event,
			 struct segment *segment)
{
	struct publication *p = session_publication(s, event->stream_id);

	(void)segment;
	if (p) {
		session_unpublish(s, p);
	}
}

static void complete(struct session *s, struct publication *p, const struct rtmp_piece *piece)
{
	const struct message *m = s->messages.messages[piece->slot];

	if (!m->refused &&
	    publish_append(s->table->config.publish, p, piece->msg, m, s->table->now_us)) {
		message_take(&s->messages, piece->slot);
	} else {
		message_drop(&s->messages, piece->slot);
	}
}

/* True when the run that follows completes the message of this piece. */
static bool extend(struct session *s, const struct rtmp_piece *piece, struct segment *segment)
{
	struct rtmp_run run;

	if (!message_is_open(&s->messages, piece->slot, segment->mbuf, segment->exclusive) ||
	    !rtmp_server_run(&s->server, &segment->span, MESSAGE_JOIN_MAX, &run)) {
		return false;
	}
	message_extend(&s->messages, piece->slot, &run);
	return run.last;
}

static void on_media(struct session *s, const struct rtmp_server_event *event,
		     struct segment *segment)
{
	const struct rtmp_piece *piece = &event->piece;
	struct publication *p = session_publication(s, event->stream_id);

	if (!p) {
		message_set_break(&s->messages);
		return;
	}
	p->heard_us = s->table->now_us; /* a long message takes its time */
	message_add(&s->messages, piece, segment->mbuf, segment->exclusive);
	if (piece->last || extend(s, piece, segment)) {
		complete(s, p, piece);
	}
}

static void on_abort(struct session *s, const struct rtmp_server_event *event,
		     struct segment *segment)
{
	(void)segment;
	if (event->slot < RTMP_CHUNK_STREAMS && s->messages.messages[event->slot]) {
		dp_count(s->table->config.counters, DP_COUNTER_messages_aborted, 1);
		message_drop(&s->messages, event->slot);
	}
}

static void on_other(struct session *s, const struct rtmp_server_event *event,
		     struct segment *segment)
{
	(void)event;
	(void)segment;
	message_set_break(&s->messages);
}

static void on_play(struct session *s, const struct rtmp_server_event *event,
		    struct segment *segment)
{
	on_other(s, event, segment);
	session_on_play(s, event);
}

static void on_play_set(struct session *s, const struct rtmp_server_event *event,
			struct segment *segment)
{
	on_other(s, event, segment);
	session_on_play_set(s, event);
}

static void on_play_end(struct session *s, const struct rtmp_server_event *event,
			struct segment *segment)
{
	on_other(s, event, segment);
	session_on_play_end(s, event);
}

typedef void event_handler(struct session *s, const struct rtmp_server_event *event,
			   struct segment *segment);

static event_handler *const handlers[] = {
	[RTMP_SERVER_MORE] = on_other,        [RTMP_SERVER_CONNECTED] = on_connected,
	[RTMP_SERVER_PUBLISH] = on_publish,   [RTMP_SERVER_UNPUBLISH] = on_unpublish,
	[RTMP_SERVER_MEDIA] = on_media,       [RTMP_SERVER_ABORT] = on_abort,
	[RTMP_SERVER_ACK] = on_other,         [RTMP_SERVER_PLAY] = on_play,
	[RTMP_SERVER_PLAY_SET] = on_play_set, [RTMP_SERVER_PLAY_END] = on_play_end,
	[RTMP_SERVER_IGNORED] = on_other,
};

static void fail(struct session *s, int err)
{
	const struct publication *p;

	s->table->rtmp_errors[-err]++;
	rtmp_server_explain(&s->server, err, &s->table->out);
	LIST_FOREACH (p, &s->publications, sibling) {
		publish_say_why(s->table->config.publish, p, RTMP_REJECT_PROTOCOL + 1,
				(uint32_t)-err);
	}
	session_close(s);
}

static void read_segment(struct session *s, struct segment *segment)
{
	struct rtmp_out *out = &s->table->out;
	struct rtmp_server_event event;

	s->table->buffers.borrower = s;
	while (s->state != SESSION_CLOSING && !s->doomed) {
		if (out->cap - out->len < SESSION_OUT_NEEDED) {
			session_flush(s);
		}
		int err = rtmp_server_next(&s->server, &segment->span, out, &event);
		if (err < 0) {
			fail(s, err);
			return;
		}
		if (event.type == RTMP_SERVER_MORE) {
			return;
		}
		handlers[event.type](s, &event, segment);
	}
}

/* Reads each segment, then drops the reference it came with: slices hold their own. */
static void read_chain(struct session *s, struct rte_mbuf *chain)
{
	while (chain) {
		struct rte_mbuf *next = chain->next;
		struct segment segment = {
			.mbuf = chain,
			.span = {.data = rte_pktmbuf_mtod(chain, uint8_t *),
				 .len = chain->data_len,
				 .owner = chain},
			.exclusive = rte_mbuf_refcnt_read(chain) == 1,
		};
		/* References name one segment each. */
		chain->next = NULL;
		chain->nb_segs = 1;
		s->wire_bytes += chain->data_len;
		if (chain->data_len > 0) {
			read_segment(s, &segment);
		}
		message_segment_done(s->table->config.messages, chain);
		chain = next;
	}
}

static void throw_away(struct session *s, struct rte_mbuf *chain)
{
	if (s->state == SESSION_DISCARD) {
		dp_count(s->table->config.counters, DP_COUNTER_discard_bytes, chain->pkt_len);
	}
	rte_pktmbuf_free(chain);
}

void session_received(struct session *s, struct rte_mbuf *chain)
{
	const struct publication *p;

	if (s->state == SESSION_CLOSING || s->state == SESSION_DISCARD) {
		throw_away(s, chain);
		return;
	}
	if ((s->received_us ^ s->table->now_us) >> SESSION_SECOND_SHIFT != 0) {
		rtmp_server_begin_second(&s->server);
	}
	s->received_us = s->table->now_us;
	read_chain(s, chain);
	session_flush(s);
	LIST_FOREACH (p, &s->publications, sibling) {
		publish_wire_bytes(s->table->config.publish, p, s->wire_bytes);
	}
	session_settle(s);
}
