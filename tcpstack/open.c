#include "open.h"

#include <errno.h>

#include "ack.h"
#include "close.h"
#include "congestion.h"
#include "ecn.h"
#include "packet.h"
#include "reply.h"
#include "rto.h"
#include "stack.h"
#include "timeout.h"
#include "trace.h"
#include "tune.h"
#include "window.h"

#define QUICK_ACKS     16
#define MSS_DEFAULT_V4 536  /* RFC 9293 3.7.1 */
#define MSS_DEFAULT_V6 1220 /* RFC 9293 3.7.1 */
/* Below this a peer makes us pay more for headers than for payload: it gets larger segments. */
#define MSS_MIN        48
#define PORT_FIRST     32768U
#define PORT_COUNT     28232U

uint16_t open_peer_mss(const struct tcp_stack *stack, const struct tcp_key *key,
		       const struct tcp_options *opt)
{
	bool v4 = tcp_key_is_v4(key);
	uint16_t ours = stack->mss[!v4];
	uint16_t mss = v4 ? MSS_DEFAULT_V4 : MSS_DEFAULT_V6;

	if (opt->flags & TCP_OPT_MSS) {
		mss = opt->mss < MSS_MIN ? MSS_MIN : opt->mss;
	}
	return mss < ours ? mss : ours;
}

unsigned int open_syn_flags(const struct tcp_options *opt)
{
	unsigned int flags = 0;

	flags |= opt->flags & TCP_OPT_WSCALE ? TCP_SYN_WSCALE : 0;
	flags |= opt->flags & TCP_OPT_SACK_PERMITTED ? TCP_SYN_SACK : 0;
	flags |= opt->flags & TCP_OPT_TIMESTAMPS ? TCP_SYN_TIMESTAMPS : 0;
	return flags;
}

/* What does not depend on the peer. */
static void setup(struct tcp_conn *conn, uint32_t iss)
{
	struct tcp_stack *stack = conn->stack;

	conn->iss = iss;
	conn->snd_una = iss;
	conn->snd_nxt = iss + 1;
	conn->snd_max = iss + 1;
	conn->recover = iss;
	conn->ts_offset = tcp_timestamp_offset(&stack->secret, &conn->key);
	conn->quick_acks = QUICK_ACKS;
	conn->rcv_mss = MSS_DEFAULT_V4;
	conn->rcv_avg = (uint16_t)(stack->mss[!tcp_key_is_v4(&conn->key)] - TCP_TIMESTAMP_LEN);
	conn->last_rx_us = stack->now_us;
	conn->last_tx_us = stack->now_us;
	send_queue_init(&conn->send, iss + 1);
	rto_init(conn);
}

/* What the peer's SYN said: `flags` as in enum tcp_syn_flags. */
static void setup_peer(struct tcp_conn *conn, uint32_t irs, uint16_t mss, unsigned int flags,
		       uint8_t wscale, uint32_t ts_recent)
{
	struct tcp_stack *stack = conn->stack;

	conn->rcv_nxt = irs + 1;
	conn->rcv_acked = irs + 1;
	conn->mss = mss;
	if (flags & TCP_SYN_WSCALE) {
		conn->flags |= TCP_CONN_WSCALE;
		conn->snd_wscale = wscale;
		conn->rcv_wscale = stack->wscale;
	}
	/* Rounded up: the half-open record may have said so. */
	conn->rcv_adv =
		irs + 1 +
		((uint32_t)window_initial_field(stack, conn->rcv_wscale) << conn->rcv_wscale);
	if (flags & TCP_SYN_SACK) {
		conn->flags |= TCP_CONN_SACK;
	}
	if (flags & TCP_SYN_TIMESTAMPS) {
		conn->flags |= TCP_CONN_TIMESTAMPS;
		conn->ts_recent = ts_recent;
		conn->ts_recent_s = stack_seconds(stack);
		conn->mss = (uint16_t)(mss - TCP_TIMESTAMP_LEN);
	}
	if (flags & TCP_SYN_ECN) {
		tcp_count(stack, ecn_connections);
		conn->path_flags |= TCP_PATH_ECN;
	}
	congestion_init(conn);
	tcp_trace(conn, negotiated, conn->mss, flags | (unsigned int)conn->snd_wscale << 8);
	tune_init(conn);
}

