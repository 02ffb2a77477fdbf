/* tcp_input(): a burst goes through its stages together, so that cache misses overlap. */
#include <rte_mbuf.h>

#include "ack.h"
#include "deliver.h"
#include "ecn.h"
#include "gro.h"
#include "open.h"
#include "receive.h"
#include "segment.h"
#include "stack.h"
#include "validate.h"

#define COOKIES_PRESSED 4

/* RFC 9293 3.10.7.4, in its order. */
static void conn_input(struct tcp_conn *conn, struct tcp_segment *seg)
{
	if (conn->flags & TCP_CONN_DEAD) {
		return;
	}
	if (conn->state == TCP_SYN_SENT_STATE) {
		open_syn_sent_input(conn, seg);
		return;
	}
	if (!validate_segment(conn, seg)) {
		return;
	}
	conn->last_rx_us = conn->stack->now_us;
	conn->keepalive_probes = 0;
	ecn_received(conn, seg);
	if (conn->state == TCP_SYN_RECEIVED_STATE && !open_syn_received_input(conn, seg)) {
		return;
	}
	ack_process(conn, seg);
	if (conn->state != TCP_CLOSED_STATE) {
		receive_segment(conn, seg);
	}
}

/* `conn`: what the segment opened, NULL for nothing. */
static void opened_input(struct tcp_conn *conn, struct tcp_segment *seg)
{
	if (conn != NULL) {
		conn_input(conn, seg);
	}
}

static void time_wait_segment(struct tcp_stack *stack, uint32_t ref, struct tcp_segment *seg)
{
	uint32_t iss_floor = 0;

	if (time_wait_input(stack, flow_ref_index(ref), seg, &iss_floor)) {
		opened_input(syn_listen(stack, seg, iss_floor), seg);
	}
}

static bool over(const struct tcp_conn *conn)
{
	return conn->state == TCP_CLOSED_STATE || conn->state == TCP_TIME_WAIT_STATE;
}

static void segment_input(struct tcp_stack *stack, struct tcp_segment *seg)
{
	uint32_t ref = tcp_flow_table_find(&stack->flows, &seg->key, seg->hash);

	/* It ended earlier in this burst: hand up what it has, then look again. */
	if (flow_ref_kind(ref) == TCP_RECORD_CONNECTION &&
	    over(&stack->conns[flow_ref_index(ref)])) {
		deliver(&stack->conns[flow_ref_index(ref)]);
		ref = tcp_flow_table_find(&stack->flows, &seg->key, seg->hash);
	}
	switch (flow_ref_kind(ref)) {
	case TCP_RECORD_CONNECTION:
		conn_input(&stack->conns[flow_ref_index(ref)], seg);
		break;
	case TCP_RECORD_SYN:
		opened_input(syn_input(stack, flow_ref_index(ref), seg), seg);
		break;
	case TCP_RECORD_TIME_WAIT:
		time_wait_segment(stack, ref, seg);
		break;
	default:
		opened_input(syn_listen(stack, seg, 0), seg);
		break;
	}
	chain_free(&seg->payload);
}

static uint16_t parse_burst(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t count,
			    struct tcp_segment *segments)
{
	const struct tcp_segment *before = NULL;
	uint16_t kept = 0;

	for (uint16_t i = 0; i < count; i++) {
		if (i + 1 < count) {
			rte_prefetch0(rte_pktmbuf_mtod(packets[i + 1], void *));
		}
		if (tcp_segment_parse(stack, packets[i], before, &segments[kept]) < 0) {
			rte_pktmbuf_free(packets[i]);
			continue;
		}
		if (kept > 0 && gro_merge(&segments[kept - 1], &segments[kept])) {
			tcp_count(stack, rx_merged);
			continue;
		}
		before = &segments[kept];
		tcp_flow_table_prefetch(&stack->flows, before->hash);
		kept++;
	}
	return kept;
}

static void input_burst(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t count)
{
	struct tcp_segment segments[TCP_BURST];
	uint16_t kept = parse_burst(stack, packets, count, segments);

	for (uint16_t i = 0; i < kept; i++) {
		tcp_flow_table_prefetch_record(&stack->flows, segments[i].hash);
	}
	for (uint16_t i = 0; i < kept; i++) {
		segment_input(stack, &segments[i]);
	}
	deliver_touched(stack);
}

void tcp_input(struct tcp_stack *stack, struct rte_mbuf **packets, uint16_t count, uint64_t now_us)
{
	stack_set_now(stack, now_us);
	stack->cookies_left = stack->pressed ? COOKIES_PRESSED : UINT32_MAX;
	stack_enter(stack);
	while (count > 0) {
		uint16_t burst = count < TCP_BURST ? count : TCP_BURST;

		input_burst(stack, packets, burst);
		packets += burst;
		count = (uint16_t)(count - burst);
	}
	stack_leave(stack);
}
