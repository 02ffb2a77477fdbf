#include "syn.h"

#include <stddef.h>

#include "cookie.h"
#include "ecn.h"
#include "open.h"
#include "packet.h"
#include "reply.h"
#include "segment.h"
#include "stack.h"
#include "trace.h"
#include "window.h"

#define ATTEMPTS_SHORT 2 /* while half of the records are taken */
/*
 * One record in so many is kept for who comes out of TIME_WAIT, which no spoofed address does: its
 * new sequence numbers must begin beyond the old ones, a cookie begins anywhere.
 */
#define RESERVE_SHARE  8

static struct tcp_syn_record *record_of(struct tcp_fifo_timer *timer)
{
	return (struct tcp_syn_record *)(void *)((char *)timer -
						 offsetof(struct tcp_syn_record, timer));
}

static uint32_t record_ref(const struct tcp_stack *stack, const struct tcp_syn_record *record)
{
	return flow_ref(TCP_RECORD_SYN, (uint32_t)(record - stack->syn.records));
}

void syn_pool_init(struct tcp_syn_pool *pool, void *memory, uint32_t records)
{
	pool->records = memory;
	pool->short_at = records - records / RESERVE_SHARE;
	for (uint32_t i = records; i-- > 0;) {
		pool->records[i].timer.next = pool->free;
		pool->free = &pool->records[i].timer;
	}
}

static void wait_for_ack(struct tcp_stack *stack, struct tcp_syn_record *record)
{
	tcp_fifo_add(&stack->syn.waiting[record->attempt], &record->timer,
		     stack->now_us + (SYN_TIMEOUT_US << record->attempt));
}

/* Gives the record back; the caller has taken it out of the flow table, or replaced it there. */
static void record_free(struct tcp_stack *stack, struct tcp_syn_record *record)
{
	source_waits_no_more(stack, &record->key.remote);
	record->timer.next = stack->syn.free;
	stack->syn.free = &record->timer;
	stack->syn.count--;
}

static void record_drop(struct tcp_stack *stack, struct tcp_syn_record *record)
{
	tcp_fifo_remove(&stack->syn.waiting[record->attempt], &record->timer);
	tcp_flow_table_remove(&stack->flows, stack_hash(stack, &record->key),
			      record_ref(stack, record));
	record_free(stack, record);
}

static bool is_short(const struct tcp_stack *stack)
{
	return stack->syn.count >= stack->syn.short_at;
}

static unsigned int attempts_max(const struct tcp_stack *stack)
{
	return stack->syn.count >= stack->config.syn_received / 2 ? ATTEMPTS_SHORT : SYN_ATTEMPTS;
}

static uint32_t timestamp_of(const struct tcp_stack *stack, const struct tcp_syn_record *record)
{
	return stack_timestamp(stack, tcp_timestamp_offset(&stack->secret, &record->key));
}

static void put_timestamp(struct tcp_header *header, const struct tcp_syn_record *record,
			  uint32_t tsval)
{
	header->opt.flags |= TCP_OPT_TIMESTAMPS;
	header->opt.tsval = tsval;
	header->opt.tsecr = record->ts_recent;
}

static void send_syn_ack(struct tcp_stack *stack, const struct tcp_syn_record *record,
			 uint32_t tsval)
{
	struct tcp_header header = {.key = &record->key,
				    .seq = record->iss,
				    .ack = record->irs + 1,
				    .wnd = window_initial(stack),
				    .flags = TCP_SYN | TCP_ACK};

	header.opt.flags = TCP_OPT_MSS;
	header.opt.mss = stack->mss[!tcp_key_is_v4(&record->key)];
	header.opt.flags |= record->flags & TCP_SYN_SACK ? TCP_OPT_SACK_PERMITTED : 0;
	header.opt.flags |= record->flags & TCP_SYN_WSCALE ? TCP_OPT_WSCALE : 0;
	header.opt.wscale = stack->wscale;
	header.flags |= record->flags & TCP_SYN_ECN ? TCP_ECE : 0;
	if (record->flags & TCP_SYN_TIMESTAMPS) {
		put_timestamp(&header, record, tsval);
	}
	tcp_trace_stack(stack, syn_ack_sent, trace_address(&record->key), record->attempt);
	reply_send(stack, &header);
}

