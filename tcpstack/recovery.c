#include "recovery.h"

#include "congestion.h"
#include "delivery.h"
#include "dupack.h"
#include "rto.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

#define RENEGE_US_MIN 10000U

uint32_t recovery_pipe(const struct tcp_conn *conn)
{
	return sender_recording(conn) ? conn->sender->board.in_flight_bytes
				      : seq_span(conn->snd_una, conn->snd_nxt);
}

bool recovery_is_fast(const struct tcp_conn *conn)
{
	return sender_recording(conn) ? conn->sender->phase == TCP_SENDER_RECOVERY
				      : (conn->flags & TCP_CONN_RECOVERY) != 0;
}

void recovery_limited(struct tcp_conn *conn)
{
	if (conn->sender != NULL) {
		conn->sender->limited_end = conn->snd_max;
	}
}

static void set_deadline(struct tcp_conn *conn, enum sender_timer timer, uint64_t at_us)
{
	conn->sender->timer = (uint8_t)timer;
	conn->retransmit_at_us = at_us;
	conn_arm(conn, at_us);
}

/* When the retransmission timer would have been due, had no other taken its place. */
static uint64_t rto_at_us(const struct tcp_conn *conn)
{
	const struct tcp_transmission *first = scoreboard_first(&conn->sender->board);
	uint64_t now = conn->stack->now_us;
	uint32_t age = (uint32_t)now - first->sent_us;
	uint64_t rto = rto_current_us(conn);

	return age < rto ? now + rto - age : now;
}

/* RFC 8985 7.2; false: no probe now. `at_most_us` is when the retransmission timer is due. */
static bool arm_probe(struct tcp_conn *conn, uint64_t at_most_us)
{
	uint32_t pto = tlp_timeout_us(conn);
	uint64_t at = conn->stack->now_us + pto;

	if (pto == 0) {
		return false;
	}
	set_deadline(conn, TCP_TIMER_PROBE, at < at_most_us ? at : at_most_us);
	return true;
}

/* The peer has reported what begins at snd_una: it has lost it since (RFC 2018 section 8). */
static bool reneged(const struct tcp_conn *conn)
{
	const struct tcp_transmission *first = scoreboard_first(&conn->sender->board);

	return first != NULL && first->state == TRANSMISSION_SACKED;
}

static void set_timer(struct tcp_conn *conn, bool advanced, uint32_t wait_us)
{
	uint64_t now = conn->stack->now_us;

	if (conn->flags & TCP_CONN_PERSIST) {
		return;
	}
	if (reneged(conn)) {
		uint32_t patience = conn->srtt_us / 2;

		patience = patience > RENEGE_US_MIN ? patience : RENEGE_US_MIN;
		set_deadline(conn, TCP_TIMER_RTO, now + patience);
	} else if (wait_us > 0) {
		set_deadline(conn, TCP_TIMER_REORDER, now + wait_us);
	} else if (advanced) {
		if (!arm_probe(conn, now + rto_current_us(conn))) {
			rto_restart(conn);
		}
	} else if (conn->sender->timer != TCP_TIMER_RTO) {
		set_deadline(conn, TCP_TIMER_RTO, rto_at_us(conn));
	}
}

/* Fast recovery: RFC 6675 section 5, (4). */
static void enter(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	struct tcp_sender *sender = conn->sender;

	tcp_count(conn->stack, fast_retransmits);
	undo_save(conn);
	tlp_cancel(&sender->tlp);
	conn->cc->lost(conn, seq_span(conn->snd_una, conn->snd_max));
	conn->recover = conn->snd_max;
	sender->phase = TCP_SENDER_RECOVERY;
	prr_begin(conn, seq_span(delivery->una_before, conn->snd_max) - delivery->sacked_before);
	tcp_trace(conn, recovery, conn->cwnd, conn->ssthresh);
}

