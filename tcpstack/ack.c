#include "ack.h"

#include "delivery.h"
#include "ecn.h"
#include "pmtu.h"
#include "recovery.h"
#include "rto.h"
#include "segment.h"
#include "sender.h"
#include "stack.h"
#include "trace.h"

static uint32_t segment_window(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	/* RFC 7323 2.2: the window of a SYN is never scaled. */
	return seg->flags & TCP_SYN ? seg->wnd : (uint32_t)seg->wnd << conn->snd_wscale;
}

void ack_set_window(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	conn->snd_wnd = segment_window(conn, seg);
	conn->snd_wnd_max = conn->snd_wnd > conn->snd_wnd_max ? conn->snd_wnd : conn->snd_wnd_max;
	conn->snd_wl1 = seg->seq;
	conn->snd_wl2 = seg->ack;
}

static void trace_peer_window(struct tcp_conn *conn, uint32_t before)
{
	if (conn->snd_wnd == 0 && before > 0) {
		tcp_trace(conn, peer_window_closed, conn->snd_una, conn->send.bytes);
	} else if (conn->snd_wnd > 0 && before == 0) {
		tcp_trace(conn, peer_window_opened, conn->snd_una, conn->snd_wnd);
	}
}

/*
 * RFC 9293 3.10.7.4 asks SND.WL1 first. But a retransmission that acknowledges more than anything
 * before has an old sequence number and the newest window: without it SND.UNA would move the right
 * edge to where the peer never saw it.
 */
static bool window_is_newer(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	return seq_ge(seg->ack, conn->snd_una) &&
	       (seq_gt(seg->ack, conn->snd_wl2) || seq_ge(seg->seq, conn->snd_wl1));
}

static void update_window(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	uint32_t before = conn->snd_wnd;

	if (!window_is_newer(conn, seg)) {
		return;
	}
	ack_set_window(conn, seg);
	trace_peer_window(conn, before);
	if (conn->snd_wnd > before) {
		persist_stop(conn);
		conn_dirty(conn);
	}
}

bool ack_in_range(const struct tcp_conn *conn, uint32_t ack)
{
	uint32_t limit = conn->snd_max + (conn->flags & TCP_CONN_PROBED ? 1 : 0);

	return seq_le(ack, limit) && seq_ge(ack, conn->snd_una - conn->snd_wnd_max);
}

/* RFC 5681 section 2; where SACK is spoken, a duplicate reports something (RFC 6675 section 2). */
static bool is_duplicate(const struct tcp_conn *conn, const struct tcp_segment *seg)
{
	return seg->ack == conn->snd_una && seg->len == 0 && !(seg->flags & TCP_FIN) &&
	       conn->snd_una != conn->snd_max && segment_window(conn, seg) == conn->snd_wnd &&
	       (seg->opt.sack_count > 0) == ((conn->flags & TCP_CONN_SACK) != 0);
}

/*
 * Without a scoreboard one segment is timed at a time, never a retransmitted one (Karn); after a
 * timeout the echo may tell that the second copy was answered (RFC 7323 4).
 */
static void measure_rtt(struct tcp_conn *conn, struct tcp_delivery *delivery)
{
	if (!delivery->advanced) {
		return;
	}
	if (conn->flags & TCP_CONN_RTT_TIMED && seq_ge(conn->snd_una, conn->rtt_seq)) {
		uint64_t rtt_us = conn->stack->now_us - conn->rtt_sent_us;

		delivery->rtt_us = rtt_us < RTO_MAX_US ? (uint32_t)rtt_us : RTO_MAX_US;
		conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
		rto_sample(conn, delivery->rtt_us);
	} else if (conn->backoff > 0 && seq_ge(delivery->tsecr, conn->timeout_ts)) {
		uint32_t rtt_us = delivery_echo_us(delivery);

		if (rtt_us != 0) {
			rto_sample(conn, rtt_us);
		}
	}
}

static void take_rtt(struct tcp_conn *conn, struct tcp_delivery *delivery)
{
	uint32_t rtt_us;

	if (!sender_recording(conn)) {
		measure_rtt(conn, delivery);
		return;
	}
	rtt_us = delivery_rtt_us(delivery);
	if (rtt_us != 0) {
		rto_sample(conn, rtt_us);
	}
}

