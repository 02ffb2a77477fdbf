/*
 * Payload that was handed to tcp_send() and is not acknowledged yet. The queue begins at snd_una;
 * its mbufs are linked by `next`. A cursor remembers where the last segment was cut, so that
 * sending in sequence does not walk the queue.
 */
#ifndef TCPSTACK_SEND_QUEUE_H
#define TCPSTACK_SEND_QUEUE_H

#include <stdint.h>

#include "chain.h"

struct rte_mbuf;

struct tcp_send_queue {
	struct tcp_chain chain;
	uint32_t start; /* sequence number of the first byte */
	uint32_t bytes;
	struct rte_mbuf *cursor;
	uint32_t cursor_seq; /* of the cursor's first byte */
};

struct send_position {
	struct rte_mbuf *mbuf;
	uint32_t offset;
};

void send_queue_init(struct tcp_send_queue *queue, uint32_t start);
void send_queue_append(struct tcp_send_queue *queue, struct rte_mbuf *packet);
/* The first `len` bytes are acknowledged. */
void send_queue_ack(struct tcp_send_queue *queue, uint32_t len);
/* Where `seq` is; it must be within the queue. */
struct send_position send_queue_find(struct tcp_send_queue *queue, uint32_t seq);
void send_queue_clear(struct tcp_send_queue *queue);

static inline uint32_t send_queue_end(const struct tcp_send_queue *queue)
{
	return queue->start + queue->bytes;
}

#endif
