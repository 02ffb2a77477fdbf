#include "plan.h"

#include "congestion.h"
#include "output.h"
#include "payload.h"
#include "recovery.h"
#include "rto.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"

/* With headers and options it fits the length field of IPv4. */
#define LARGE_MAX 65400U

/* Payload that fits a segment beside the SACK blocks that it will carry. */
static uint32_t segment_room(struct tcp_conn *conn)
{
	struct tcp_options opt = {0};
	uint32_t sack;

	output_options(conn, &opt);
	sack = opt.sack_count > 0 ? 4 + 8 * opt.sack_count : 0;
	return conn->mss > sack + 8 ? conn->mss - sack : 8;
}

static bool fin_follows(const struct tcp_conn *conn, uint32_t seq)
{
	return conn->flags & TCP_CONN_FIN_QUEUED && seq == send_queue_end(&conn->send);
}

/* RFC 9293 3.8.6.1: one byte (or the FIN) beyond the closed window. */
static bool plan_probe(struct tcp_conn *conn, struct tcp_plan *plan)
{
	uint32_t len = conn->send.bytes > 0 ? 1 : 0;
	bool fin = len == 0 && fin_follows(conn, conn->snd_una);

	if (!(conn->flags & TCP_CONN_PROBE_DUE) || conn->snd_wnd > 0 || (len == 0 && !fin)) {
		return false;
	}
	*plan = (struct tcp_plan){.seq = conn->snd_una, .len = len, .fin = fin, .probe = true};
	return true;
}

/* [seq, end) of what was sent before, as much as fits; its FIN too when that is reached. */
static bool plan_again(struct tcp_conn *conn, struct tcp_plan *plan, uint32_t seq, uint32_t end)
{
	uint32_t data_end = seq_min(send_queue_end(&conn->send), end);
	uint32_t room = segment_room(conn);

	plan->seq = seq;
	plan->len = seq_span(seq, data_end);
	plan->len = plan->len < room ? plan->len : room;
	plan->fin = fin_follows(conn, seq + plan->len) && seq_gt(end, seq + plan->len);
	return plan->len > 0 || plan->fin;
}

/* The first segment in flight, when recovery by duplicate acknowledgements asked for it. */
static bool plan_retransmit(struct tcp_conn *conn, struct tcp_plan *plan)
{
	if (!(conn->flags & TCP_CONN_RETRANSMIT) || conn->snd_una == conn->snd_max) {
		return false;
	}
	return plan_again(conn, plan, conn->snd_una, conn->snd_max);
}

/* RFC 6675 NextSeg rule 1: what is lost goes first, and one segment whatever cwnd is. */
static bool plan_lost(struct tcp_conn *conn, struct tcp_plan *plan)
{
	const struct tcp_transmission *lost;
	uint32_t edge = conn->snd_una + conn->snd_wnd;
	uint32_t pipe;

	if (!sender_recording(conn) || conn->sender->board.lost_bytes == 0) {
		return false;
	}
	lost = scoreboard_first_lost(&conn->sender->board);
	if (conn->snd_wnd == 0) {
		persist_start(conn);
		return false;
	}
	/* A peer that took its window back gets what is still inside (RFC 9293 3.8.6). */
	if (!seq_lt(lost->start, edge) ||
	    !plan_again(conn, plan, lost->start, seq_min(lost->end, edge))) {
		return false;
	}
	pipe = recovery_pipe(conn);
	if (pipe > 0 && pipe + plan->len > conn->cwnd) {
		recovery_limited(conn);
		return false;
	}
	return true;
}

/* RFC 3042: the first two duplicates each let one new segment out. */
static uint32_t limited_transmit(const struct tcp_conn *conn)
{
	uint32_t extra = conn->dup_acks < DUP_THRESH ? conn->dup_acks : DUP_THRESH - 1;

	/* With a scoreboard the pipe shrinks by what was reported: that does the same. */
	return conn->flags & TCP_CONN_RECOVERY || sender_recording(conn) ? 0 : extra * conn->mss;
}

/* What of `want` bytes the peer's window takes; RFC 9293 3.8.6.2.1 refuses slivers. */
static uint32_t window_allows(struct tcp_conn *conn, uint32_t seq, uint32_t want)
{
	uint32_t room = seq_span(seq, conn->snd_una + conn->snd_wnd);

	if (room >= want) {
		return want;
	}
	if (room >= conn->snd_wnd_max / 2 || conn->flags & TCP_CONN_OVERRIDE_SWS) {
		return room;
	}
	return 0;
}

/* An idle connection starts over (RFC 5681 4.1). */
static void heed_idleness(struct tcp_conn *conn)
{
	uint64_t idle_us = conn->stack->now_us - conn->last_tx_us;

	if (conn->snd_una == conn->snd_max && idle_us > conn->rto_us) {
		congestion_idle(conn, idle_us);
		conn->last_tx_us = conn->stack->now_us;
	}
}

