#include "dataplane/session.h"

#include <assert.h>
#include <rte_mbuf.h>
#include <string.h>

#include "dataplane/counters.h"
#include "dataplane/player.h"
#include "dataplane/publish.h"
#include "dataplane/session_play.h"
#include "dataplane/session_publish.h"
#include "tcpstack/tcp.h"

#define SESSION_TO(name) (1u << SESSION_##name)

static const uint32_t successors[SESSION_STATE_COUNT] = {
#define SESSION_EDGES(name, to) [SESSION_##name] = (to),
	SESSION_STATES(SESSION_EDGES)
#undef SESSION_EDGES
};

void session_set_state(struct session *s, enum session_state state)
{
	struct session_table *table = s->table;

	assert(successors[s->state] & 1u << state);
	TAILQ_REMOVE(&table->queues[s->state], s, entry);
	s->state = state;
	s->deadline_us = table->now_us + table->limit_us[state];
	if (state == SESSION_FREE) {
		/* The one used last is still in the cache. */
		TAILQ_INSERT_HEAD(&table->queues[state], s, entry);
	} else {
		TAILQ_INSERT_TAIL(&table->queues[state], s, entry);
	}
}

/* splitmix64: only fills handshakes, no secret depends on it. */
static uint64_t next_random(struct session_table *table)
{
	uint64_t z = table->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool is_for_discard(const struct session_table *table, const struct tcp_conn *conn)
{
	struct tcp_info info;

	if (table->config.discard_port == 0) {
		return false;
	}
	tcp_conn_info(conn, &info);
	return info.local.port == table->config.discard_port;
}

struct session *session_open(struct session_table *table, struct tcp_conn *conn)
{
	struct session *s = TAILQ_FIRST(&table->queues[SESSION_FREE]);

	if (!s || table->shutdown) {
		dp_count(table->config.counters, DP_COUNTER_sessions_refused, 1);
		return NULL;
	}
	s->conn = conn;
	LIST_INIT(&s->publications);
	s->player = NULL;
	s->received_us = table->now_us;
	s->wire_bytes = 0;
	s->held_told = 0;
	s->doomed = false;
	s->asked = 0;
	unread_replies_init(&s->unread);
	message_set_init(&s->messages, table->config.messages, table->bytes_max, table->held_max);
	rtmp_server_init(&s->server, &table->server_config, next_random(table));
	bool discard = is_for_discard(table, conn);
	session_set_state(s, discard ? SESSION_DISCARD : SESSION_HANDSHAKE);
	table->active++;
	dp_count(table->config.counters, DP_COUNTER_sessions_opened, 1);
	dp_count(table->config.counters, DP_COUNTER_discard_connections, discard);
	return s;
}

void session_gone(struct session *s)
{
	session_unpublish_all(s);
	session_unplay(s);
	rtmp_server_fini(&s->server);
	s->conn = NULL;
	session_set_state(s, SESSION_FREE);
	s->table->active--;
	dp_count(s->table->config.counters, DP_COUNTER_sessions_closed, 1);
}

/* Copies the replies into a chain of mbufs; NULL when there are none left. */
static struct rte_mbuf *chain_of(struct rte_mempool *pool, const uint8_t *data, size_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *last = head;

	while (last) {
		uint16_t room = rte_pktmbuf_tailroom(last);
		uint16_t n = len < room ? (uint16_t)len : room;
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), data, n);
		last->data_len = n;
		head->pkt_len += n;
		data += n;
		len -= n;
		if (len == 0) {
			return head;
		}
		last->next = rte_pktmbuf_alloc(pool);
		last = last->next;
		head->nb_segs++;
	}
	if (head) {
		head->nb_segs--; /* the one that could not be had */
		rte_pktmbuf_free(head);
	}
	return NULL;
}

bool session_note_replies(struct session *s, uint32_t bytes)
{
	uint32_t space = tcp_send_space(s->conn);
	uint32_t queued = space < SESSION_SEND_MAX ? SESSION_SEND_MAX - space : 0;

	return unread_replies_add(&s->unread, bytes, queued) <= SESSION_REPLIES_MAX;
}

static bool give(struct session *s, struct rte_mbuf *replies)
{
	if (s->player && player_defers(s->player)) {
		return player_defer(s->player, replies);
	}
	uint32_t bytes = replies->pkt_len;

	if (tcp_send(s->conn, replies) < 0) {
		return false;
	}
	s->doomed |= !session_note_replies(s, bytes);
	return true;
}

void session_flush(struct session *s)
{
	struct rtmp_out *out = &s->table->out;

	if (out->overflow) {
		s->doomed = true;
	}
	if (out->len > 0 && !s->doomed) {
		struct rte_mbuf *chain = chain_of(s->table->config.reply_pool, out->data, out->len);
		if (!chain || !give(s, chain)) {
			/* A peer that is gone or does not read its replies, or no memory. */
			rte_pktmbuf_free(chain);
			s->doomed = true;
		}
	}
	out->len = 0;
	out->overflow = false;
}

void session_close(struct session *s)
{
	session_flush(s);
	session_unpublish_all(s);
	session_unplay(s);
	if (s->state != SESSION_CLOSING) {
		session_set_state(s, SESSION_CLOSING);
		if (!s->doomed) {
			tcp_close(s->conn);
		}
	}
}

