#include "time_wait.h"

#include <stddef.h>

#include "packet.h"
#include "reply.h"
#include "segment.h"
#include "stack.h"
#include "trace.h"
#include "window.h"

static struct tcp_time_wait_record *record_of(struct tcp_fifo_timer *timer)
{
	return (struct tcp_time_wait_record *)(void *)((char *)timer -
						       offsetof(struct tcp_time_wait_record,
								timer));
}

static uint32_t record_ref(const struct tcp_stack *stack, const struct tcp_time_wait_record *record)
{
	return flow_ref(TCP_RECORD_TIME_WAIT, (uint32_t)(record - stack->time_wait.records));
}

void time_wait_pool_init(struct tcp_time_wait_pool *pool, void *memory, uint32_t records)
{
	pool->records = memory;
	for (uint32_t i = records; i-- > 0;) {
		pool->records[i].timer.next = pool->free;
		pool->free = &pool->records[i].timer;
	}
}

static void wait_2msl(struct tcp_stack *stack, struct tcp_time_wait_record *record)
{
	tcp_fifo_add(&stack->time_wait.waiting, &record->timer,
		     stack->now_us + stack->config.time_wait_ms * 1000ULL);
}

static void record_drop(struct tcp_stack *stack, struct tcp_time_wait_record *record)
{
	tcp_fifo_remove(&stack->time_wait.waiting, &record->timer);
	tcp_flow_table_remove(&stack->flows, stack_hash(stack, &record->key),
			      record_ref(stack, record));
	record->timer.next = stack->time_wait.free;
	stack->time_wait.free = &record->timer;
	stack->time_wait.count--;
}

static struct tcp_time_wait_record *record_take(struct tcp_stack *stack)
{
	struct tcp_time_wait_record *record;

	if (stack->time_wait.free == NULL) {
		tcp_count(stack, time_wait_recycled);
		record_drop(stack, record_of(stack->time_wait.waiting.head));
	}
	record = record_of(stack->time_wait.free);
	stack->time_wait.free = record->timer.next;
	stack->time_wait.count++;
	return record;
}

static void send_ack(struct tcp_stack *stack, const struct tcp_time_wait_record *record)
{
	struct tcp_header header = {.key = &record->key,
				    .seq = record->snd_nxt,
				    .ack = record->rcv_nxt,
				    .wnd = record->wnd,
				    .flags = TCP_ACK};

	if (record->timestamps) {
		header.opt.flags = TCP_OPT_TIMESTAMPS;
		header.opt.tsval =
			stack_timestamp(stack, tcp_timestamp_offset(&stack->secret, &record->key));
		header.opt.tsecr = record->ts_recent;
	}
	reply_send(stack, &header);
}

void time_wait_replace(struct tcp_conn *conn)
{
	struct tcp_stack *stack = conn->stack;
	struct tcp_time_wait_record *record = record_take(stack);

	record->key = conn->key;
	record->rcv_nxt = conn->rcv_nxt;
	record->snd_nxt = conn->snd_max;
	record->ts_recent = conn->ts_recent;
	record->wnd = window_field(conn);
	record->timestamps = (conn->flags & TCP_CONN_TIMESTAMPS) != 0;
	tcp_flow_table_replace(&stack->flows, stack_hash(stack, &conn->key),
			       flow_ref(TCP_RECORD_CONNECTION, conn->index),
			       record_ref(stack, record));
	wait_2msl(stack, record);
	if (conn->flags & TCP_CONN_ACK_PENDING) {
		send_ack(stack, record);
	}
}

/* RFC 6191 section 2: a SYN that is newer than everything of the old connection. */
static bool may_reopen(const struct tcp_time_wait_record *record, const struct tcp_segment *seg)
{
	if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN) {
		return false;
	}
	if (record->timestamps && seg->opt.flags & TCP_OPT_TIMESTAMPS &&
	    seg->opt.tsval != record->ts_recent) {
		return seq_gt(seg->opt.tsval, record->ts_recent);
	}
	return seq_gt(seg->seq, record->rcv_nxt);
}

static void acknowledge(struct tcp_stack *stack, struct tcp_time_wait_record *record,
			const struct tcp_segment *seg)
{
	if (seg->len > 0 && seq_lt(seg->seq, record->rcv_nxt)) {
		tcp_count(stack, drop_duplicate);
	}
	/* Our last ACK was lost: answer the FIN and wait again (RFC 9293 3.10.7.4). */
	if (seg->flags & TCP_FIN && seg->seq + segment_span(seg) == record->rcv_nxt) {
		tcp_fifo_remove(&stack->time_wait.waiting, &record->timer);
		wait_2msl(stack, record);
		send_ack(stack, record);
		return;
	}
	if (seg->len > 0 && seq_ge(seg->seq, record->rcv_nxt)) {
		tcp_count(stack, drop_after_close);
	}
	/* A bare ACK that is in order needs no answer. */
	if ((segment_span(seg) > 0 || seg->seq != record->rcv_nxt) &&
	    reply_challenge_allowed(stack)) {
		send_ack(stack, record);
	}
}

bool time_wait_input(struct tcp_stack *stack, uint32_t index, const struct tcp_segment *seg,
		     uint32_t *iss_floor)
{
	struct tcp_time_wait_record *record = &stack->time_wait.records[index];

	/* RFC 1337 section 3, (F1): a RST, maybe an old one, must not end the wait. */
	if (seg->flags & TCP_RST) {
		tcp_refuse(stack, drop_after_close, &seg->key);
		return false;
	}
	if (stack_listens(stack, seg->key.local_port) && may_reopen(record, seg)) {
		/* Else the wait must not end for nothing (RFC 1337). */
		if (!syn_may_reopen(stack, seg)) {
			return false;
		}
		/* Beyond the old window (RFC 1122 4.2.2.13); 0 is kept to say "none". */
		*iss_floor = (record->snd_nxt + 65535 + 2) | 1;
		record_drop(stack, record);
		return true;
	}
	acknowledge(stack, record, seg);
	return false;
}

uint32_t time_wait_timers(struct tcp_stack *stack, uint32_t budget)
{
	struct tcp_fifo *fifo = &stack->time_wait.waiting;
	uint32_t ran = 0;

	while (ran < budget && tcp_fifo_next_us(fifo) <= stack->now_us) {
		record_drop(stack, record_of(fifo->head));
		ran++;
	}
	return ran;
}

void time_wait_clear(struct tcp_stack *stack)
{
	while (stack->time_wait.waiting.head != NULL) {
		record_drop(stack, record_of(stack->time_wait.waiting.head));
	}
}