static void send_ack(struct tcp_stack *stack, const struct tcp_syn_record *record)
{
	struct tcp_header header = {.key = &record->key,
				    .seq = record->iss + 1,
				    .ack = record->irs + 1,
				    .flags = TCP_ACK};

	header.wnd =
		window_initial_field(stack, record->flags & TCP_SYN_WSCALE ? stack->wscale : 0);
	if (record->flags & TCP_SYN_TIMESTAMPS) {
		put_timestamp(&header, record, timestamp_of(stack, record));
	}
	reply_send(stack, &header);
}

static void record_fill(struct tcp_stack *stack, struct tcp_syn_record *record,
			const struct tcp_segment *seg)
{
	const struct tcp_options *opt = &seg->opt;

	record->key = seg->key;
	record->irs = seg->seq;
	record->ts_recent = opt->flags & TCP_OPT_TIMESTAMPS ? opt->tsval : 0;
	record->mss = open_peer_mss(stack, &seg->key, opt);
	record->wscale = opt->flags & TCP_OPT_WSCALE ? opt->wscale : 0;
	record->flags = (open_syn_flags(opt) | ecn_syn_flags(stack, seg)) & 15;
	record->attempt = 0;
}

/* Without timestamps the cookie has no room for the other options: they are not offered. */
static void answer_with_cookie(struct tcp_stack *stack, const struct tcp_segment *seg)
{
	struct tcp_syn_record record;
	uint32_t tsval = 0;

	if (stack->cookies_left == 0) {
		tcp_count(stack, syn_cookies_limited);
		return;
	}
	stack->cookies_left--;
	record_fill(stack, &record, seg);
	if (record.flags & TCP_SYN_TIMESTAMPS) {
		tsval = cookie_timestamp(&record, timestamp_of(stack, &record));
	} else {
		record.flags = 0;
	}
	if (stack->replies.count >= TCP_REPLIES_MAX || !cookie_make(stack, &record, seg->hash)) {
		tcp_refuse(stack, drop_syn_limit, &seg->key);
		return;
	}
	tcp_count(stack, syn_cookies_sent);
	tcp_trace_stack(stack, cookie_sent, trace_address(&seg->key), seg->key.remote_port);
	send_syn_ack(stack, &record, tsval);
}

/* Beyond its limits a source is told so at once: it would try for a minute else. */
static bool source_refuses(struct tcp_stack *stack, const struct source *source,
			   const struct tcp_segment *seg)
{
	if (source_may_connect(stack, source)) {
		return false;
	}
	tcp_refuse(stack, drop_source_limit, &seg->key);
	reply_reset(stack, seg);
	return true;
}

bool syn_may_reopen(struct tcp_stack *stack, const struct tcp_segment *seg)
{
	if (source_refuses(stack, source_find(stack, &seg->key.remote), seg)) {
		return false;
	}
	if (stack->syn.free == NULL || stack->conn_free == NULL) {
		tcp_refuse(stack, drop_syn_limit, &seg->key);
		return false;
	}
	return true;
}

static void accept_syn(struct tcp_stack *stack, const struct tcp_segment *seg, uint32_t iss_floor)
{
	struct source *source = source_find(stack, &seg->key.remote);
	struct tcp_syn_record *record;

	if (source_refuses(stack, source, seg)) {
		return;
	}
	if ((is_short(stack) || !source_may_wait(stack, source)) && iss_floor == 0 &&
	    stack->conn_free != NULL) {
		answer_with_cookie(stack, seg);
		return;
	}
	if (stack->syn.free == NULL) {
		tcp_refuse(stack, drop_syn_limit, &seg->key);
		return;
	}
	record = record_of(stack->syn.free);
	if (stack->conn_free == NULL ||
	    tcp_flow_table_insert(&stack->flows, seg->hash, record_ref(stack, record)) < 0) {
		tcp_refuse(stack, drop_table_full, &seg->key);
		return;
	}
	stack->syn.free = record->timer.next;
	stack->syn.count++;
	source_waits(source_get(stack, &seg->key.remote));
	record_fill(stack, record, seg);
	record->iss = tcp_isn(&stack->secret, &seg->key, stack->now_us);
	tcp_trace_stack(stack, syn_received, trace_address(&seg->key), seg->key.remote_port);
	if (iss_floor != 0 && seq_lt(record->iss, iss_floor)) {
		record->iss = iss_floor;
	}
	wait_for_ack(stack, record);
	send_syn_ack(stack, record, timestamp_of(stack, record));
}

