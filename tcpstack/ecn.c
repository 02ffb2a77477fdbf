#include "ecn.h"

#include "congestion.h"
#include "recovery.h"
#include "seq.h"
#include "stack.h"
#include "syn.h"
#include "trace.h"

unsigned int ecn_syn_flags(const struct tcp_stack *stack, const struct tcp_segment *syn)
{
	bool asks = (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR);

	return asks && stack->config.ecn != TCP_ECN_OFF ? TCP_SYN_ECN : 0;
}

uint8_t ecn_ask(struct tcp_conn *conn)
{
	if (conn->stack->config.ecn != TCP_ECN_ASK || conn->backoff > 0) {
		conn->path_flags &= (uint16_t)~TCP_PATH_ECN_ASKED;
		return 0;
	}
	conn->path_flags |= TCP_PATH_ECN_ASKED;
	return TCP_ECE | TCP_CWR;
}

unsigned int ecn_answered(const struct tcp_conn *conn, const struct tcp_segment *syn_ack)
{
	/* Both flags only reflect what we sent: no ECN (6.1.1). */
	bool accepted = (syn_ack->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE;

	return accepted && conn->path_flags & TCP_PATH_ECN_ASKED ? TCP_SYN_ECN : 0;
}

void ecn_heed(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (!(conn->path_flags & TCP_PATH_ECN)) {
		return;
	}
	if (seg->flags & TCP_CWR) {
		conn->path_flags &= (uint16_t)~TCP_PATH_ECN_ECHO;
	}
	if (seg->ecn == ECN_CE) {
		tcp_count(conn->stack, rx_ce);
		conn->ecn_marks++;
		/* The sender should hear of it before the delayed ACK. */
		if (!(conn->path_flags & TCP_PATH_ECN_ECHO)) {
			conn_ack_now(conn);
		}
		conn->path_flags |= TCP_PATH_ECN_ECHO;
	}
}

/* RFC 3168 6.1.2: not twice for one window of data, nor on top of a loss in it. */
static bool reduced_already(const struct tcp_conn *conn, uint32_t ack)
{
	return (conn->path_flags & TCP_PATH_REDUCED && seq_le(ack, conn->reduced_seq)) ||
	       recovery_is_fast(conn) || conn->flags & TCP_CONN_TIMED_OUT;
}

void ecn_echoed(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);

	if (!(conn->path_flags & TCP_PATH_ECN) || flight == 0 || reduced_already(conn, seg->ack)) {
		return;
	}
	tcp_count(conn->stack, ecn_reductions);
	conn->cc->lost(conn, flight);
	conn->cwnd = conn->cwnd < conn->ssthresh ? conn->cwnd : conn->ssthresh;
	conn->reduced_seq = conn->snd_max;
	conn->path_flags |= TCP_PATH_REDUCED | TCP_PATH_CWR_DUE;
	tcp_trace(conn, ecn_congestion, conn->cwnd, conn->ssthresh);
}
