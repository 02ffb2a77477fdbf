#include "congestion.h"

#include "conn.h"

uint32_t congestion_initial_window(uint32_t mss)
{
	uint32_t bytes = 2 * mss > 14600 ? 2 * mss : 14600;

	return 10 * mss < bytes ? 10 * mss : bytes;
}

static void newreno_init(struct tcp_conn *conn)
{
	conn->cwnd = congestion_initial_window(conn->mss);
	conn->ssthresh = UINT32_MAX;
	conn->cc_state[0] = 0;
}

/* Slow start and congestion avoidance, counted in bytes (RFC 3465, L = 2). */
static void newreno_acked(struct tcp_conn *conn, uint32_t acked)
{
	uint32_t mss = conn->mss;

	if (conn->cwnd >= 1U << 30) {
		return;
	}
	if (conn->cwnd < conn->ssthresh) {
		conn->cwnd += acked < 2 * mss ? acked : 2 * mss;
		return;
	}
	conn->cc_state[0] += acked;
	if (conn->cc_state[0] >= conn->cwnd) {
		conn->cc_state[0] -= conn->cwnd;
		conn->cwnd += mss;
	}
}

static void newreno_lost(struct tcp_conn *conn, uint32_t flight)
{
	uint32_t floor = 2U * conn->mss;

	conn->ssthresh = flight / 2 > floor ? flight / 2 : floor;
	conn->cc_state[0] = 0;
}

static void newreno_idle(struct tcp_conn *conn)
{
	uint32_t restart = congestion_initial_window(conn->mss);

	conn->cwnd = conn->cwnd < restart ? conn->cwnd : restart;
}

const struct tcp_cc_ops tcp_newreno = {
	.name = "newreno",
	.init = newreno_init,
	.acked = newreno_acked,
	.lost = newreno_lost,
	.idle = newreno_idle,
};