/*
 * `lost`: timeouts of our SYN or SYN-ACK. RFC 6298 (5.7): the timeout is longer then; RFC 6928
 * section 2: after more than one the window begins with one segment.
 */
static void heed_losses(struct tcp_conn *conn, unsigned int lost)
{
	if (lost > 0) {
		conn->rto_us = RTO_LOST_SYN_US;
	}
	if (lost > 1) {
		conn->cwnd = conn->mss;
	}
}

/*
 * RFC 6298 2.2. An answer that came about when the SYN-ACK would have been sent again may be to one
 * that the peer's second SYN called for (Karn).
 */
static void time_syn_ack(struct tcp_conn *conn, const struct tcp_syn_record *record)
{
	uint64_t now_us = conn->stack->now_us;
	uint64_t rtt_us = now_us + SYN_TIMEOUT_US - record->timer.at_us;

	/* A cookie has no timer. */
	if (record->attempt == 0 && record->timer.at_us != 0 && rtt_us > 0 &&
	    rtt_us < SYN_TIMEOUT_US - SYN_TIMEOUT_US / 8) {
		rto_sample(conn, rtt_us);
	}
}

static void start_life(struct tcp_conn *conn)
{
	conn->life_at_us = timeout_life_at_us(conn);
	if (conn->life_at_us != 0) {
		conn_arm(conn, conn->life_at_us);
	}
}

void open_from_syn(struct tcp_conn *conn, const struct tcp_syn_record *record,
		   const struct tcp_segment *seg)
{
	struct tcp_stack *stack = conn->stack;

	setup(conn, record->iss);
	setup_peer(conn, record->irs, record->mss, record->flags, record->wscale,
		   record->ts_recent);
	heed_losses(conn, record->attempt);
	time_syn_ack(conn, record);
	conn_event(conn, TCP_EVENT_PASSIVE_OPEN);
	conn_event(conn, TCP_EVENT_RECEIVE_SYN);
	conn_event(conn, TCP_EVENT_RECEIVE_ACK_OF_SYN);
	conn->snd_una = record->iss + 1;
	ack_set_window(conn, seg);
	start_life(conn);
	source_opened(stack, &conn->key.remote);
	tcp_count(stack, passive_opens);
	if (!stack->config.ops->accepted(stack->config.app, conn) &&
	    !(conn->flags & TCP_CONN_DEAD)) {
		tcp_count(stack, refused_by_owner);
		conn->flags |= TCP_CONN_REFUSED;
		close_reset(conn, TCP_CLOSE_ABORTED);
	}
}

static void take_syn(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	const struct tcp_options *opt = &seg->opt;
	unsigned int flags = open_syn_flags(opt);

	/* Two SYNs that cross: who asked whom is not worth a table. */
	flags |= seg->flags & TCP_ACK ? ecn_answered(conn, seg) : 0;
	setup_peer(conn, seg->seq, open_peer_mss(conn->stack, &conn->key, opt), flags, opt->wscale,
		   opt->tsval);
	ack_set_window(conn, seg);
}

static void established(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;

	conn->flags &= ~(uint32_t)(TCP_CONN_SYN_DUE | TCP_CONN_RTT_TIMED);
	heed_losses(conn, conn->backoff);
	conn->backoff = 0;
	conn->progress_us = stack->now_us;
	rto_stop(conn);
	start_life(conn);
	stack->config.ops->connected(conn->user, conn);
	/* tcp_close() before this was kept for now (RFC 9293 3.10.4). */
	if (conn->flags & TCP_CONN_FIN_QUEUED && conn->state == TCP_ESTABLISHED_STATE) {
		conn_event(conn, TCP_EVENT_CLOSE);
	}
	conn_dirty(conn);
}

static void input_syn_ack(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	take_syn(conn, seg);
	conn->snd_una = seg->ack;
	if (conn->flags & TCP_CONN_RTT_TIMED) {
		rto_sample(conn, conn->stack->now_us - conn->rtt_sent_us);
		conn->flags &= ~(uint32_t)TCP_CONN_RTT_TIMED;
	}
	conn_event(conn, TCP_EVENT_RECEIVE_SYN_ACK);
	conn_ack_now(conn);
	established(conn);
}

