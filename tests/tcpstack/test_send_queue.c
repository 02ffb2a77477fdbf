#include <rte_mbuf.h>

#include "peer.h"
#include "send_queue.h"
#include "suites.h"

static void append(struct tcp_send_queue *queue, uint32_t len)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());
	uint8_t *data = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)len);
	uint32_t seq = send_queue_end(queue);

	for (uint32_t i = 0; i < len; i++) {
		data[i] = (uint8_t)(seq + i);
	}
	send_queue_append(queue, mbuf);
}

static void check(struct tcp_send_queue *queue, uint32_t seq)
{
	struct send_position at = send_queue_find(queue, seq);

	CU_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(at.mbuf, uint8_t *, at.offset), (uint8_t)seq);
}

/* Forwards, backwards and after acknowledgements, over the wrap; empty mbufs leave no trace. */
static void test_find(void)
{
	struct tcp_send_queue queue;

	send_queue_init(&queue, 0xffffff80U);
	for (uint32_t i = 0; i < 20; i++) {
		append(&queue, i % 4 == 0 ? 0 : 300 + i);
	}
	while (queue.bytes > 0) {
		uint32_t step = queue.bytes < 97 ? queue.bytes : 97;

		for (uint32_t i = 0; i < queue.bytes; i++) {
			check(&queue, queue.start + i);
		}
		check(&queue, queue.start + queue.bytes / 2);
		send_queue_ack(&queue, step);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
	append(&queue, 5);
	check(&queue, queue.start + 4);
	send_queue_clear(&queue);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

/* A peer that has us reply and acknowledges nothing takes no mbuf for each reply. */
static void test_short(void)
{
	struct tcp_send_queue queue;

	send_queue_init(&queue, 0xfffffff0U);
	for (uint32_t i = 0; i < 60; i++) {
		append(&queue, 18);
	}
	CU_ASSERT_EQUAL(queue.bytes, 60 * 18);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), queue.chain.segments);
	CU_ASSERT(queue.chain.segments <= 2);
	send_queue_ack(&queue, 18 * 18 + 5);
	append(&queue, 18);
	for (uint32_t i = 0; i < queue.bytes; i++) {
		check(&queue, queue.start + i);
	}
	/* Somebody else may look at the last one: it is left alone. */
	rte_mbuf_refcnt_update(queue.chain.tail, 1);
	struct rte_mbuf *shared = queue.chain.tail;
	append(&queue, 18);
	CU_ASSERT_PTR_NOT_EQUAL(queue.chain.tail, shared);
	rte_mbuf_refcnt_update(shared, -1);
	send_queue_clear(&queue);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

CU_TestInfo send_queue_tests[] = {
	{"find", test_find},
	{"short ones", test_short},
	CU_TEST_INFO_NULL,
};