static void leave(struct tcp_conn *conn)
{
	if (conn->sender->phase == TCP_SENDER_RECOVERY) {
		conn->cwnd = conn->ssthresh;
	}
	conn->sender->phase = TCP_SENDER_OPEN;
	rack_recovery_ended(&conn->sender->rack);
	tcp_trace(conn, recovered, conn->cwnd, conn->ssthresh);
}

static void undo(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	bool hasty = sender->phase == TCP_SENDER_RECOVERY && !sender->undo.has_resent;

	undo_restore(conn);
	scoreboard_unmark_lost(&sender->board);
	if (sender->phase != TCP_SENDER_OPEN) {
		/* Retransmissions hide it from RACK: what was late came out of order. */
		sender->rack.reordering_seen |= sender->phase == TCP_SENDER_RECOVERY;
		sender->phase = TCP_SENDER_OPEN;
		rack_recovery_ended(&sender->rack);
	}
	if (hasty) {
		rack_was_hasty(conn); /* no D-SACK will tell */
	}
}

/* Was the reduction wrong? During fast recovery only when no retransmission is on its way: another
 * hole may have needed it. */
static bool spurious(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	const struct tcp_sender *sender = conn->sender;
	bool older = delivery->advanced && undo_echo_is_older(conn, delivery->tsecr);

	if (undo_dsacked(conn, delivery)) {
		return true;
	}
	switch (sender->phase) {
	case TCP_SENDER_LOSS:
		return sender->undo.possible && (older || (sender->frto && delivery->original));
	case TCP_SENDER_RECOVERY:
		if (!sender->undo.has_resent) {
			/* All of it came after all, unless it was the probe's copy that came. */
			return sender->board.lost_bytes == 0 && !sender->undo.probed;
		}
		return older &&
		       (sender->board.resent_bytes == 0 || seq_ge(conn->snd_una, conn->recover));
	default:
		return false;
	}
}

/* A loss that the probe repaired is a loss (RFC 8985 7.4.1). */
static void heed_repair(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	conn->cc->lost(conn, delivery->flight_before);
	conn->cwnd = conn->cwnd < conn->ssthresh ? conn->cwnd : conn->ssthresh;
}

/* A new round trip forgets what the one before had in flight. */
static void note_use(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;
	uint32_t pipe = sender->board.in_flight_bytes;

	/* It follows, or 2 GiB later it would seem to lie ahead. */
	sender->limited_end = seq_max(sender->limited_end, conn->snd_una - 1);
	if (pipe > sender->used || seq_ge(conn->snd_una, sender->used_end)) {
		sender->used = pipe;
		sender->used_end = conn->snd_max;
	}
}

/*
 * RFC 7661: a window that was not used does not grow. In slow start it may become twice as large
 * as what was in flight at most, which is what would have been found out anyway.
 */
static bool was_limited(const struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	const struct tcp_sender *sender = conn->sender;

	return seq_lt(delivery->una_before, sender->limited_end) ||
	       (conn->cwnd < conn->ssthresh && conn->cwnd / 2 < sender->used);
}

/*
 * Where the path is known to reorder most segments are reported before snd_una reaches them: what
 * has arrived counts in whichever way we hear of it, or the window would hardly grow.
 */
static bool may_grow(const struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	const struct tcp_sender *sender = conn->sender;
	bool reports = sender->rack.reordering_seen && sender->phase == TCP_SENDER_OPEN;

	return (delivery->advanced || (reports && delivery->reported)) &&
	       was_limited(conn, delivery);
}

static void control_congestion(struct tcp_conn *conn, const struct tcp_delivery *delivery,
			       bool was_recovering, uint32_t lost)
{
	if (conn->sender->phase == TCP_SENDER_RECOVERY) {
		prr_acked(conn, delivery->bytes, delivery->advanced && lost == 0);
	} else if (!was_recovering && may_grow(conn, delivery)) {
		conn->cc->acked(conn, delivery->bytes, delivery_rtt_us(delivery));
	}
}

