#include "delivery.h"

#include <string.h>

#include "rto.h"
#include "segment.h"
#include "sender.h"
#include "seq.h"
#include "stack.h"
#include "trace.h"

/* RFC 2883 4: the first block, when it is below the acknowledgement or inside the second. */
static bool is_dsack(const struct tcp_segment *seg)
{
	const struct tcp_sack_block *first = &seg->opt.sack[0];
	const struct tcp_sack_block *second = &seg->opt.sack[1];

	if (seg->opt.sack_count == 0 || !seq_lt(first->start, first->end)) {
		return false;
	}
	return seq_le(first->end, seg->ack) ||
	       (seg->opt.sack_count > 1 && seq_ge(first->start, second->start) &&
		seq_le(first->end, second->end));
}

void delivery_init(struct tcp_delivery *delivery, struct tcp_conn *conn,
		   const struct tcp_segment *seg)
{
	*delivery = (struct tcp_delivery){
		.conn = conn,
		.dsack = is_dsack(seg),
		.duplicate = seg->opt.sack[0],
		.tsecr = seg->opt.tsecr,
		.una_before = conn->snd_una,
		.flight_before = seq_span(conn->snd_una, conn->snd_nxt),
		.sacked_before = conn->sender != NULL ? conn->sender->board.sacked_bytes : 0,
		.fack_before = conn->sender != NULL ? rack_fack(conn) : conn->snd_una,
	};
	if (delivery->dsack) {
		conn->rx_dsacks++;
		tcp_trace(conn, rx_dsack, seg->opt.sack[0].start, seg->opt.sack[0].end);
	}
}

uint32_t delivery_timestamp(const struct tcp_conn *conn, const struct tcp_transmission *record)
{
	uint64_t now = conn->stack->now_us;
	uint32_t age = (uint32_t)now - record->sent_us;

	return (uint32_t)((now - age) / 1000) + conn->ts_offset;
}

static void note(struct tcp_delivery *delivery, const struct tcp_transmission *record)
{
	struct tcp_conn *conn = delivery->conn;

	delivery->bytes += record->end - record->start;
	/* F-RTO (RFC 5682 3.1): of what was in flight at the timeout, and not sent again since. */
	if (!record->ambiguous && seq_le(record->end, conn->recover)) {
		delivery->original = true;
	}
	rack_delivered(conn, delivery, record);
}

static uint32_t elapsed_us(const struct tcp_conn *conn, const struct tcp_transmission *record)
{
	uint32_t us = (uint32_t)conn->stack->now_us - record->sent_us;

	return us > 0 ? us : 1;
}

static void note_sacked(void *context, const struct tcp_transmission *record)
{
	struct tcp_delivery *delivery = context;
	uint32_t us = elapsed_us(delivery->conn, record);

	delivery->reported = true;
	if (!record->ambiguous && (delivery->sack_rtt_us == 0 || us < delivery->sack_rtt_us)) {
		delivery->sack_rtt_us = us;
	}
	note(delivery, record);
}

static void note_acked(void *context, const struct tcp_transmission *record)
{
	struct tcp_delivery *delivery = context;
	uint32_t us = elapsed_us(delivery->conn, record);

	if (record->ambiguous) {
		delivery->resent = true;
	} else if (us > delivery->rtt_us) {
		delivery->rtt_us = us;
	}
	note(delivery, record);
}

/* What the blocks of the acknowledgement before told is not searched for again. */
static uint32_t skip_known(const struct tcp_sender *sender, const struct tcp_sack_block *block)
{
	for (uint32_t i = 0; i < sender->seen_count; i++) {
		if (sender->seen[i].start == block->start &&
		    seq_le(sender->seen[i].end, block->end)) {
			return sender->seen[i].end;
		}
	}
	return block->start;
}

static bool take_block(struct tcp_delivery *delivery, const struct tcp_segment *seg,
		       const struct tcp_sack_block *block)
{
	struct tcp_conn *conn = delivery->conn;
	uint32_t start = seq_max(block->start, seq_max(seg->ack, conn->snd_una));

	/* Beyond snd_max was never sent; a block that ends below is a D-SACK, or old. */
	if (seq_le(block->end, start) || seq_gt(block->end, conn->snd_max) ||
	    seq_lt(block->start, conn->snd_una)) {
		return true;
	}
	start = seq_max(start, skip_known(conn->sender, block));
	return start == block->end || !conn->sender->recording ||
	       scoreboard_sack(&conn->sender->board, start, block->end, note_sacked, delivery);
}

void delivery_sack(struct tcp_delivery *delivery, const struct tcp_segment *seg)
{
	struct tcp_sender *sender = delivery->conn->sender;
	bool whole = true;

	/* More duplicates than retransmissions: the network makes them (RFC 3708 3). */
	delivery->dsack =
		delivery->dsack && delivery->conn->rx_dsacks <= delivery->conn->retransmits;
	for (uint32_t i = 0; i < seg->opt.sack_count; i++) {
		whole = take_block(delivery, seg, &seg->opt.sack[i]) && whole;
	}
	sender->seen_count = whole ? (uint8_t)seg->opt.sack_count : 0;
	memcpy(sender->seen, seg->opt.sack, sizeof(sender->seen));
}

void delivery_ack(struct tcp_delivery *delivery)
{
	struct tcp_conn *conn = delivery->conn;

	delivery->advanced = true;
	scoreboard_ack(&conn->sender->board, conn->snd_una, note_acked, delivery);
}

uint32_t delivery_echo_us(const struct tcp_delivery *delivery)
{
	const struct tcp_conn *conn = delivery->conn;
	uint32_t ms = stack_timestamp(conn->stack, conn->ts_offset) - delivery->tsecr;

	if (!(conn->flags & TCP_CONN_TIMESTAMPS) || !delivery->advanced || delivery->dsack ||
	    ms > RTO_MAX_US / 1000) {
		return 0;
	}
	return ms > 0 ? ms * 1000 : 500;
}

uint32_t delivery_rtt_us(const struct tcp_delivery *delivery)
{
	if (delivery->rtt_us != 0 && !delivery->resent) {
		return delivery->rtt_us;
	}
	if (delivery->sack_rtt_us != 0) {
		return delivery->sack_rtt_us;
	}
	return delivery_echo_us(delivery);
}
