#include "dataplane/session_publish.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "dataplane/counters.h"
#include "tcpstack/tcp.h"

void session_print_peer(const struct session *s, char *text, size_t size)
{
	struct tcp_info info;
	char addr[INET6_ADDRSTRLEN];

	tcp_conn_info(s->conn, &info);
	const struct in6_addr *a = &info.remote.addr;
	if (IN6_IS_ADDR_V4MAPPED(a)) {
		(void)inet_ntop(AF_INET, &a->s6_addr[12], addr, sizeof(addr));
		(void)snprintf(text, size, "%s:%u", addr, info.remote.port);
	} else {
		(void)inet_ntop(AF_INET6, a, addr, sizeof(addr));
		(void)snprintf(text, size, "[%s]:%u", addr, info.remote.port);
	}
}

/* The state of the session is that of the publication that got furthest. */
static void follow(struct session *s)
{
	enum session_state state = SESSION_CONNECTED;
	const struct publication *p;

	LIST_FOREACH (p, &s->publications, sibling) {
		if (p->state == ABI_STREAM_LIVE) {
			state = SESSION_LIVE;
			break;
		}
		state = SESSION_PENDING;
	}
	if (state != s->state) {
		session_set_state(s, state);
	}
}

static void refuse(struct session *s, uint32_t stream_id, enum rtmp_reject why,
		   enum dp_counter counter)
{
	dp_count(s->table->config.counters, counter, 1);
	if (rtmp_server_reject(&s->server, stream_id, why, &s->table->out) < 0) {
		s->doomed = true;
	}
	if (LIST_EMPTY(&s->publications)) {
		session_close(s);
	}
}

static void add(struct session *s, struct publication *p, uint32_t stream_id)
{
	struct session_table *table = s->table;

	p->stream_id = stream_id;
	p->decide_us = table->now_us + table->decision_us;
	p->heard_us = table->now_us;
	LIST_INSERT_HEAD(&s->publications, p, sibling);
	TAILQ_INSERT_TAIL(&table->undecided, p, undecided);
	table->publishers++;
}

void session_publish(struct session *s, const struct rtmp_server_event *event)
{
	struct publish_table *publish = s->table->config.publish;
	char peer[ABI_PEER_MAX];
	struct publish_request request = {
		.session = s,
		.connection = s->id,
		.peer = peer,
		.app = event->app,
		.name = event->name,
		.server = &s->server,
		.now_us = s->table->now_us,
	};

	dp_count(s->table->config.counters, DP_COUNTER_publish_asked, 1);
	if (s->player) {
		/* Who plays does not publish: the connection is the player's. */
		refuse(s, event->stream_id, RTMP_REJECT_BUSY, DP_COUNTER_publish_no_slot);
		return;
	}
	if (!publish->sub) {
		/* Fail closed: nobody can decide. */
		refuse(s, event->stream_id, RTMP_REJECT_CAPACITY, DP_COUNTER_publish_no_control);
		return;
	}
	session_print_peer(s, peer, sizeof(peer));
	struct publication *p = publish_open(publish, &request);
	if (!p) {
		refuse(s, event->stream_id, RTMP_REJECT_CAPACITY, publish->refused);
		return;
	}
	add(s, p, event->stream_id);
	follow(s);
}

static void take_out(struct session *s, struct publication *p)
{
	struct session_table *table = s->table;

	if (p->state == ABI_STREAM_PENDING) {
		TAILQ_REMOVE(&table->undecided, p, undecided);
	}
	LIST_REMOVE(p, sibling);
	table->publishers--;
	publish_end(table->config.publish, p, table->now_us);
}

/* The RTMP library forgot the publication: what was under way of its messages is nobody's. */
static void drop_unowned(struct session *s)
{
	for (uint32_t slot = 0; slot < RTMP_CHUNK_STREAMS; slot++) {
		if (s->messages.messages[slot] && !rtmp_server_owns(&s->server, slot)) {
			message_drop(&s->messages, slot);
		}
	}
}

