#include <rte_mbuf.h>

#include "chain.h"
#include "peer.h"
#include "suites.h"

/* A chain of mbufs of 1, 2, 3, ... bytes that count upwards. */
static struct tcp_chain make(uint32_t mbufs)
{
	struct tcp_chain chain = {0};
	uint8_t value = 0;

	for (uint32_t i = 1; i <= mbufs; i++) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());
		uint8_t *data = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)i);
		struct tcp_chain one = chain_of(mbuf);

		for (uint32_t k = 0; k < i; k++) {
			data[k] = value++;
		}
		chain_append(&chain, &one);
	}
	return chain;
}

static void check(const struct tcp_chain *chain, uint32_t first, uint32_t len)
{
	uint32_t at = 0;
	uint32_t segments = 0;
	struct rte_mbuf *last = NULL;

	for (struct rte_mbuf *seg = chain->head; seg != NULL; seg = seg->next) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		for (uint32_t i = 0; i < seg->data_len; i++, at++) {
			CU_ASSERT_EQUAL(data[i], (uint8_t)(first + at));
		}
		segments++;
		last = seg;
	}
	CU_ASSERT_EQUAL(at, len);
	CU_ASSERT_EQUAL(segments, chain->segments);
	CU_ASSERT_PTR_EQUAL(last, chain->tail);
}

static void test_trim_everywhere(void)
{
	for (uint32_t cut = 0; cut <= 21; cut++) {
		struct tcp_chain head = make(6);
		struct tcp_chain tail = make(6);

		chain_trim_head(&head, cut);
		check(&head, cut, 21 - cut);
		chain_keep(&tail, 21 - cut);
		check(&tail, 0, 21 - cut);
		chain_free(&head);
		chain_free(&tail);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

CU_TestInfo chain_tests[] = {{"trim at every place", test_trim_everywhere}, CU_TEST_INFO_NULL};
