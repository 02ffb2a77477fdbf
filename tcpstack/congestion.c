#include "congestion.h"

#include "conn.h"
#include "cubic.h"
#include "newreno.h"
#include "stack.h"
#include "trace.h"

#define CWND_MAX (1U << 30)

uint32_t congestion_initial_window(uint32_t mss)
{
	uint32_t bytes = 2 * mss > 14600 ? 2 * mss : 14600;

	return 10 * mss < bytes ? 10 * mss : bytes;
}

void congestion_init(struct tcp_conn *conn)
{
	conn->cc = conn->stack->config.congestion == TCP_NEWRENO ? &tcp_newreno : &tcp_cubic;
	conn->cwnd = congestion_initial_window(conn->mss);
	conn->ssthresh = UINT32_MAX;
	conn->cwnd_credit = 0;
}

/*
 * Half for each RTO, down to the initial window (RFC 2861): what the path could carry a moment ago
 * is not forgotten at once. ssthresh keeps where slow start may go again.
 */
void congestion_idle(struct tcp_conn *conn, uint64_t idle_us)
{
	uint32_t restart = congestion_initial_window(conn->mss);
	uint32_t kept = conn->cwnd - conn->cwnd / 4;

	restart = conn->cwnd < restart ? conn->cwnd : restart;
	if (conn->ssthresh < kept) {
		conn->ssthresh = kept;
	}
	while (conn->cwnd > restart && idle_us > conn->rto_us) {
		conn->cwnd = conn->cwnd / 2 > restart ? conn->cwnd / 2 : restart;
		idle_us -= conn->rto_us;
	}
	conn->cwnd_credit = 0;
	tcp_trace(conn, idle_restart, conn->cwnd, conn->ssthresh);
}

/*
 * RFC 5681 (4) reduces what is in flight, not what was allowed; what limited transmit and the
 * reports of SACK let out beyond cwnd does not count.
 */
uint32_t congestion_reduced(const struct tcp_conn *conn, uint32_t flight, uint32_t factor)
{
	uint32_t floor = 2U * conn->mss;
	uint32_t used = flight < conn->cwnd ? flight : conn->cwnd;
	uint32_t reduced = (uint32_t)((uint64_t)used * factor / 1024);

	return reduced > floor ? reduced : floor;
}

void congestion_slow_start(struct tcp_conn *conn, uint32_t acked, uint32_t limit)
{
	uint32_t most = limit * conn->mss;

	if (conn->cwnd < CWND_MAX) {
		conn->cwnd += acked < most ? acked : most;
	}
}
