#include "rack.h"

#include "delivery.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"

#define MIN_RTT_PERIOD_S 150 /* a path may change: the least of five minutes counts */
#define PERSIST          16  /* recoveries without D-SACK, RFC 8985 6.2 step 4 */

static uint32_t now_us(const struct tcp_conn *conn)
{
	return (uint32_t)conn->stack->now_us;
}

/* RACK_sent_after() of 5.2. */
static bool sent_after(uint32_t a_us, uint32_t a_end, uint32_t b_us, uint32_t b_end)
{
	return seq_gt(a_us, b_us) || (a_us == b_us && seq_gt(a_end, b_end));
}

void rack_restart(struct tcp_rack *rack)
{
	rack->valid = false;
}

uint32_t rack_min_rtt_us(const struct tcp_rack *rack)
{
	if (rack->min_rtt_us[1] == 0) {
		return rack->min_rtt_us[0];
	}
	return rack->min_rtt_us[0] != 0 && rack->min_rtt_us[0] < rack->min_rtt_us[1]
		       ? rack->min_rtt_us[0]
		       : rack->min_rtt_us[1];
}

static void update_min_rtt(struct tcp_rack *rack, uint32_t rtt_us, uint32_t now_s)
{
	if (now_s - rack->min_rtt_s > MIN_RTT_PERIOD_S) {
		rack->min_rtt_us[1] = rack->min_rtt_us[0];
		rack->min_rtt_us[0] = 0;
		rack->min_rtt_s = now_s;
	}
	if (rack->min_rtt_us[0] == 0 || rtt_us < rack->min_rtt_us[0]) {
		rack->min_rtt_us[0] = rtt_us;
	}
}

/* It is the acknowledgement of an earlier copy (step 2): the echo or the time says so. */
static bool of_earlier_copy(const struct tcp_conn *conn, const struct tcp_delivery *delivery,
			    const struct tcp_transmission *record, uint32_t rtt_us)
{
	if (!record->ambiguous) {
		return false;
	}
	if (conn->flags & TCP_CONN_TIMESTAMPS &&
	    seq_lt(delivery->tsecr, delivery_timestamp(conn, record))) {
		return true;
	}
	return rtt_us < rack_min_rtt_us(&conn->sender->rack);
}

uint32_t rack_fack(const struct tcp_conn *conn)
{
	const struct tcp_rack *rack = &conn->sender->rack;

	return rack->valid ? seq_max(rack->fack, conn->snd_una) : conn->snd_una;
}

/*
 * 6.2 step 3. What one acknowledgement tells arrived in an order that it does not tell: only what
 * lies below what earlier ones told came late.
 */
static void detect_reordering(struct tcp_rack *rack, const struct tcp_delivery *delivery,
			      const struct tcp_transmission *record)
{
	if (!rack->valid || seq_gt(record->end, rack->fack)) {
		rack->fack = record->end;
	}
	if (seq_lt(record->end, delivery->fack_before) && !record->ambiguous) {
		rack->reordering_seen = true;
	}
}

void rack_delivered(struct tcp_conn *conn, const struct tcp_delivery *delivery,
		    const struct tcp_transmission *record)
{
	struct tcp_rack *rack = &conn->sender->rack;
	uint32_t rtt_us = now_us(conn) - record->sent_us;

	if (!record->ambiguous) {
		update_min_rtt(rack, rtt_us > 0 ? rtt_us : 1, stack_seconds(conn->stack));
	}
	detect_reordering(rack, delivery, record);
	if (of_earlier_copy(conn, delivery, record, rtt_us)) {
		return;
	}
	if (!rack->valid ||
	    sent_after(record->sent_us, record->end, rack->sent_us, rack->end_seq)) {
		rack->valid = true;
		rack->sent_us = record->sent_us;
		rack->end_seq = record->end;
		rack->rtt_us = rtt_us;
	}
}

/* Once in a round trip. */
void rack_was_hasty(struct tcp_conn *conn)
{
	struct tcp_rack *rack = &conn->sender->rack;

	if (rack->in_dsack_round) {
		return;
	}
	rack->in_dsack_round = true;
	rack->dsack_round = conn->snd_max;
	if (rack->reo_wnd_mult < UINT8_MAX) {
		rack->reo_wnd_mult++;
	}
	rack->reo_wnd_persist = PERSIST;
}

void rack_adapt(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	struct tcp_rack *rack = &conn->sender->rack;

	if (rack->in_dsack_round && seq_ge(conn->snd_una, rack->dsack_round)) {
		rack->in_dsack_round = false;
	}
	/* The probe's second copy tells nothing about order. */
	if (delivery->dsack &&
	    !(conn->sender->tlp.sent && delivery->duplicate.end == conn->sender->tlp.end_seq)) {
		rack_was_hasty(conn);
	}
}

void rack_recovery_ended(struct tcp_rack *rack)
{
	if (rack->reo_wnd_persist > 0 && --rack->reo_wnd_persist == 0) {
		rack->reo_wnd_mult = 0;
	}
}

/* Have three segments been reported? Or three times something, where segments are small. */
static bool dup_thresh(const struct tcp_conn *conn)
{
	return conn->sender->board.sacked_bytes > (DUP_THRESH - 1U) * conn->mss ||
	       conn->dup_acks >= DUP_THRESH;
}

static uint32_t reo_wnd_us(const struct tcp_conn *conn)
{
	const struct tcp_rack *rack = &conn->sender->rack;
	uint64_t wnd;

	if (!rack->reordering_seen &&
	    (conn->sender->phase != TCP_SENDER_OPEN || dup_thresh(conn))) {
		return 0;
	}
	wnd = (uint64_t)rack_min_rtt_us(rack) / 4;
	wnd *= rack->reo_wnd_mult + 1ULL;
	return wnd < conn->srtt_us ? (uint32_t)wnd : conn->srtt_us;
}

uint32_t rack_detect_loss(struct tcp_conn *conn, uint32_t *wait_us)
{
	struct tcp_scoreboard *board = &conn->sender->board;
	const struct tcp_rack *rack = &conn->sender->rack;
	uint32_t limit = rack->rtt_us + reo_wnd_us(conn);
	struct tcp_transmission *record = scoreboard_oldest(board);
	uint32_t before = board->lost_bytes;

	*wait_us = 0;
	while (rack->valid && record != NULL && seq_le(record->sent_us, rack->sent_us)) {
		struct tcp_transmission *later = scoreboard_later(board, record);
		uint32_t age = now_us(conn) - record->sent_us;

		if (sent_after(rack->sent_us, rack->end_seq, record->sent_us, record->end)) {
			if (age >= limit) {
				scoreboard_mark_lost(board, record);
			} else if (limit - age > *wait_us) {
				*wait_us = limit - age;
			}
		}
		record = later;
	}
	return board->lost_bytes - before;
}

/* The first segment that is not acknowledged, and what was sent too long ago. */
uint32_t rack_mark_at_timeout(struct tcp_conn *conn)
{
	struct tcp_scoreboard *board = &conn->sender->board;
	uint32_t limit = conn->sender->rack.rtt_us + reo_wnd_us(conn);
	struct tcp_transmission *record = scoreboard_oldest(board);
	uint32_t before = board->lost_bytes;

	while (record != NULL) {
		struct tcp_transmission *later = scoreboard_later(board, record);

		if (record->start == conn->snd_una || now_us(conn) - record->sent_us >= limit) {
			scoreboard_mark_lost(board, record);
		}
		record = later;
	}
	return board->lost_bytes - before;
}