/*
 * Karn's second rule (RFC 6298 5): the timeout stays backed off until a round-trip time is measured
 * (rto_sample()), else a path slower than the timeout would never be. An echo from after the
 * timeout shows that the second copy was answered: then the first was lost, not late. So does a
 * report of a duplicate, when it comes with what it acknowledges: an acknowledgement was lost. A
 * path that is slow would have answered the first copy first.
 */
static void end_backoff(struct tcp_conn *conn, const struct tcp_delivery *delivery)
{
	uint64_t since_us = conn->stack->now_us - conn->last_tx_us;
	bool echoed =
		conn->flags & TCP_CONN_TIMESTAMPS && seq_ge(delivery->tsecr, conn->timeout_ts);

	if (echoed || (delivery->dsack && since_us >= conn->srtt_us / 2)) {
		conn->backoff = 0;
	}
}

static void note_writable(struct tcp_conn *conn)
{
	if (conn->flags & TCP_CONN_SEND_REFUSED && conn_is_writable(conn)) {
		conn->flags &= ~(uint32_t)TCP_CONN_SEND_REFUSED;
		conn->flags |= TCP_CONN_WRITABLE;
		conn_touch(conn);
	}
}

static void acknowledge_fin(struct tcp_conn *conn)
{
	conn_event(conn, TCP_EVENT_RECEIVE_ACK_OF_FIN);
	conn->close_reason = TCP_CLOSE_NORMAL;
	conn_touch(conn); /* CLOSED and TIME_WAIT end at the end of the burst */
	if (conn->state == TCP_FIN_WAIT_2_STATE) {
		conn->life_at_us = conn->stack->now_us + conn->stack->config.fin_wait_ms * 1000ULL;
		conn_arm(conn, conn->life_at_us);
	}
}

static void advance(struct tcp_conn *conn, const struct tcp_segment *seg,
		    struct tcp_delivery *delivery)
{
	uint32_t payload = seq_span(conn->send.start, seg->ack);

	send_queue_ack(&conn->send, payload < conn->send.bytes ? payload : conn->send.bytes);
	delivery->advanced = true;
	conn->snd_una = seg->ack;
	conn->snd_nxt = seq_max(conn->snd_nxt, conn->snd_una);
	conn->snd_max = seq_max(conn->snd_max, conn->snd_una);
	conn->flags &= ~(uint32_t)(TCP_CONN_PROBED | TCP_CONN_TIMED_OUT);
	if (sender_recording(conn)) {
		delivery_ack(delivery);
	} else {
		delivery->bytes = conn->snd_una - delivery->una_before;
	}
	pmtu_acked(conn);
	ecn_acked(conn);
	conn->progress_us = conn->stack->now_us;
}

/* All that was sent is acknowledged: nothing is left to probe for. */
static void end_persist(struct tcp_conn *conn)
{
	if (conn->flags & TCP_CONN_PERSIST && conn->send.bytes == 0 &&
	    conn->snd_una == conn->snd_max) {
		persist_stop(conn);
	}
}

/* Something is in flight, or the segment tells of what was. */
static void take_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	bool duplicate = is_duplicate(conn, seg);
	bool fin = conn->flags & TCP_CONN_FIN_QUEUED &&
		   seq_span(conn->send.start, seg->ack) > conn->send.bytes;
	struct tcp_delivery delivery;

	delivery_init(&delivery, conn, seg);
	if (conn->sender != NULL && seg->opt.sack_count > 0) {
		delivery_sack(&delivery, seg);
	}
	if (seq_gt(seg->ack, conn->snd_una)) {
		advance(conn, seg, &delivery);
	}
	take_rtt(conn, &delivery);
	if (delivery.advanced) {
		end_backoff(conn, &delivery);
	}
	recovery_acked(conn, &delivery, duplicate);
	if (!delivery.advanced) {
		return;
	}
	tcp_trace(conn, rx_acked, conn->snd_una, conn->cwnd);
	end_persist(conn);
	note_writable(conn);
	if (fin) {
		acknowledge_fin(conn);
	}
	conn_dirty(conn);
}

void ack_process(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (seg->flags & TCP_ECE) {
		ecn_echoed(conn, seg);
	}
	if (seg->ack != conn->snd_una || conn->snd_una != conn->snd_max ||
	    seg->opt.sack_count > 0) {
		take_ack(conn, seg);
	}
	update_window(conn, seg);
}
