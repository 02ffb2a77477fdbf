#include "rto.h"

#include "congestion.h"
#include "conn.h"
#include "pmtu.h"
#include "recovery.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

#define BACKOFF_MAX 8

void rto_init(struct tcp_conn *conn)
{
	conn->rto_us = RTO_INITIAL_US;
	conn->progress_us = conn->stack->now_us;
}

static uint32_t clamp_rto(uint64_t rto)
{
	if (rto < RTO_MIN_US) {
		return RTO_MIN_US;
	}
	return rto > RTO_MAX_US ? RTO_MAX_US : (uint32_t)rto;
}

void rto_sample(struct tcp_conn *conn, uint64_t rtt_us)
{
	uint32_t rtt = rtt_us < RTO_MAX_US ? (uint32_t)rtt_us : RTO_MAX_US;
	uint32_t delta;
	uint64_t spread;

	rtt = rtt > 0 ? rtt : 1;
	if (conn->srtt_us == 0) {
		conn->srtt_us = rtt;
		conn->rttvar_us = rtt / 2;
	} else {
		delta = conn->srtt_us > rtt ? conn->srtt_us - rtt : rtt - conn->srtt_us;
		conn->rttvar_us = conn->rttvar_us - conn->rttvar_us / 4 + delta / 4;
		conn->srtt_us = conn->srtt_us - conn->srtt_us / 8 + rtt / 8;
		conn->srtt_us = conn->srtt_us > 0 ? conn->srtt_us : 1;
	}
	spread = 4ULL * conn->rttvar_us;
	spread = spread > RTO_MIN_US ? spread : RTO_MIN_US;
	conn->rto_us = clamp_rto(conn->srtt_us + spread);
	conn->backoff = 0;
	tcp_trace(conn, rtt, rtt, conn->srtt_us);
}

uint64_t rto_current_us(const struct tcp_conn *conn)
{
	uint64_t rto = (uint64_t)conn->rto_us << conn->backoff;

	return rto < RTO_MAX_US ? rto : RTO_MAX_US;
}

void rto_restart(struct tcp_conn *conn)
{
	if (conn->sender != NULL) {
		conn->sender->timer = TCP_TIMER_RTO;
	}
	conn->retransmit_at_us = conn->stack->now_us + rto_current_us(conn);
	conn_arm(conn, conn->retransmit_at_us);
}

void rto_stop(struct tcp_conn *conn)
{
	conn->retransmit_at_us = 0;
}

void rto_note_work(struct tcp_conn *conn)
{
	if (conn->send.bytes == 0 && conn->snd_una == conn->snd_max) {
		conn->progress_us = conn->stack->now_us;
	}
}

void persist_start(struct tcp_conn *conn)
{
	if (!(conn->flags & TCP_CONN_PERSIST)) {
		conn->flags |= TCP_CONN_PERSIST;
		conn->backoff = 0;
		rto_restart(conn);
	}
}

void persist_stop(struct tcp_conn *conn)
{
	if (conn->flags & TCP_CONN_PERSIST) {
		conn->flags &= ~(uint32_t)(TCP_CONN_PERSIST | TCP_CONN_PROBE_DUE);
		conn->backoff = 0;
		/* What was sent before the window closed has its timer again. */
		if (conn->snd_una == conn->snd_max) {
			rto_stop(conn);
		} else {
			rto_restart(conn);
		}
	}
}

/*
 * RFC 5482: unanswered for too long. A peer that keeps its window closed but answers lives on
 * (RFC 9293 3.8.6.1), unless we closed: then nobody here waits for it (RFC 6429).
 */
static bool given_up(const struct tcp_conn *conn)
{
	uint64_t heard = conn->progress_us;

	if (!(conn->flags & TCP_CONN_FIN_QUEUED) &&
	    (conn->flags & TCP_CONN_PERSIST || conn->snd_wnd == 0)) {
		heard = conn->last_rx_us > heard ? conn->last_rx_us : heard;
	}
	return conn->stack->now_us - heard >= conn->stack->config.user_timeout_ms * 1000ULL;
}

void rto_timeout(struct tcp_conn *conn)
{
	if (sender_recording(conn) && conn->sender->timer != TCP_TIMER_RTO) {
		recovery_timer(conn);
		return;
	}
	if (given_up(conn)) {
		conn_end(conn, TCP_EVENT_TIMEOUT, TCP_CLOSE_TIMEOUT);
		return;
	}
	if (conn->backoff < BACKOFF_MAX) {
		conn->backoff++;
	}
	if (conn->flags & TCP_CONN_PERSIST) {
		conn->flags |= TCP_CONN_PROBE_DUE | TCP_CONN_OVERRIDE_SWS;
		rto_restart(conn);
	} else {
		tcp_count(conn->stack, retransmit_timeouts);
		conn->timeouts++;
		tcp_trace(conn, timeout, rto_current_us(conn), conn->backoff);
		pmtu_timeout(conn);
		recovery_timeout(conn);
	}
	conn_dirty(conn);
}
