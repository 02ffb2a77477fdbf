#include "undo.h"

#include "congestion.h"
#include "delivery.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

void undo_save(struct tcp_conn *conn)
{
	conn->sender->undo = (struct tcp_undo){
		.marker = conn->snd_una,
		.end = conn->snd_max,
		.cwnd = conn->cwnd,
		.ssthresh = conn->ssthresh,
		.possible = true,
		.probed = conn->sender->tlp.sent && conn->sender->tlp.is_retrans,
	};
}

void undo_resent(struct tcp_conn *conn, uint32_t bytes)
{
	struct tcp_undo *undo = &conn->sender->undo;

	if (!undo->has_resent) {
		undo->has_resent = true;
		undo->first_ts = stack_timestamp(conn->stack, conn->ts_offset);
	}
	undo->resent += bytes;
}

bool undo_dsacked(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	struct tcp_undo *undo = &conn->sender->undo;
	const struct tcp_sack_block *block = &delivery->duplicate;
	uint32_t bytes = block->end - block->start;

	if (!delivery->dsack || !undo->possible || !undo->has_resent ||
	    seq_lt(block->start, undo->marker) || seq_gt(block->end, undo->end)) {
		return false;
	}
	undo->resent -= bytes < undo->resent ? bytes : undo->resent;
	return undo->resent == 0;
}

bool undo_echo_is_older(const struct tcp_conn *conn, uint32_t tsecr)
{
	const struct tcp_undo *undo = &conn->sender->undo;

	return undo->possible && undo->has_resent && conn->flags & TCP_CONN_TIMESTAMPS &&
	       seq_lt(tsecr, undo->first_ts);
}

void undo_restore(struct tcp_conn *conn)
{
	struct tcp_undo *undo = &conn->sender->undo;

	conn->cwnd = conn->cwnd > undo->cwnd ? conn->cwnd : undo->cwnd;
	conn->ssthresh = conn->ssthresh > undo->ssthresh ? conn->ssthresh : undo->ssthresh;
	conn->cc->undo(conn);
	undo->possible = false;
	tcp_count(conn->stack, recoveries_undone);
	tcp_trace(conn, undo, conn->cwnd, conn->ssthresh);
}