void open_syn_sent_input(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	bool ack = (seg->flags & TCP_ACK) != 0;

	if (ack && seg->ack != conn->iss + 1) {
		tcp_drop(conn, drop_bad_ack, seg->seq);
		reply_reset(conn->stack, seg);
		return;
	}
	if (seg->flags & TCP_RST) {
		if (ack) {
			tcp_count(conn->stack, rx_resets);
			conn_end(conn, TCP_EVENT_RECEIVE_RST, TCP_CLOSE_REFUSED);
		}
		return;
	}
	if (!(seg->flags & TCP_SYN)) {
		tcp_drop(conn, drop_no_ack, seg->seq);
		return;
	}
	conn->last_rx_us = conn->stack->now_us;
	if (ack) {
		input_syn_ack(conn, seg);
		return;
	}
	/* Simultaneous open. */
	take_syn(conn, seg);
	conn_event(conn, TCP_EVENT_RECEIVE_SYN);
	conn->flags |= TCP_CONN_SYN_DUE;
	conn_dirty(conn);
}

bool open_syn_received_input(struct tcp_conn *conn, const struct tcp_segment *seg)
{
	if (seg->ack != conn->iss + 1) {
		tcp_drop(conn, drop_bad_ack, seg->seq);
		reply_reset(conn->stack, seg);
		return false;
	}
	conn->snd_una = seg->ack;
	ack_set_window(conn, seg);
	conn_event(conn, TCP_EVENT_RECEIVE_ACK_OF_SYN);
	established(conn);
	return !(conn->flags & TCP_CONN_DEAD);
}

/* RFC 6056 3.3.3: a keyed start, then upwards until a pair is free. */
static int pick_port(struct tcp_stack *stack, struct tcp_key *key)
{
	uint32_t offset;

	key->local_port = 0;
	offset = tcp_port_offset(&stack->secret, key, stack->connect_count++);
	for (uint32_t i = 0; i < PORT_COUNT; i++) {
		key->local_port = (uint16_t)(PORT_FIRST + (offset + i) % PORT_COUNT);
		if (!stack_listens(stack, key->local_port) &&
		    tcp_flow_table_find(&stack->flows, key, stack_hash(stack, key)) ==
			    FLOW_REF_NONE) {
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

static int choose_key(struct tcp_stack *stack, const struct tcp_endpoint *local,
		      const struct tcp_endpoint *remote, struct tcp_key *key)
{
	int index = stack_find_address(stack, &local->addr);

	if (index < 0 || remote->port == 0) {
		return -EADDRNOTAVAIL;
	}
	*key = (struct tcp_key){.remote = remote->addr,
				.remote_port = remote->port,
				.local_port = local->port,
				.local = (uint16_t)index};
	if (local->port == 0) {
		return pick_port(stack, key);
	}
	if (tcp_flow_table_find(&stack->flows, key, stack_hash(stack, key)) != FLOW_REF_NONE) {
		return -EADDRINUSE;
	}
	return 0;
}

struct tcp_conn *tcp_connect(struct tcp_stack *stack, const struct tcp_endpoint *local,
			     const struct tcp_endpoint *remote, void *user, uint64_t now_us)
{
	struct tcp_key key;
	struct tcp_conn *conn;
	int rc = choose_key(stack, local, remote, &key);

	stack_set_now(stack, now_us);
	if (rc < 0) {
		errno = -rc;
		return NULL;
	}
	conn = conn_create(stack, &key, stack_hash(stack, &key), FLOW_REF_NONE);
	if (conn == NULL) {
		tcp_count(stack, drop_table_full);
		errno = ENOBUFS;
		return NULL;
	}
	setup(conn, tcp_isn(&stack->secret, &key, now_us));
	conn->user = user;
	conn->mss = stack->mss[!tcp_key_is_v4(&key)];
	conn_event(conn, TCP_EVENT_ACTIVE_OPEN);
	conn->flags |= TCP_CONN_ACTIVE | TCP_CONN_SYN_DUE | TCP_CONN_RTT_TIMED;
	conn->rtt_sent_us = now_us;
	rto_restart(conn);
	tcp_count(stack, active_opens);
	conn_dirty(conn);
	return conn;
}
