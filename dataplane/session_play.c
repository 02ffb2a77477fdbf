#include "dataplane/session_play.h"

#include "dataplane/counters.h"
#include "dataplane/player.h"
#include "dataplane/player_send.h"
#include "dataplane/publish.h"
#include "tcpstack/tcp.h"

void session_unplay(struct session *s)
{
	if (s->player) {
		player_close(s->table->config.players, s->player, s->table->now_us);
		s->player = NULL;
	}
}

static void refuse(struct session *s, const struct rtmp_server_event *event,
		   enum rtmp_play_reject why, enum dp_counter counter)
{
	dp_count(s->table->config.counters, counter, 1);
	if (rtmp_server_play_end(&s->server, event->stream_id, why, &s->table->out) < 0) {
		s->doomed = true;
	}
}

static void ask(struct session *s, const struct rtmp_server_event *event)
{
	struct tcp_info info;
	char peer[ABI_PEER_MAX];

	tcp_conn_info(s->conn, &info);
	session_print_peer(s, peer, sizeof(peer));
	const struct player_request request = {
		.session = s,
		.connection = info.id,
		.address = info.remote.addr,
		.peer = peer,
		.stream_id = event->stream_id,
		.app = event->app,
		.name = event->name,
		.now_us = s->table->now_us,
	};
	s->player = player_open(s->table->config.players, &request);
	if (!s->player) {
		refuse(s, event, RTMP_PLAY_REJECT_CAPACITY, DP_COUNTER_play_no_slot);
		session_close(s);
		return;
	}
	session_set_state(s, SESSION_ASKING);
}

/* Another name on the message stream that plays: what plays ends, behind a whole message. */
static void replace(struct session *s)
{
	player_finish(s->player);
	session_unplay(s);
	session_set_state(s, SESSION_CONNECTED);
}

void session_on_play(struct session *s, const struct rtmp_server_event *event)
{
	const struct session_config *config = &s->table->config;

	dp_count(config->counters, DP_COUNTER_play_asked, 1);
	if (s->player && s->player->stream_id == event->stream_id) {
		replace(s);
	}
	if (s->state != SESSION_CONNECTED) {
		/* It publishes, or plays on another message stream: that goes on. */
		refuse(s, event, RTMP_PLAY_REJECT_BUSY, DP_COUNTER_play_refused);
	} else if (!config->players) {
		refuse(s, event, RTMP_PLAY_REJECT_AUTH, DP_COUNTER_play_refused);
		session_close(s);
	} else if (!config->publish->sub) {
		/* Fail closed: nobody can decide. */
		refuse(s, event, RTMP_PLAY_REJECT_CAPACITY, DP_COUNTER_play_no_control);
		session_close(s);
	} else {
		ask(s, event);
	}
}

void session_on_play_set(struct session *s, const struct rtmp_server_event *event)
{
	if (s->player && s->player->stream_id == event->stream_id) {
		player_set(s->player, event->value);
	}
}

void session_on_play_end(struct session *s, const struct rtmp_server_event *event)
{
	if (s->player && s->player->stream_id == event->stream_id) {
		replace(s);
	}
}

void session_play(struct session *s, const struct player_stream *stream)
{
	struct session_table *table = s->table;

	if (rtmp_server_play_accept(&s->server, s->player->stream_id, &table->out) < 0) {
		s->doomed = true;
	}
	session_flush(s);
	session_set_state(s, SESSION_PLAYING);
	dp_count(table->config.counters, DP_COUNTER_play_accepted, 1);
	if (!player_start(table->config.players, s->player, stream, table->now_us)) {
		session_end_play(s, RTMP_PLAY_REJECT_NOT_FOUND);
		return;
	}
	session_settle(s);
}

/* Says why, behind a whole message: else the peer could not read it. */
void session_end_play(struct session *s, enum rtmp_play_reject why)
{
	player_finish(s->player);
	if (rtmp_server_play_end(&s->server, s->player->stream_id, why, &s->table->out) < 0) {
		s->doomed = true;
	}
	session_close(s);
	session_settle(s);
}

void session_play_done(struct session *s, uint32_t done)
{
	if (done == PLAY_DONE_SLOW) {
		dp_count(s->table->config.counters, DP_COUNTER_play_slow, 1);
		session_end_play(s, RTMP_PLAY_REJECT_SLOW);
		return;
	}
	enum rtmp_play_reject why =
		done == PLAY_DONE_NOT_FOUND ? RTMP_PLAY_REJECT_NOT_FOUND : RTMP_PLAY_REJECT_ENDED;

	dp_count(s->table->config.counters, DP_COUNTER_play_done, 1);
	if (rtmp_server_play_end(&s->server, s->player->stream_id, why, &s->table->out) < 0) {
		s->doomed = true;
	}
	session_flush(s);
	session_unplay(s);
	session_set_state(s, SESSION_CONNECTED);
	session_settle(s);
}

void session_expire_player(struct session *s)
{
	struct session_table *table = s->table;

	if (s->state == SESSION_ASKING) {
		dp_count(table->config.counters, DP_COUNTER_play_timeout, 1);
		session_end_play(s, RTMP_PLAY_REJECT_TIMEOUT);
	} else if (table->now_us - s->player->progress_us >= table->idle_us) {
		dp_count(table->config.counters, DP_COUNTER_play_slow, 1);
		session_end_play(s, RTMP_PLAY_REJECT_SLOW);
	} else {
		TAILQ_REMOVE(&table->queues[SESSION_PLAYING], s, entry);
		s->deadline_us = table->now_us + table->limit_us[SESSION_PLAYING];
		TAILQ_INSERT_TAIL(&table->queues[SESSION_PLAYING], s, entry);
	}
}
