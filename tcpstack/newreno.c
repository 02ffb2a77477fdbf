#include "newreno.h"

#include "conn.h"

#define SLOW_START_LIMIT 2   /* RFC 3465 2.3 */
#define FACTOR           512 /* half */
#define CWND_MAX         (1U << 30)

void newreno_avoid(struct tcp_conn *conn, uint32_t acked)
{
	conn->cwnd_credit += acked;
	if (conn->cwnd_credit >= conn->cwnd && conn->cwnd < CWND_MAX) {
		conn->cwnd_credit -= conn->cwnd;
		conn->cwnd += conn->mss;
	}
}

static void acked(struct tcp_conn *conn, uint32_t bytes, uint32_t rtt_us)
{
	(void)rtt_us;
	if (conn->cwnd < conn->ssthresh) {
		congestion_slow_start(conn, bytes, SLOW_START_LIMIT);
	} else {
		newreno_avoid(conn, bytes);
	}
}

static void lost(struct tcp_conn *conn, uint32_t flight)
{
	conn->ssthresh = congestion_reduced(conn, flight, FACTOR);
	conn->cwnd_credit = 0;
}

static void undo(struct tcp_conn *conn)
{
	conn->cwnd_credit = 0;
}

const struct tcp_cc_ops tcp_newreno = {
	.name = "newreno",
	.acked = acked,
	.lost = lost,
	.undo = undo,
};
