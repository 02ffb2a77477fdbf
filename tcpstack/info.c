/* What a connection is, for people who look at it: nothing here is on the path of a segment. */
#include "congestion.h"
#include "pmtu.h"
#include "recovery.h"
#include "rto.h"
#include "sender.h"
#include "stack.h"
#include "window.h"

static uint32_t to_ms(uint64_t us)
{
	return us / 1000 < UINT32_MAX ? (uint32_t)(us / 1000) : UINT32_MAX;
}

static uint32_t flags_of(const struct tcp_conn *conn)
{
	static const struct {
		uint32_t conn;
		uint32_t info;
	} map[] = {
		{TCP_CONN_TIMESTAMPS, TCP_INFO_TIMESTAMPS},
		{TCP_CONN_SACK, TCP_INFO_SACK},
		{TCP_CONN_WSCALE, TCP_INFO_WSCALE},
		{TCP_CONN_PERSIST, TCP_INFO_PERSIST},
		{TCP_CONN_FIN_QUEUED, TCP_INFO_FIN_QUEUED},
		{TCP_CONN_FIN_SEEN, TCP_INFO_PEER_CLOSED},
	};
	uint32_t flags = 0;

	for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		flags |= conn->flags & map[i].conn ? map[i].info : 0;
	}
	flags |= conn->path_flags & TCP_PATH_ECN ? TCP_INFO_ECN : 0;
	flags |= recovery_is_fast(conn) ? TCP_INFO_RECOVERY : 0;
	return flags;
}

