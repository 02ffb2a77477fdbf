#include "reply.h"

#include <rte_mbuf.h>

#include "packet.h"
#include "stack.h"
#include "trace.h"

void reply_send(struct tcp_stack *stack, const struct tcp_header *header)
{
	struct tcp_reply_queue *queue = &stack->replies;
	struct rte_mbuf *packet = packet_begin(stack, header);

	if (packet == NULL) {
		return;
	}
	packet_end(stack, packet, header);
	packet->next = NULL;
	if (queue->tail != NULL) {
		queue->tail->next = packet;
	} else {
		queue->head = packet;
	}
	queue->tail = packet;
	queue->count++;
}

void reply_reset(struct tcp_stack *stack, const struct tcp_segment *seg)
{
	struct tcp_header header = {.key = &seg->key, .flags = TCP_RST};

	/* A flood must not push out what connections have to say. */
	if (seg->flags & TCP_RST || stack->replies.count >= TCP_REPLIES_MAX) {
		return;
	}
	if (seg->flags & TCP_ACK) {
		header.seq = seg->ack;
	} else {
		header.flags |= TCP_ACK;
		header.ack = seg->seq + segment_span(seg);
	}
	tcp_count(stack, tx_resets);
	tcp_trace_stack(stack, reset_sent, trace_address(&seg->key), seg->key.remote_port);
	reply_send(stack, &header);
}

bool reply_challenge_allowed(struct tcp_stack *stack)
{
	if (stack->challenge_s != stack_seconds(stack)) {
		stack->challenge_s = stack_seconds(stack);
		stack->challenge_count = 0;
	}
	if (stack->challenge_count >= TCP_CHALLENGES_MAX) {
		tcp_count(stack, challenge_acks_limited);
		return false;
	}
	stack->challenge_count++;
	tcp_count(stack, challenge_acks);
	return true;
}

struct rte_mbuf *reply_take(struct tcp_stack *stack)
{
	struct tcp_reply_queue *queue = &stack->replies;
	struct rte_mbuf *packet = queue->head;

	if (packet != NULL) {
		queue->head = packet->next;
		if (queue->head == NULL) {
			queue->tail = NULL;
		}
		packet->next = NULL;
		queue->count--;
	}
	return packet;
}

void reply_clear(struct tcp_stack *stack)
{
	struct rte_mbuf *packet;

	while ((packet = reply_take(stack)) != NULL) {
		rte_pktmbuf_free(packet);
	}
}
