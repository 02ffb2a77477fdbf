#include "output.h"

#include <stddef.h>

#include <rte_mbuf.h>

#include "congestion.h"
#include "ecn.h"
#include "packet.h"
#include "payload.h"
#include "pmtu.h"
#include "recovery.h"
#include "reply.h"
#include "rto.h"
#include "sender.h"
#include "stack.h"
#include "trace.h"
#include "window.h"

/* With headers and options it fits the length field of IPv4. */
#define LARGE_MAX 65400U

/* One segment that is to be sent. */
struct plan {
	uint32_t seq;
	uint32_t len;
	bool fin;
	bool probe; /* beyond the window: the connection's variables do not count it */
	bool tail;  /* a tail loss probe */
	/* Payload of a segment, where there are several for the port to cut; 0: it is one. */
	uint16_t segment;
};

static void fill_options(struct tcp_conn *conn, struct tcp_options *opt)
{
	uint32_t max = conn->flags & TCP_CONN_TIMESTAMPS ? 3 : TCP_SACK_BLOCKS;

	if (conn->flags & TCP_CONN_TIMESTAMPS) {
		opt->flags |= TCP_OPT_TIMESTAMPS;
		opt->tsval = stack_timestamp(conn->stack, conn->ts_offset);
		opt->tsecr = conn->ts_recent;
	}
	if (!(conn->flags & TCP_CONN_SACK)) {
		return;
	}
	if (conn->flags & TCP_CONN_DUPLICATE_SEEN) {
		opt->sack[opt->sack_count++] = conn->dsack; /* RFC 2883 4: first, and once */
	}
	if (conn->side != NULL) {
		opt->sack_count += ooo_sack_blocks(&conn->side->ooo, &opt->sack[opt->sack_count],
						   max - opt->sack_count);
	}
}

/* Every segment acknowledges: what was due is done. */
static void acknowledged(struct tcp_conn *conn)
{
	conn->rcv_acked = conn->rcv_nxt;
	conn->ack_at_us = 0;
	conn->flags &=
		~(uint32_t)(TCP_CONN_ACK_PENDING | TCP_CONN_ACK_NOW | TCP_CONN_DUPLICATE_SEEN);
}

static struct rte_mbuf *build(struct tcp_conn *conn, struct tcp_header *header, uint32_t len)
{
	struct tcp_stack *stack = conn->stack;
	struct rte_mbuf *packet = packet_begin(stack, header);

	if (packet == NULL) {
		return NULL;
	}
	if (len > 0 && payload_attach(conn, packet, header->seq, len) < 0) {
		rte_pktmbuf_free(packet);
		return NULL;
	}
	packet_end(stack, packet, header);
	return packet;
}

static struct rte_mbuf *build_segment(struct tcp_conn *conn, const struct plan *plan, uint8_t flags,
				      enum ecn_codepoint ecn)
{
	struct tcp_header header = {.key = &conn->key,
				    .seq = plan->seq,
				    .ack = conn->rcv_nxt,
				    .wnd = window_field(conn),
				    .flags = flags | TCP_ACK | ecn_echo(conn),
				    .ecn = (uint8_t)ecn,
				    .segment = plan->segment};
	struct rte_mbuf *packet;

	fill_options(conn, &header.opt);
	packet = build(conn, &header, plan->len);
	if (packet != NULL) {
		acknowledged(conn);
	}
	return packet;
}

/* SYN, or SYN-ACK of a simultaneous open. */
static struct rte_mbuf *build_syn(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	bool reply = conn->state == TCP_SYN_RECEIVED_STATE;
	struct tcp_header header = {.key = &conn->key,
				    .seq = conn->iss,
				    .ack = reply ? conn->rcv_nxt : 0,
				    .wnd = window_initial(stack),
				    .flags = TCP_SYN | (reply ? TCP_ACK : ecn_ask(conn))};

	header.opt.flags = TCP_OPT_MSS;
	header.opt.mss = stack->mss[!tcp_key_is_v4(&conn->key)];
	if (!reply || conn->flags & TCP_CONN_SACK) {
		header.opt.flags |= TCP_OPT_SACK_PERMITTED;
	}
	if (!reply || conn->flags & TCP_CONN_WSCALE) {
		header.opt.flags |= TCP_OPT_WSCALE;
		header.opt.wscale = stack->wscale;
	}
	if (!reply || conn->flags & TCP_CONN_TIMESTAMPS) {
		header.opt.flags |= TCP_OPT_TIMESTAMPS;
		header.opt.tsval = stack_timestamp(stack, conn->ts_offset);
		header.opt.tsecr = conn->ts_recent;
	}
	return build(conn, &header, 0);
}

/* Payload that fits a segment beside the SACK blocks that it will carry. */
static uint32_t segment_room(struct tcp_conn *conn)
{
	struct tcp_options opt = {0};
	uint32_t sack;

	fill_options(conn, &opt);
	sack = opt.sack_count > 0 ? 4 + 8 * opt.sack_count : 0;
	return conn->mss > sack + 8 ? conn->mss - sack : 8;
}

