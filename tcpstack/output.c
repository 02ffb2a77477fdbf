#include "output.h"

#include <stddef.h>

#include <rte_mbuf.h>

#include "ecn.h"
#include "packet.h"
#include "payload.h"
#include "plan.h"
#include "pmtu.h"
#include "recovery.h"
#include "reply.h"
#include "rto.h"
#include "sender.h"
#include "stack.h"
#include "trace.h"
#include "window.h"

/* What arrived twice may have been dropped since: then it is not to be reported as if it were here.
 */
static bool still_here(const struct tcp_conn *conn, const struct tcp_sack_block *block)
{
	return seq_le(block->end, conn->rcv_nxt) ||
	       (conn->side != NULL &&
		ooo_holds(&conn->side->ooo, seq_max(block->start, conn->rcv_nxt), block->end));
}

void output_options(struct tcp_conn *conn, struct tcp_options *opt)
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
	if (conn->flags & TCP_CONN_DUPLICATE_SEEN && still_here(conn, &conn->dsack)) {
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

static struct rte_mbuf *build_segment(struct tcp_conn *conn, const struct tcp_plan *plan,
				      uint8_t flags, enum ecn_codepoint ecn)
{
	struct tcp_header header = {.key = &conn->key,
				    .seq = plan->seq,
				    .ack = conn->rcv_nxt,
				    .wnd = window_field(conn),
				    .flags = flags | TCP_ACK | ecn_echo(conn),
				    .ecn = (uint8_t)ecn,
				    .segment = plan->segment};
	struct rte_mbuf *packet;

	output_options(conn, &header.opt);
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
						    const struct tcp_plan *plan)
{
	if (plan->tail) {
		return TCP_RETRANSMIT_PROBE;
	}
	if (!recovery_is_fast(conn)) {
		return TCP_RETRANSMIT_TIMEOUT;
	}
	return plan->seq == conn->snd_una ? TCP_RETRANSMIT_FIRST : TCP_RETRANSMIT_HOLE;
}

static void commit_retransmit(struct tcp_conn *conn, const struct tcp_plan *plan)
{
	tcp_trace(conn, retransmit, plan->seq, retransmit_reason(conn, plan));
	conn->retransmits++;
	tcp_count(conn->stack, retransmits);
	/* Karn: what is acknowledged now may have been sent twice. */
	conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
}

static void commit(struct tcp_conn *conn, const struct tcp_plan *plan)
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

static struct rte_mbuf *send_planned(struct tcp_conn *conn, const struct tcp_plan *plan)
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
	struct tcp_plan bare = {.seq = keepalive ? conn->snd_una - 1 : conn->snd_max};
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
	struct tcp_plan plan;

	if (conn->flags & TCP_CONN_SYN_DUE) {
		*packet = build_syn(conn);
		if (*packet != NULL) {
			conn->flags &= ~(uint32_t)TCP_CONN_SYN_DUE;
		}
		return true;
	}
	if (synchronized(conn) && plan_make(conn, &plan)) {
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
