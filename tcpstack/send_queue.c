#include "send_queue.h"

#include <stdbool.h>
#include <string.h>

#include <rte_mbuf.h>

#include "seq.h"

#define JOIN_MAX 256U /* bytes of an mbuf that is copied behind the one before */

void send_queue_init(struct tcp_send_queue *queue, uint32_t start)
{
	memset(queue, 0, sizeof(*queue));
	queue->start = start;
}

/*
 * Short replies stand one behind the other: a peer that asks for many and acknowledges none would
 * take an mbuf for each from a pool that all connections share. What was sent of the last mbuf is
 * not touched.
 */
static bool joins(struct tcp_send_queue *queue, const struct rte_mbuf *packet)
{
	struct rte_mbuf *last = queue->chain.tail;

	if (packet->data_len > JOIN_MAX || last == NULL || !RTE_MBUF_DIRECT(last) ||
	    rte_mbuf_refcnt_read(last) != 1 || rte_pktmbuf_tailroom(last) < packet->data_len) {
		return false;
	}
	memcpy(rte_pktmbuf_mtod_offset(last, void *, last->data_len),
	       rte_pktmbuf_mtod(packet, const void *), packet->data_len);
	last->data_len = (uint16_t)(last->data_len + packet->data_len);
	queue->bytes += packet->data_len;
	return true;
}

void send_queue_append(struct tcp_send_queue *queue, struct rte_mbuf *packet)
{
	/* Empty mbufs would make the position of a byte ambiguous: they are not kept. */
	while (packet != NULL) {
		struct rte_mbuf *next = packet->next;
		struct tcp_chain one = {.head = packet, .tail = packet, .segments = 1};

		packet->next = NULL;
		if (packet->data_len == 0 || joins(queue, packet)) {
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
