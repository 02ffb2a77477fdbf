#include "recovery.h"

#include "congestion.h"
#include "rto.h"
#include "segment.h"
#include "stack.h"
#include "trace.h"

static bool uses_sack(const struct tcp_conn *conn)
{
	return (conn->flags & TCP_CONN_SACK) != 0 && conn->side != NULL;
}

/* RFC 2883 4: a first block below the acknowledgement, or inside the second one. */
static void note_dsack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	const struct tcp_sack_block *block = seg->opt.sack;

	if (seg->opt.sack_count == 0 || seq_ge(block[0].start, block[0].end)) {
		return;
	}
	if (seq_le(block[0].end, seg->ack) ||
	    (seg->opt.sack_count > 1 && seq_ge(block[0].start, block[1].start) &&
	     seq_le(block[0].end, block[1].end))) {
		conn->rx_dsacks++;
		tcp_trace(conn, rx_dsack, block[0].start, block[0].end);
	}
}

bool recovery_sack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	bool news = false;

	if (!(conn->flags & TCP_CONN_SACK)) {
		return false;
	}
	note_dsack(conn, seg);
	for (uint32_t i = 0; i < seg->opt.sack_count; i++) {
		const struct tcp_sack_block *block = &seg->opt.sack[i];
		uint32_t start = seq_max(block->start, seq_max(seg->ack, conn->snd_una));

		/* What is below is a D-SACK (RFC 2883); beyond snd_max was never sent. */
		if (seq_le(block->end, start) || seq_gt(block->end, conn->snd_max) ||
		    seq_lt(block->start, conn->snd_una)) {
			continue;
		}
		/* Without a record it still says that a segment has left the network. */
		news |= conn_side_get(conn) == NULL ||
			scoreboard_add(&conn->side->board, start, block->end);
	}
	return news;
}

uint32_t recovery_pipe(const struct tcp_conn *conn)
{
	if (uses_sack(conn)) {
		return scoreboard_pipe(&conn->side->board, conn->snd_una, conn->snd_nxt, conn->mss);
	}
	return seq_span(conn->snd_una, conn->snd_nxt);
}

static void enter(struct tcp_conn *conn)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);

	tcp_count(conn->stack, fast_retransmits);
	conn->cc->lost(conn, flight);
	conn->recover = conn->snd_max;
	conn->flags |= TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT;
	conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
	conn->cwnd = conn->ssthresh;
	if (uses_sack(conn)) {
		conn->side->board.high_rxt = conn->snd_una;
	} else {
		conn->cwnd += DUP_THRESH * conn->mss;
	}
	tcp_trace(conn, recovery, conn->cwnd, conn->ssthresh);
	conn_dirty(conn);
}

/* Not twice for the same window of data: RFC 6582 3.2, RFC 6675 5 (RecoveryPoint). */
static bool may_enter(const struct tcp_conn *conn)
{
	return uses_sack(conn) ? seq_ge(conn->snd_una, conn->recover)
			       : seq_gt(conn->snd_una, conn->recover);
}

void recovery_duplicate(struct tcp_conn *conn)
{
	if (conn->dup_acks < UINT8_MAX) {
		conn->dup_acks++;
	}
	if (conn->flags & TCP_CONN_RECOVERY) {
		if (!uses_sack(conn)) {
			conn->cwnd += conn->mss; /* RFC 5681 3.2, step 4 */
		}
	} else if (may_enter(conn) &&
		   (conn->dup_acks >= DUP_THRESH ||
		    (uses_sack(conn) && scoreboard_first_lost(&conn->side->board, conn->mss)))) {
		enter(conn);
	}
	conn_dirty(conn);
}

static void leave(struct tcp_conn *conn)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);
	uint32_t window = (flight > conn->mss ? flight : conn->mss) + conn->mss;

	/* RFC 6582 3.2, step 3, first choice: no burst after recovery. */
	if (!uses_sack(conn)) {
		conn->cwnd = window < conn->ssthresh ? window : conn->ssthresh;
	}
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT);
	tcp_trace(conn, recovered, conn->cwnd, conn->ssthresh);
}

/* RFC 6582 3.2, partial acknowledgement: the next hole begins at snd_una. */
static void partial(struct tcp_conn *conn, uint32_t acked)
{
	if (uses_sack(conn)) {
		return;
	}
	conn->cwnd -= acked < conn->cwnd ? acked : conn->cwnd;
	conn->cwnd += conn->mss;
	conn->flags |= TCP_CONN_RETRANSMIT;
}

void recovery_acked(struct tcp_conn *conn, uint32_t acked, uint32_t flight_before)
{
	if (conn->side != NULL) {
		scoreboard_ack(&conn->side->board, conn->snd_una);
		conn->side->board.high_rxt = seq_max(conn->side->board.high_rxt, conn->snd_una);
	}
	conn->dup_acks = 0;
	if (!(conn->flags & TCP_CONN_RECOVERY)) {
		/* It follows, or 2 GiB without loss later it would seem to lie ahead. */
		conn->recover = seq_max(conn->recover, conn->snd_una - 1);
		/* RFC 7661: a window that was not used does not grow. */
		if (flight_before >= conn->cwnd / 2) {
			conn->cc->acked(conn, acked);
		}
		/* Known holes below what comes next are repaired at once. */
		if (uses_sack(conn) && may_enter(conn) &&
		    scoreboard_first_lost(&conn->side->board, conn->mss)) {
			enter(conn);
		}
	} else if (seq_ge(conn->snd_una, conn->recover)) {
		leave(conn);
	} else {
		partial(conn, acked);
	}
	conn_side_put(conn);
}

void recovery_timeout(struct tcp_conn *conn)
{
	uint32_t flight = seq_span(conn->snd_una, conn->snd_max);

	/* RFC 5681 3.1: a second timeout for the same data does not lower ssthresh again. */
	if (!(conn->flags & TCP_CONN_TIMED_OUT)) {
		conn->cc->lost(conn, flight);
	}
	conn->flags |= TCP_CONN_TIMED_OUT;
	conn->timeout_ts = stack_timestamp(conn->stack, conn->ts_offset);
	conn->cwnd = conn->mss;
	conn->recover = conn->snd_max;
	conn->dup_acks = 0;
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT | TCP_CONN_RTT_TIMED);
	/* The peer may have dropped what it reported (RFC 2018 section 8). */
	if (conn->side != NULL) {
		scoreboard_clear(&conn->side->board);
		conn_side_put(conn);
	}
	if (conn->state == TCP_SYN_SENT_STATE || conn->state == TCP_SYN_RECEIVED_STATE) {
		conn->flags |= TCP_CONN_SYN_DUE;
	} else {
		conn->snd_nxt = conn->snd_una;
	}
	conn_dirty(conn);
	rto_restart(conn);
}

void recovery_resend(struct tcp_conn *conn)
{
	conn->recover = conn->snd_max;
	conn->dup_acks = 0;
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT | TCP_CONN_RTT_TIMED);
	conn_side_put(conn);
	conn->snd_nxt = conn->snd_una;
	conn_dirty(conn);
	rto_restart(conn);
}