/* An ACK for a listening port without a record: of a cookie, or of nothing. */
static struct tcp_conn *listen_ack(struct tcp_stack *stack, const struct tcp_segment *seg)
{
	struct tcp_syn_record record;
	struct tcp_conn *conn;

	if (!cookie_expected(stack, seg->hash) || seg->flags & TCP_SYN) {
		tcp_refuse(stack, drop_no_listener, &seg->key);
		reply_reset(stack, seg);
		return NULL;
	}
	if (!cookie_check(stack, seg, &record)) {
		tcp_refuse(stack, syn_cookies_rejected, &seg->key);
		/*
		 * What came before it, with the cookie, may have been lost: a RST would end what is
		 * about to begin.
		 */
		return NULL;
	}
	if (source_refuses(stack, source_find(stack, &seg->key.remote), seg)) {
		return NULL;
	}
	conn = conn_create(stack, &record.key, seg->hash, FLOW_REF_NONE);
	if (conn == NULL) {
		tcp_refuse(stack, drop_table_full, &seg->key);
		return NULL;
	}
	tcp_count(stack, syn_cookies_accepted);
	tcp_trace(conn, cookie_accepted, trace_address(&seg->key), seg->key.remote_port);
	open_from_syn(conn, &record, seg);
	return conn;
}

struct tcp_conn *syn_listen(struct tcp_stack *stack, const struct tcp_segment *seg,
			    uint32_t iss_floor)
{
	/* An answer would be sent to ourselves. Later segments have a connection to be found by. */
	if (stack_find_address(stack, &seg->key.remote) >= 0) {
		tcp_refuse(stack, drop_bad_source, &seg->key);
		return NULL;
	}
	/* RFC 9293 3.10.7.2: RST is ignored, ACK is answered with RST, the rest must be SYN. */
	if (seg->flags & TCP_RST) {
		return NULL;
	}
	if (!stack_listens(stack, seg->key.local_port)) {
		tcp_refuse(stack, drop_no_listener, &seg->key);
		reply_reset(stack, seg);
		return NULL;
	}
	if (seg->flags & TCP_ACK) {
		return listen_ack(stack, seg);
	}
	/* A FIN with the SYN is not acknowledged, like data with it: the peer sends both again. */
	if (!(seg->flags & TCP_SYN)) {
		tcp_refuse(stack, drop_no_ack, &seg->key);
		return NULL;
	}
	accept_syn(stack, seg, iss_floor);
	return NULL;
}

static struct tcp_conn *promote(struct tcp_stack *stack, struct tcp_syn_record *record,
				const struct tcp_segment *seg)
{
	struct tcp_conn *conn;

	/* It had none when the SYN came: others of its handshakes were faster. */
	if (source_refuses(stack, source_find(stack, &seg->key.remote), seg)) {
		record_drop(stack, record);
		return NULL;
	}
	conn = conn_create(stack, &record->key, seg->hash, record_ref(stack, record));
	if (conn == NULL) {
		/* The record stays; the peer's data and our SYN-ACK are sent again. */
		tcp_refuse(stack, drop_table_full, &seg->key);
		return NULL;
	}
	tcp_fifo_remove(&stack->syn.waiting[record->attempt], &record->timer);
	open_from_syn(conn, record, seg);
	record_free(stack, record);
	return conn;
}

static void challenge(struct tcp_stack *stack, const struct tcp_syn_record *record)
{
	if (reply_challenge_allowed(stack)) {
		send_ack(stack, record);
	}
}

/* RFC 5961 3.2: only the exact sequence number resets. */
static void input_reset(struct tcp_stack *stack, struct tcp_syn_record *record,
			const struct tcp_segment *seg)
{
	uint32_t offset = seg->seq - (record->irs + 1);

	if (offset == 0) {
		tcp_count(stack, rx_resets);
		record_drop(stack, record);
	} else if (offset < window_initial(stack)) {
		tcp_count(stack, rx_bad_resets);
		challenge(stack, record);
	} else {
		tcp_refuse(stack, drop_out_of_window, &seg->key);
	}
}