void session_unpublish(struct session *s, struct publication *p)
{
	take_out(s, p);
	drop_unowned(s);
	follow(s);
}

void session_unpublish_all(struct session *s)
{
	struct publication *p;

	while ((p = LIST_FIRST(&s->publications))) {
		take_out(s, p);
	}
	message_set_clear(&s->messages);
}

static bool is_only(const struct session *s)
{
	return !LIST_NEXT(LIST_FIRST(&s->publications), sibling);
}

void session_accept(struct session *s, struct publication *p, const char *name,
		    const struct publish_limits *limits)
{
	struct session_table *table = s->table;
	int err = rtmp_server_accept(&s->server, p->stream_id, &table->out);

	dp_count(table->config.counters, DP_COUNTER_publish_accepted, 1);
	TAILQ_REMOVE(&table->undecided, p, undecided);
	publish_live(table->config.publish, p, name, limits, table->now_us);
	if (limits->message_max != 0) {
		/* The connection's: its publications are of one application, and have the same. */
		rtmp_server_limit_message(&s->server, limits->message_max);
	}
	s->received_us = table->now_us;
	p->heard_us = table->now_us;
	follow(s);
	session_flush(s);
	if (err < 0) {
		session_close(s);
	}
	session_settle(s);
}

static void tell_end(struct session *s, const struct publication *p, enum rtmp_reject why,
		     const char *text)
{
	if (text[0] == '\0') {
		text = rtmp_reject_text(why);
	}
	publish_say_why(s->table->config.publish, p, why + 1, 0);
	if (rtmp_server_reject_with(&s->server, p->stream_id, why, text, &s->table->out) < 0) {
		s->doomed = true;
	}
}

void session_reject(struct session *s, struct publication *p, enum rtmp_reject why,
		    const char *text)
{
	tell_end(s, p, why, text);
	if (is_only(s)) {
		session_close(s);
	} else {
		session_unpublish(s, p);
		session_flush(s);
	}
	session_settle(s);
}

void session_end(struct session *s, enum rtmp_reject why)
{
	const struct publication *p;

	LIST_FOREACH (p, &s->publications, sibling) {
		tell_end(s, p, why, "");
	}
	session_close(s);
	session_settle(s);
}

/* Pings, acknowledgements and commands keep no publication: what comes for it does. */
static bool is_idle(const struct session *s, const struct publication *p)
{
	uint64_t limit_us = p->limits.idle_ms * UINT64_C(1000);

	return s->table->now_us - p->heard_us >= (limit_us ? limit_us : s->table->idle_us);
}

/* An accepted publish that brings no audio or video is of no use to anybody. */
static bool is_without_media(const struct session *s, const struct publication *p)
{
	uint64_t limit_us = p->limits.first_media_ms * UINT64_C(1000);

	return limit_us != 0 && s->table->now_us - p->live_us >= limit_us &&
	       !publish_has_media(s->table->config.publish, p);
}

void session_expire_live(struct session *s)
{
	struct dp_counters *counters = s->table->config.counters;
	struct publication *p;

	LIST_FOREACH (p, &s->publications, sibling) {
		if (p->state != ABI_STREAM_LIVE) {
			continue;
		}
		if (is_idle(s, p)) {
			dp_count(counters, DP_COUNTER_timeout_idle, 1);
			session_reject(s, p, RTMP_REJECT_IDLE, "");
			return;
		}
		if (is_without_media(s, p)) {
			dp_count(counters, DP_COUNTER_timeout_first_media, 1);
			session_reject(s, p, RTMP_REJECT_NO_MEDIA, "");
			return;
		}
	}
}

void session_expire_undecided(struct session_table *table, uint32_t *budget)
{
	struct publication *p = TAILQ_FIRST(&table->undecided);

	while (p && p->decide_us <= table->now_us && *budget > 0) {
		(*budget)--;
		dp_count(table->config.counters, DP_COUNTER_timeout_decision, 1);
		session_reject(p->session, p, RTMP_REJECT_TIMEOUT, "");
		p = TAILQ_FIRST(&table->undecided);
	}
}