static void recorded_ack(struct tcp_conn *conn, const struct tcp_delivery *delivery, bool duplicate)
{
	struct tcp_sender *sender = conn->sender;
	bool recovering = sender->phase == TCP_SENDER_RECOVERY;
	uint32_t wait_us;
	uint32_t lost;

	if (delivery->advanced) {
		conn->dup_acks = 0;
	} else if (delivery->reported && conn->dup_acks < UINT8_MAX) {
		conn->dup_acks++;
	}
	rack_adapt(conn, delivery);
	if (tlp_acked(conn, delivery, duplicate)) {
		heed_repair(conn, delivery);
	}
	if (spurious(conn, delivery)) {
		undo(conn);
	} else if (sender->phase != TCP_SENDER_OPEN && seq_ge(conn->snd_una, conn->recover)) {
		leave(conn);
	}
	lost = rack_detect_loss(conn, &wait_us);
	if (lost > 0 && sender->phase == TCP_SENDER_OPEN) {
		enter(conn, delivery);
	}
	control_congestion(conn, delivery, recovering, lost);
	if (conn->snd_una == conn->snd_max) {
		/* What is queued behind a window that stays closed is still to be asked for. */
		if (!(conn->flags & TCP_CONN_PERSIST)) {
			rto_stop(conn);
		}
		sender_end(conn);
	} else if (delivery->advanced || delivery->reported) {
		set_timer(conn, delivery->advanced, wait_us);
	}
	conn_dirty(conn);
}

static void unrecorded_ack(struct tcp_conn *conn, const struct tcp_delivery *delivery,
			   bool duplicate)
{
	/* What a flight that is over had sent twice. */
	if (conn->sender != NULL) {
		if (tlp_acked(conn, delivery, duplicate)) {
			heed_repair(conn, delivery);
		}
		if (undo_dsacked(conn, delivery)) {
			undo_restore(conn);
		}
	}
	if (delivery->advanced) {
		dupack_acked(conn, delivery->bytes, delivery->flight_before, delivery->rtt_us);
		if (conn->flags & TCP_CONN_PERSIST) {
			return;
		}
		if (conn->snd_una == conn->snd_max) {
			rto_stop(conn);
			sender_end(conn);
		} else {
			rto_restart(conn);
		}
	} else if (duplicate) {
		dupack_duplicate(conn);
	}
}

void recovery_acked(struct tcp_conn *conn, const struct tcp_delivery *delivery, bool duplicate)
{
	if (sender_recording(conn)) {
		recorded_ack(conn, delivery, duplicate);
	} else {
		unrecorded_ack(conn, delivery, duplicate);
	}
}

static void note_loss(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;
	bool again = sender->phase == TCP_SENDER_LOSS && conn->flags & TCP_CONN_TIMED_OUT;

	/* RFC 5681 3.1: no second reduction for the same data, nor for what recovery reduced for.
	 */
	if (sender->phase == TCP_SENDER_RECOVERY || again) {
		return;
	}
	sender->frto = sender->phase == TCP_SENDER_OPEN;
	undo_save(conn);
	conn->cc->lost(conn, seq_span(conn->snd_una, conn->snd_max));
}

static void recorded_timeout(struct tcp_conn *conn)
{
	struct tcp_sender *sender = conn->sender;

	note_loss(conn);
	if (sender->phase == TCP_SENDER_RECOVERY) {
		sender->frto = false;
	}
	if (reneged(conn)) {
		tcp_count(conn->stack, sack_reneged);
		scoreboard_renege(&sender->board);
		sender->seen_count = 0;
	}
	(void)rack_mark_at_timeout(conn);
	tlp_cancel(&sender->tlp);
	conn->cwnd = sender->board.in_flight_bytes + conn->mss;
	conn->recover = conn->snd_max;
	sender->phase = TCP_SENDER_LOSS;
}