static bool fin_follows(const struct tcp_conn *conn, uint32_t seq)
{
	return conn->flags & TCP_CONN_FIN_QUEUED && seq == send_queue_end(&conn->send);
}

/* RFC 9293 3.8.6.1: one byte (or the FIN) beyond the closed window. */
static bool plan_probe(struct tcp_conn *conn, struct plan *plan)
{
	uint32_t len = conn->send.bytes > 0 ? 1 : 0;
	bool fin = len == 0 && fin_follows(conn, conn->snd_una);

	if (!(conn->flags & TCP_CONN_PROBE_DUE) || conn->snd_wnd > 0 || (len == 0 && !fin)) {
		return false;
	}
	*plan = (struct plan){.seq = conn->snd_una, .len = len, .fin = fin, .probe = true};
	return true;
}

/* [seq, end) of what was sent before, as much as fits; its FIN too when that is reached. */
static bool plan_again(struct tcp_conn *conn, struct plan *plan, uint32_t seq, uint32_t end)
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
static bool plan_retransmit(struct tcp_conn *conn, struct plan *plan)
{
	if (!(conn->flags & TCP_CONN_RETRANSMIT) || conn->snd_una == conn->snd_max) {
		return false;
	}
	return plan_again(conn, plan, conn->snd_una, conn->snd_max);
}

/* RFC 6675 NextSeg rule 1: what is lost goes first, and one segment whatever cwnd is. */
static bool plan_lost(struct tcp_conn *conn, struct plan *plan)
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
static bool plan_in_window(struct tcp_conn *conn, struct plan *plan, uint32_t want)
{
	plan->seq = conn->snd_nxt;
	plan->len = window_allows(conn, plan->seq, want);
	plan->fin = fin_follows(conn, plan->seq + plan->len) &&
		    seq_gt(conn->snd_una + conn->snd_wnd, plan->seq + plan->len);
	return plan->len > 0 || plan->fin;
}

/* New data, or without a scoreboard after a timeout old data again, at snd_nxt. */
static bool plan_next(struct tcp_conn *conn, struct plan *plan)
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
static bool plan_tail_probe(struct tcp_conn *conn, struct plan *plan)
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
static uint32_t allowed(const struct tcp_conn *conn, const struct plan *plan)
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
static void plan_large(struct tcp_conn *conn, struct plan *plan)
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
	len = len == queued ? len : len - len % room;
	if (len > room) {
		plan->len = len;
		plan->segment = (uint16_t)room;
		plan->fin = fin_follows(conn, plan->seq + len) &&
			    seq_gt(conn->snd_una + conn->snd_wnd, plan->seq + len);
	}
}

static bool make_plan(struct tcp_conn *conn, struct plan *plan)
{
	*plan = (struct plan){0};
	if (plan_probe(conn, plan) || plan_retransmit(conn, plan) || plan_tail_probe(conn, plan) ||
	    plan_lost(conn, plan)) {
		return true;
	}
	*plan = (struct plan){0};
	if (!plan_next(conn, plan)) {
		return false;
	}
	if (conn->stack->tso) {
		plan_large(conn, plan);
	}
	return true;
}

static void commit_probe(struct tcp_conn *conn)
{
	conn->flags &= ~(uint32_t)(TCP_CONN_PROBE_DUE | TCP_CONN_OVERRIDE_SWS);
	/* Unless the byte is in flight anyway, its acknowledgement is one beyond snd_max. */
	if (conn->snd_max == conn->snd_una) {
		conn->flags |= TCP_CONN_PROBED;
	}
	tcp_count(conn->stack, zero_window_probes);
	tcp_trace(conn, window_probe, conn->snd_una, conn->backoff);
}

/* What a timeout or its recovery sends, a probe, what is at snd_una, or a hole that SACK showed. */
static enum tcp_retransmit_reason retransmit_reason(const struct tcp_conn *conn,
						    const struct plan *plan)
{
	if (plan->tail) {
		return TCP_RETRANSMIT_PROBE;
	}
	if (!recovery_is_fast(conn)) {
		return TCP_RETRANSMIT_TIMEOUT;
	}
	return plan->seq == conn->snd_una ? TCP_RETRANSMIT_FIRST : TCP_RETRANSMIT_HOLE;
}

static void commit_retransmit(struct tcp_conn *conn, const struct plan *plan)
{
	tcp_trace(conn, retransmit, plan->seq, retransmit_reason(conn, plan));
	conn->retransmits++;
	tcp_count(conn->stack, retransmits);
	/* Karn: what is acknowledged now may have been sent twice. */
	conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
}