/* `want` bytes at snd_nxt, or what of them the window takes. */
static bool plan_in_window(struct tcp_conn *conn, struct tcp_plan *plan, uint32_t want)
{
	plan->seq = conn->snd_nxt;
	plan->len = window_allows(conn, plan->seq, want);
	plan->fin = fin_follows(conn, plan->seq + plan->len) &&
		    seq_gt(conn->snd_una + conn->snd_wnd, plan->seq + plan->len);
	return plan->len > 0 || plan->fin;
}

/* New data, or without a scoreboard after a timeout old data again, at snd_nxt. */
static bool plan_next(struct tcp_conn *conn, struct tcp_plan *plan)
{
	uint32_t want = seq_span(conn->snd_nxt, send_queue_end(&conn->send));
	uint32_t room = segment_room(conn);

	want = want < room ? want : room;
	if (want == 0 && !fin_follows(conn, conn->snd_nxt)) {
		return false;
	}
	heed_idleness(conn);
	if (recovery_pipe(conn) + want > conn->cwnd + limited_transmit(conn)) {
		recovery_limited(conn);
		return false;
	}
	if (!plan_in_window(conn, plan, want)) {
		if (conn->snd_nxt == conn->snd_una) {
			persist_start(conn);
		}
		return false;
	}
	return true;
}

/* RFC 8985 7.3: new data whatever cwnd is, else the last segment again. */
static bool plan_tail_probe(struct tcp_conn *conn, struct tcp_plan *plan)
{
	const struct tcp_transmission *last;
	uint32_t room = segment_room(conn);
	uint32_t want;
	uint32_t start;

	if (!sender_recording(conn) || !conn->sender->tlp.due) {
		return false;
	}
	conn->sender->tlp.due = false;
	plan->tail = true;
	want = seq_span(conn->snd_nxt, send_queue_end(&conn->send));
	if ((want > 0 || fin_follows(conn, conn->snd_nxt)) &&
	    plan_in_window(conn, plan, want < room ? want : room)) {
		return true;
	}
	last = scoreboard_last(&conn->sender->board);
	if (last == NULL || last->state != TRANSMISSION_IN_FLIGHT || conn->snd_wnd == 0) {
		return false;
	}
	start = seq_min(last->end, send_queue_end(&conn->send)) - room;
	return plan_again(conn, plan, seq_max(start, last->start), last->end);
}

/* Bytes from plan->seq on that may go out now. */
static uint32_t allowed(const struct tcp_conn *conn, const struct tcp_plan *plan)
{
	uint32_t window = seq_span(plan->seq, conn->snd_una + conn->snd_wnd);
	uint32_t pipe = recovery_pipe(conn);
	uint32_t cwnd = conn->cwnd > pipe ? conn->cwnd - pipe : 0;
	uint32_t limit = window < cwnd ? window : cwnd;

	return limit < LARGE_MAX ? limit : LARGE_MAX;
}

/*
 * A full-sized segment of new data takes those behind it along, when the port can cut them: whole
 * ones, and a last one only where the data end. What says CWR goes alone: not every port knows that
 * it belongs into the first segment only (RFC 3168 6.1.2).
 */
static void plan_large(struct tcp_conn *conn, struct tcp_plan *plan)
{
	uint32_t room = segment_room(conn);
	uint32_t queued = seq_span(plan->seq, send_queue_end(&conn->send));
	uint32_t len = allowed(conn, plan);

	if (plan->seq != conn->snd_max || plan->len < room || len <= room || queued <= room ||
	    conn->path_flags & TCP_PATH_CWR_DUE) {
		return;
	}
	len = queued < len ? queued : len;
	len = payload_reach(conn, plan->seq, len, conn->stack->config.tso_pieces);
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): segment_room() is 8 at least */
	len = len == queued ? len : len - len % room;
	if (len > room) {
		plan->len = len;
		plan->segment = (uint16_t)room;
		plan->fin = fin_follows(conn, plan->seq + len) &&
			    seq_gt(conn->snd_una + conn->snd_wnd, plan->seq + len);
	}
}

bool plan_make(struct tcp_conn *conn, struct tcp_plan *plan)
{
	*plan = (struct tcp_plan){0};
	if (plan_probe(conn, plan) || plan_retransmit(conn, plan) || plan_tail_probe(conn, plan) ||
	    plan_lost(conn, plan)) {
		return true;
	}
	*plan = (struct tcp_plan){0};
	if (!plan_next(conn, plan)) {
		return false;
	}
	if (conn->stack->tso) {
		plan_large(conn, plan);
	}
	return true;
}