void session_settle(struct session *s)
{
	uint32_t held = s->messages.held < SESSION_HOLD_MAX ? s->messages.held : SESSION_HOLD_MAX;

	if (held > s->held_told) {
		tcp_hold(s->conn, held - s->held_told);
	} else if (held < s->held_told) {
		tcp_release(s->conn, s->held_told - held);
	}
	s->held_told = held;
	if (s->doomed) {
		tcp_abort(s->conn); /* ends in session_gone() */
	}
}

void session_peer_closed(struct session *s)
{
	session_close(s);
	session_settle(s);
}

void session_reconnect(struct session *s, const char *tc_url)
{
	if (s->asked == s->table->drain) {
		return;
	}
	s->asked = s->table->drain;
	bool asked = rtmp_server_reconnect(&s->server, tc_url,
					   rtmp_reject_text(RTMP_REJECT_DRAINING), &s->table->out);

	dp_count(s->table->config.counters,
		 asked ? DP_COUNTER_reconnects_asked : DP_COUNTER_reconnects_not_offered, 1);
	session_flush(s);
	session_settle(s);
}

void session_begin_drain(struct session_table *table)
{
	table->drain = table->drain == UINT16_MAX ? 1 : (uint16_t)(table->drain + 1);
}

/* A publisher is looked at several times within its limit: cheaper than a queue that each segment
 * changes. */
static void expire_live(struct session *s)
{
	struct session_table *table = s->table;

	TAILQ_REMOVE(&table->queues[SESSION_LIVE], s, entry);
	s->deadline_us = table->now_us + table->limit_us[SESSION_LIVE];
	TAILQ_INSERT_TAIL(&table->queues[SESSION_LIVE], s, entry);
	session_expire_live(s);
}

static void expire(struct session *s)
{
	struct dp_counters *counters = s->table->config.counters;

	switch (s->state) {
	case SESSION_HANDSHAKE:
		dp_count(counters,
			 rtmp_server_shook_hands(&s->server) ? DP_COUNTER_timeout_connect
							     : DP_COUNTER_timeout_handshake,
			 1);
		s->doomed = true; /* there is nothing to end in order */
		session_settle(s);
		break;
	case SESSION_CONNECTED:
		dp_count(counters, DP_COUNTER_timeout_publish, 1);
		session_close(s);
		session_settle(s);
		break;
	case SESSION_LIVE:
		expire_live(s);
		break;
	case SESSION_ASKING:
	case SESSION_PLAYING:
		session_expire_player(s);
		break;
	case SESSION_CLOSING:
		s->doomed = true;
		session_settle(s);
		break;
	case SESSION_FREE:
	case SESSION_PENDING:
	case SESSION_DISCARD:
	case SESSION_STATE_COUNT:
		break;
	}
}

bool session_expire(struct session_table *table, uint32_t budget)
{
	session_expire_undecided(table, &budget);
	for (uint32_t state = SESSION_HANDSHAKE; state < SESSION_STATE_COUNT; state++) {
		struct session *s = TAILQ_FIRST(&table->queues[state]);
		while (s && s->deadline_us <= table->now_us) {
			if (budget-- == 0) {
				return true;
			}
			expire(s);
			s = TAILQ_FIRST(&table->queues[state]);
		}
	}
	return false;
}

uint64_t session_next_us(const struct session_table *table)
{
	const struct publication *undecided = TAILQ_FIRST(&table->undecided);
	uint64_t next = undecided ? undecided->decide_us : UINT64_MAX;

	for (uint32_t state = SESSION_HANDSHAKE; state < SESSION_STATE_COUNT; state++) {
		const struct session *s = TAILQ_FIRST(&table->queues[state]);
		if (s && s->deadline_us < next) {
			next = s->deadline_us;
		}
	}
	return next;
}

void session_shutdown(struct session_table *table)
{
	table->shutdown = true;
	for (uint32_t state = SESSION_HANDSHAKE; state < SESSION_CLOSING; state++) {
		struct session *s;
		while ((s = TAILQ_FIRST(&table->queues[state]))) {
			if (s->player) {
				session_end_play(s, RTMP_PLAY_REJECT_SHUTDOWN);
				continue;
			}
			session_end(s, RTMP_REJECT_SHUTDOWN);
		}
	}
}

/* What the connection holds beside the logs is counted once: for the first of its publications. */
static void measure(const struct session *s, struct publication *p)
{
	bool first = p == LIST_FIRST(&s->publications);
	struct tcp_info info;
	uint64_t ooo;

	tcp_conn_info(s->conn, &info);
	ooo = (uint64_t)info.ooo_segments * s->messages.pool->truesize;
	publish_measure(s->table->config.publish, p, first ? s->messages.held : 0, first ? ooo : 0,
			s->table->now_us);
}

void session_measure(struct session_table *table, uint32_t count)
{
	struct publish_table *publish = table->config.publish;

	for (uint32_t i = 0; i < count && i < publish->count; i++) {
		struct publication *p = &publish->publications[table->measured];

		table->measured = (table->measured + 1) % publish->count;
		if (p->session) {
			measure(p->session, p);
		} else if (p->generation % 2 == 1) {
			publish_settle(publish, p);
		}
	}
}