static bool in_window(struct tcp_stack *stack, const struct tcp_syn_record *record,
		      const struct tcp_segment *seg)
{
	uint32_t left = record->irs + 1;

	return seq_le(seg->seq, left + window_initial(stack)) &&
	       seq_ge(seg->seq + segment_span(seg), left);
}

static bool paws_rejects(const struct tcp_syn_record *record, const struct tcp_segment *seg)
{
	if (!(record->flags & TCP_SYN_TIMESTAMPS)) {
		return false;
	}
	return !(seg->opt.flags & TCP_OPT_TIMESTAMPS) || seq_lt(seg->opt.tsval, record->ts_recent);
}

/*
 * The same SYN again: our SYN-ACK was lost. Under pressure one SYN over and over would have as many
 * answers as it likes; the timer sends what is not answered here.
 */
static void answer_again(struct tcp_stack *stack, struct tcp_syn_record *record,
			 const struct tcp_segment *seg)
{
	/* RFC 3168 6.1.1.1: the peer may have given up asking for ECN. */
	if (ecn_syn_flags(stack, seg) == 0) {
		record->flags &= 15 & ~TCP_SYN_ECN;
	}
	if (stack->cookies_left == 0) {
		tcp_count(stack, syn_cookies_limited);
		return;
	}
	stack->cookies_left--;
	send_syn_ack(stack, record, timestamp_of(stack, record));
}

struct tcp_conn *syn_input(struct tcp_stack *stack, uint32_t index, const struct tcp_segment *seg)
{
	struct tcp_syn_record *record = &stack->syn.records[index];

	if (seg->flags & TCP_RST) {
		input_reset(stack, record, seg);
		return NULL;
	}
	if (seg->flags & TCP_SYN) {
		if (seg->seq == record->irs && !(seg->flags & TCP_ACK)) {
			answer_again(stack, record, seg);
		} else {
			challenge(stack, record); /* RFC 5961 4.2 */
		}
		return NULL;
	}
	if (paws_rejects(record, seg)) {
		tcp_refuse(stack, drop_paws, &seg->key);
		return NULL;
	}
	if (!in_window(stack, record, seg)) {
		tcp_refuse(stack, drop_out_of_window, &seg->key);
		challenge(stack, record);
		return NULL;
	}
	if (!(seg->flags & TCP_ACK)) {
		tcp_refuse(stack, drop_no_ack, &seg->key);
		return NULL;
	}
	if (seg->ack != record->iss + 1) {
		tcp_refuse(stack, drop_bad_ack, &seg->key);
		reply_reset(stack, seg);
		return NULL;
	}
	return promote(stack, record, seg);
}

static void timeout(struct tcp_stack *stack, struct tcp_syn_record *record)
{
	tcp_fifo_remove(&stack->syn.waiting[record->attempt], &record->timer);
	if (record->attempt + 1U >= attempts_max(stack)) {
		tcp_flow_table_remove(&stack->flows, stack_hash(stack, &record->key),
				      record_ref(stack, record));
		record_free(stack, record);
		return;
	}
	record->attempt = (record->attempt + 1) & 7;
	tcp_count(stack, retransmits);
	wait_for_ack(stack, record);
	send_syn_ack(stack, record, timestamp_of(stack, record));
}

uint32_t syn_timers(struct tcp_stack *stack, uint32_t budget)
{
	uint32_t ran = 0;

	for (unsigned int i = 0; i < SYN_ATTEMPTS; i++) {
		struct tcp_fifo *fifo = &stack->syn.waiting[i];

		while (ran < budget && tcp_fifo_next_us(fifo) <= stack->now_us) {
			timeout(stack, record_of(fifo->head));
			ran++;
		}
	}
	return ran;
}

uint64_t syn_next_us(const struct tcp_syn_pool *pool)
{
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < SYN_ATTEMPTS; i++) {
		uint64_t at = tcp_fifo_next_us(&pool->waiting[i]);

		next = at < next ? at : next;
	}
	return next;
}