void recovery_timeout(struct tcp_conn *conn)
{
	if (conn->state == TCP_SYN_SENT_STATE || conn->state == TCP_SYN_RECEIVED_STATE) {
		conn->flags |= TCP_CONN_SYN_DUE;
	} else if (sender_recording(conn)) {
		recorded_timeout(conn);
	} else {
		dupack_timeout(conn);
	}
	conn->flags |= TCP_CONN_TIMED_OUT;
	conn->timeout_ts = stack_timestamp(conn->stack, conn->ts_offset);
	conn->dup_acks = 0;
	conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
	conn_dirty(conn);
	rto_restart(conn);
}

static void reorder_timeout(struct tcp_conn *conn)
{
	struct tcp_delivery none = {
		.una_before = conn->snd_una,
		.sacked_before = conn->sender->board.sacked_bytes,
	};
	uint32_t wait_us;
	uint32_t lost = rack_detect_loss(conn, &wait_us);

	if (lost > 0) {
		if (conn->sender->phase == TCP_SENDER_OPEN) {
			enter(conn, &none);
		}
		if (conn->sender->phase == TCP_SENDER_RECOVERY) {
			/* One segment at least: there may be no further acknowledgement. */
			prr_acked(conn, conn->mss, false);
		}
	}
	set_timer(conn, false, wait_us);
}

void recovery_timer(struct tcp_conn *conn)
{
	if (conn->sender->timer == TCP_TIMER_REORDER) {
		reorder_timeout(conn);
	} else {
		conn->sender->tlp.due = true;
		rto_restart(conn); /* should there be no buffer to send the probe */
	}
	conn_dirty(conn);
}

static void record(struct tcp_conn *conn, uint32_t start, uint32_t end, bool is_new)
{
	struct tcp_sender *sender = conn->sender;
	uint32_t now_us = (uint32_t)conn->stack->now_us;

	if (!is_new) {
		scoreboard_resent(&sender->board, start, end, now_us);
		undo_resent(conn, end - start);
	} else if (scoreboard_sent(&sender->board, start, end, now_us) < 0) {
		sender_abandon(conn);
		return;
	}
	note_use(conn);
	if (sender->phase == TCP_SENDER_RECOVERY) {
		prr_sent(conn, end - start);
	}
}

void recovery_sent(struct tcp_conn *conn, uint32_t start, uint32_t end, bool is_new, bool probe)
{
	uint64_t rto_at;
	bool restart;

	if (sender_recording(conn)) {
		record(conn, start, end, is_new);
	}
	if (!sender_recording(conn)) {
		if (conn->retransmit_at_us == 0) {
			rto_restart(conn);
		}
		return;
	}
	rto_at = conn->retransmit_at_us == 0 ? conn->stack->now_us + rto_current_us(conn)
					     : rto_at_us(conn);
	if (probe) {
		tlp_sent(conn, !is_new);
	}
	restart = probe || (start == conn->snd_una && !is_new);
	if (!restart && (conn->retransmit_at_us == 0 || conn->sender->timer != TCP_TIMER_REORDER)) {
		restart = !arm_probe(conn, rto_at) && conn->retransmit_at_us == 0;
	}
	if (restart) {
		rto_restart(conn);
	}
}

void recovery_resend(struct tcp_conn *conn)
{
	struct tcp_transmission *record;

	conn->recover = conn->snd_max;
	conn->dup_acks = 0;
	conn->flags &= ~(uint32_t)(TCP_CONN_RECOVERY | TCP_CONN_RETRANSMIT | TCP_CONN_RTT_TIMED);
	if (sender_recording(conn)) {
		while ((record = scoreboard_oldest(&conn->sender->board)) != NULL) {
			scoreboard_mark_lost(&conn->sender->board, record);
		}
	} else {
		conn->snd_nxt = conn->snd_una;
	}
	conn_dirty(conn);
	rto_restart(conn);
}
