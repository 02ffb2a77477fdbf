#include "reply.h"

#include <rte_mbuf.h>

#include "packet.h"
#include "stack.h"
#include "trace.h"

void reply_put(struct tcp_stack *stack, struct rte_mbuf *packet)
{
	struct tcp_reply_queue *queue = &stack->replies;

	packet->next = NULL;
	if (queue->tail != NULL) {
		queue->tail->next = packet;
	} else {
		queue->head = packet;
	}
	queue->tail = packet;
	queue->count++;
}

void reply_send(struct tcp_stack *stack, const struct tcp_header *header)
{
	struct rte_mbuf *packet = packet_begin(stack, header);

	if (packet != NULL) {
		packet_end(stack, packet, header);
		reply_put(stack, packet);
	}
}

void reply_reset(struct tcp_stack *stack, const struct tcp_segment *seg)
{
	struct tcp_header header = {.key = &seg->key, .flags = TCP_RST};

	if (seg->flags & TCP_RST) {
		return;
	}
	/* A flood must not push out what connections have to say. */
	if (stack->replies.count >= TCP_REPLIES_MAX ||
	    !limiter_take(&stack->resets, &stack->secret, stack_seconds(stack))) {
		tcp_count(stack, resets_limited);
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
	if (!limiter_take(&stack->challenges_off, &stack->secret, stack_seconds(stack))) {
		tcp_count(stack, challenge_acks_limited);
		return false;
	}
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
