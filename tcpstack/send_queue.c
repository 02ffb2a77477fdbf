#include "send_queue.h"

#include <string.h>

#include <rte_mbuf.h>

#include "seq.h"

void send_queue_init(struct tcp_send_queue *queue, uint32_t start)
{
	memset(queue, 0, sizeof(*queue));
	queue->start = start;
}

void send_queue_append(struct tcp_send_queue *queue, struct rte_mbuf *packet)
{
	/* Empty mbufs would make the position of a byte ambiguous: they are not kept. */
	while (packet != NULL) {
		struct rte_mbuf *next = packet->next;
		struct tcp_chain one = {.head = packet, .tail = packet, .segments = 1};

		packet->next = NULL;
		if (packet->data_len == 0) {
			chain_free(&one);
		} else {
			queue->bytes += packet->data_len;
			chain_append(&queue->chain, &one);
		}
		packet = next;
	}
}

void send_queue_ack(struct tcp_send_queue *queue, uint32_t len)
{
	queue->start += len;
	queue->bytes -= len;
	chain_trim_head(&queue->chain, len);
	/* The cursor's mbuf begins before the new start: it was freed, or is the head, cut. */
	if (queue->cursor != NULL && seq_lt(queue->cursor_seq, queue->start)) {
		queue->cursor = queue->chain.head;
		queue->cursor_seq = queue->start;
	}
}

struct send_position send_queue_find(struct tcp_send_queue *queue, uint32_t seq)
{
	if (queue->cursor == NULL || seq_lt(seq, queue->cursor_seq)) {
		queue->cursor = queue->chain.head;
		queue->cursor_seq = queue->start;
	}
	while (seq - queue->cursor_seq >= queue->cursor->data_len) {
		queue->cursor_seq += queue->cursor->data_len;
		queue->cursor = queue->cursor->next;
	}
	return (struct send_position){queue->cursor, seq - queue->cursor_seq};
}

void send_queue_clear(struct tcp_send_queue *queue)
{
	chain_free(&queue->chain);
	queue->bytes = 0;
	queue->cursor = NULL;
}
