#include "dupack.h"

#include "congestion.h"
#include "recovery.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

static void enter(struct tcp_conn *conn)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);

	tcp_count(conn->stack, fast_retransmits);
	conn->cc->lost(conn, flight);
	conn->recover = conn->snd_max;
	conn->flags |= TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT;
	conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
	conn->cwnd = conn->ssthresh + DUP_THRESH * conn->mss;
	tcp_trace(conn, recovery, conn->cwnd, conn->ssthresh);
}

/*
 * RFC 5681 3.2, step 4: a duplicate says that a segment has left the network. More than were in
 * flight when recovery began cannot have: beyond, duplicates are made up.
 */
static void inflate(struct tcp_conn *conn)
{
	if (conn->cwnd < conn->ssthresh + seq_span(conn->snd_una, conn->recover)) {
		conn->cwnd += conn->mss;
	}
}

void dupack_duplicate(struct tcp_conn *conn)
{
	if (conn->dup_acks < UINT8_MAX) {
		conn->dup_acks++;
	}
	if (conn->flags & TCP_CONN_RECOVERY) {
		inflate(conn);
	} else if (seq_gt(conn->snd_una, conn->recover) && conn->dup_acks >= DUP_THRESH) {
		enter(conn); /* not twice for the same window of data: RFC 6582 3.2 */
	}
	conn_dirty(conn);
}

static void leave(struct tcp_conn *conn)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);
	uint32_t window = (flight > conn->mss ? flight : conn->mss) + conn->mss;

	/* RFC 6582 3.2, step 3, first choice: no burst after recovery. */
	conn->cwnd = window < conn->ssthresh ? window : conn->ssthresh;
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT);
	tcp_trace(conn, recovered, conn->cwnd, conn->ssthresh);
}

/* RFC 6582 3.2, partial acknowledgement: the next hole begins at snd_una. */
static void partial(struct tcp_conn *conn, uint32_t acked)
{
	conn->cwnd -= acked < conn->cwnd ? acked : conn->cwnd;
	conn->cwnd += conn->mss;
	conn->flags |= TCP_CONN_RETRANSMIT;
}

/* What is newly known to have arrived: duplicates told of the rest, and let out as much. */
static uint32_t news(const struct tcp_conn *conn, uint32_t acked)
{
	uint32_t told = conn->dup_acks * conn->mss;

	return acked > told ? acked - told : 0;
}

void dupack_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight_before, uint32_t rtt_us)
{
	uint32_t fresh = news(conn, acked);

	conn->dup_acks = 0;
	if (!(conn->flags & TCP_CONN_RECOVERY)) {
		/* It follows, or 2 GiB without loss later it would seem to lie ahead. */
		conn->recover = seq_max(conn->recover, conn->snd_una - 1);
		/* RFC 7661: a window that was not used does not grow. */
		if (flight_before >= conn->cwnd / 2) {
			conn->cc->acked(conn, fresh, rtt_us);
		}
	} else if (seq_ge(conn->snd_una, conn->recover)) {
		leave(conn);
	} else {
		partial(conn, acked);
	}
}

void dupack_timeout(struct tcp_conn *conn)
{
	/* RFC 5681 3.1: a second timeout for the same data does not lower ssthresh again. */
	if (!(conn->flags & TCP_CONN_TIMED_OUT)) {
		conn->cc->lost(conn, seq_span(conn->snd_una, conn->snd_max));
	}
	conn->cwnd = conn->mss;
	conn->recover = conn->snd_max;
	conn->snd_nxt = conn->snd_una;
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT);
}