static void commit(struct tcp_conn *conn, const struct plan *plan)
{
	uint32_t end = plan->seq + plan->len + (plan->fin ? 1 : 0);
	uint64_t now = conn->stack->now_us;
	bool is_new = !seq_lt(plan->seq, conn->snd_max);

	tcp_trace(conn, tx_data, plan->seq, plan->len);
	conn->tx_bytes += plan->len;
	tcp_count_add(conn->stack, tx_bytes, plan->len);
	if (plan->probe) {
		commit_probe(conn);
		return;
	}
	if (conn->snd_una == conn->snd_max) {
		conn->progress_us = now; /* the user timeout counts from here */
		sender_begin(conn);
	}
	if (!is_new) {
		commit_retransmit(conn, plan);
	} else if (!(conn->flags & TCP_CONN_RTT_TIMED)) {
		conn->flags |= TCP_CONN_RTT_TIMED;
		conn->rtt_seq = end;
		conn->rtt_sent_us = now;
	}
	conn->flags &=
		~(uint32_t)(TCP_CONN_RETRANSMIT | TCP_CONN_OVERRIDE_SWS | TCP_CONN_PROBE_DUE);
	if (plan->seq == conn->snd_nxt) {
		conn->snd_nxt = end;
	}
	conn->snd_max = seq_max(conn->snd_max, end);
	conn->last_tx_us = now;
	persist_stop(conn);
	recovery_sent(conn, plan->seq, end, is_new, plan->tail);
}

static struct rte_mbuf *send_planned(struct tcp_conn *conn, const struct plan *plan)
{
	uint32_t end = plan->seq + plan->len;
	uint8_t flags = plan->fin ? TCP_FIN : 0;
	enum ecn_codepoint ecn = ECN_NOT_ECT;
	struct rte_mbuf *packet;

	if (plan->len > 0 && !plan->probe && plan->seq == conn->snd_max) {
		ecn = ecn_mark(conn, &flags);
	}
	if (plan->len > 0 && end == send_queue_end(&conn->send)) {
		flags |= TCP_PSH;
	}
	packet = build_segment(conn, plan, flags, ecn);
	if (packet != NULL) {
		commit(conn, plan);
		ecn_sent(conn, flags);
		pmtu_sent(conn, packet->pkt_len, end);
	}
	return packet;
}

static bool synchronized(const struct tcp_conn *conn)
{
	return conn->state >= TCP_ESTABLISHED_STATE;
}

/*
 * A segment without payload: it is sent from the highest number, which is in the peer's window
 * unless the peer took some of that back.
 */
static struct rte_mbuf *send_bare(struct tcp_conn *conn)
{
	bool keepalive = conn->flags & TCP_CONN_KEEPALIVE_DUE;
	struct plan bare = {.seq = keepalive ? conn->snd_una - 1 : conn->snd_max};
	struct rte_mbuf *packet;

	if (synchronized(conn)) {
		bare.seq = seq_min(bare.seq, conn->snd_una + conn->snd_wnd);
	}
	packet = build_segment(conn, &bare, 0, ECN_NOT_ECT);
	if (packet != NULL) {
		tcp_trace(conn, tx_ack, conn->rcv_nxt, conn->rcv_adv - conn->rcv_nxt);
	}
	if (packet != NULL && keepalive) {
		tcp_count(conn->stack, keepalive_probes);
		conn->flags &= ~(uint32_t)TCP_CONN_KEEPALIVE_DUE;
	}
	return packet;
}

void output_ack(struct tcp_conn *conn)
{
	struct rte_mbuf *packet = NULL;

	if (conn->stack->replies.count < TCP_REPLIES_MAX) {
		packet = send_bare(conn);
	}
	if (packet != NULL) {
		reply_put(conn->stack, packet);
	}
}

/* Sets `packet` to the next packet; false when there is nothing to send. */
static bool send_next(struct tcp_conn *conn, struct rte_mbuf **packet)
{
	struct plan plan;

	if (conn->flags & TCP_CONN_SYN_DUE) {
		*packet = build_syn(conn);
		if (*packet != NULL) {
			conn->flags &= ~(uint32_t)TCP_CONN_SYN_DUE;
		}
		return true;
	}
	if (synchronized(conn) && make_plan(conn, &plan)) {
		*packet = send_planned(conn, &plan);
		return true;
	}
	if (conn->flags & TCP_CONN_KEEPALIVE_DUE ||
	    (conn->flags & TCP_CONN_ACK_NOW && conn->state != TCP_SYN_SENT_STATE)) {
		*packet = send_bare(conn);
		return true;
	}
	return false;
}

enum output_result output_conn(struct tcp_conn *conn, struct rte_mbuf **packets, uint16_t max,
			       uint16_t *count)
{
	*count = 0;
	while (*count < max) {
		struct rte_mbuf *packet = NULL;

		if (!send_next(conn, &packet)) {
			return OUTPUT_DONE;
		}
		if (packet == NULL) {
			return OUTPUT_NO_MBUF;
		}
		packets[(*count)++] = packet;
	}
	return OUTPUT_MORE;
}