static uint32_t remaining_us(const struct tcp_stack *stack, uint64_t at_us)
{
	uint64_t now = stack->now_us;
	uint64_t left = at_us > now ? at_us - now : 1; /* due already: as soon as can be */

	if (at_us == 0) {
		return 0;
	}
	return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

static void fill_ends(const struct tcp_stack *stack, const struct tcp_key *key,
		      struct tcp_info *info)
{
	info->local.addr = stack->addresses[key->local];
	info->local.port = key->local_port;
	info->remote.addr = key->remote;
	info->remote.port = key->remote_port;
}

static void fill_identity(const struct tcp_conn *conn, struct tcp_info *info)
{
	const struct tcp_stack *stack = conn->stack;

	info->id = conn->id;
	info->slot = conn->index;
	fill_ends(stack, &conn->key, info);
	info->state = (enum tcp_state)conn->state;
	info->flags = flags_of(conn);
	info->age_ms = stack_milliseconds(stack) - conn->opened_ms;
	info->idle_rx_ms = to_ms(stack->now_us - conn->last_rx_us);
	info->idle_tx_ms = to_ms(stack->now_us - conn->last_tx_us);
}

static void fill_sending(const struct tcp_conn *conn, struct tcp_info *info)
{
	info->congestion = conn->cc != NULL ? conn->cc->name : "";
	info->rtt_us = conn->srtt_us;
	info->rttvar_us = conn->rttvar_us;
	info->rtt_min_us = conn->sender != NULL ? rack_min_rtt_us(&conn->sender->rack) : 0;
	info->rto_us = (uint32_t)rto_current_us(conn);
	info->backoff = conn->backoff;
	info->dup_acks = conn->dup_acks;
	info->cwnd = conn->cwnd;
	info->ssthresh = conn->ssthresh;
	info->mss = conn->mss;
	info->path_mtu = (uint16_t)pmtu_size(conn);
	info->snd_wscale = conn->snd_wscale;
	info->snd_wnd = conn->snd_wnd;
	info->snd_wnd_max = conn->snd_wnd_max;
	info->snd_una = conn->snd_una;
	info->snd_nxt = conn->snd_nxt;
	info->in_flight = conn->snd_max - conn->snd_una;
	info->send_queue = conn->send.bytes;
	info->tx_bytes = conn->tx_bytes;
	info->retransmits = conn->retransmits;
	info->timeouts = conn->timeouts;
	info->rx_dsacks = conn->rx_dsacks;
	info->retransmit_in_us = remaining_us(conn->stack, conn->retransmit_at_us);
}

static void fill_receiving(const struct tcp_conn *conn, struct tcp_info *info)
{
	info->rcv_mss = conn->rcv_mss;
	info->rcv_wscale = conn->rcv_wscale;
	info->rcv_wnd = conn->rcv_adv - conn->rcv_nxt;
	info->rcv_wnd_limit = window_granted(conn);
	info->rcv_nxt = conn->rcv_nxt;
	info->pinned = window_pinned(conn);
	info->held = conn->held;
	info->ooo_segments = conn_ooo_segments(conn);
	info->ooo_ranges = conn->side != NULL ? conn->side->ooo.count : 0;
	info->rx_bytes = conn->rx_bytes;
	info->rx_out_of_order = conn->rx_out_of_order;
	info->rx_duplicates = conn->rx_duplicates;
	info->ecn_marks = conn->ecn_marks;
	info->ack_in_us = remaining_us(conn->stack, conn->ack_at_us);
	info->life_in_us = remaining_us(conn->stack, conn->life_at_us);
	info->keepalive_probes = conn->keepalive_probes;
}

void tcp_conn_info(const struct tcp_conn *conn, struct tcp_info *info)
{
	*info = (struct tcp_info){0};
	fill_identity(conn, info);
	fill_sending(conn, info);
	fill_receiving(conn, info);
}

uint32_t tcp_connection_count(const struct tcp_stack *stack)
{
	return stack->conn_count;
}

uint32_t tcp_half_open_count(const struct tcp_stack *stack)
{
	return stack->syn.count;
}

uint32_t tcp_time_wait_count(const struct tcp_stack *stack)
{
	return stack->time_wait.count;
}

uint32_t tcp_slots(const struct tcp_stack *stack)
{
	return stack->config.connections;
}

const struct tcp_conn *tcp_at(const struct tcp_stack *stack, uint32_t slot)
{
	const struct tcp_conn *conn = &stack->conns[slot];

	/* One that was never used has no stack, one that is over is dead until it is used again. */
	return conn->stack == NULL || conn->flags & TCP_CONN_DEAD ? NULL : conn;
}

/* What is in use waits in its queue; the free list goes by `next` alone. */
static bool is_waiting(const struct tcp_fifo *fifo, const struct tcp_fifo_timer *timer)
{
	return timer->prev != NULL || fifo->head == timer;
}

/* What is left of `timeout_us` when it ends at `at_us`, subtracted from it. */
static uint64_t elapsed_us(const struct tcp_stack *stack, uint64_t timeout_us, uint64_t at_us)
{
	uint64_t left = remaining_us(stack, at_us);

	return left < timeout_us ? timeout_us - left : 0;
}

static bool syn_info(const struct tcp_stack *stack, const struct tcp_syn_record *record,
		     struct tcp_info *info)
{
	const uint64_t timeout_us = SYN_TIMEOUT_US << record->attempt;

	if (!is_waiting(&stack->syn.waiting[record->attempt], &record->timer)) {
		return false;
	}
	fill_ends(stack, &record->key, info);
	info->state = TCP_SYN_RECEIVED_STATE;
	info->flags |= record->flags & TCP_SYN_TIMESTAMPS ? TCP_INFO_TIMESTAMPS : 0;
	info->flags |= record->flags & TCP_SYN_SACK ? TCP_INFO_SACK : 0;
	info->flags |= record->flags & TCP_SYN_WSCALE ? TCP_INFO_WSCALE : 0;
	info->flags |= record->flags & TCP_SYN_ECN ? TCP_INFO_ECN : 0;
	/* Those before, each half as long as the next, took one second less than this one. */
	info->age_ms = to_ms(timeout_us - SYN_TIMEOUT_US +
			     elapsed_us(stack, timeout_us, record->timer.at_us));
	info->retransmits = record->attempt;
	info->retransmit_in_us = remaining_us(stack, record->timer.at_us);
	return true;
}

static bool time_wait_info(const struct tcp_stack *stack, const struct tcp_time_wait_record *record,
			   struct tcp_info *info)
{
	if (!is_waiting(&stack->time_wait.waiting, &record->timer)) {
		return false;
	}
	fill_ends(stack, &record->key, info);
	info->state = TCP_TIME_WAIT_STATE;
	info->flags = record->timestamps ? TCP_INFO_TIMESTAMPS : 0;
	info->age_ms = to_ms(elapsed_us(stack, stack->config.time_wait_ms * UINT64_C(1000),
					record->timer.at_us));
	info->life_in_us = remaining_us(stack, record->timer.at_us);
	return true;
}

uint32_t tcp_records(const struct tcp_stack *stack)
{
	return stack->config.syn_received + stack->config.time_wait;
}

bool tcp_record_info(const struct tcp_stack *stack, uint32_t record, struct tcp_info *info)
{
	uint32_t syns = stack->config.syn_received;

	*info = (struct tcp_info){.id = 0};
	return record < syns
		       ? syn_info(stack, &stack->syn.records[record], info)
		       : time_wait_info(stack, &stack->time_wait.records[record - syns], info);
}
