#include <string.h>

#include <rte_mbuf.h>

#include "ooo_queue.h"
#include "peer.h"
#include "seq.h"
#include "suites.h"

#define SPACE 400

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(random_state >> 33) % limit;
}

/* [from, to) in mbufs of random sizes; each byte is its offset. */
static struct tcp_chain make(uint32_t from, uint32_t to)
{
	struct tcp_chain chain = {0};

	while (from < to) {
		uint32_t len = 1 + random_below(to - from);
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(wire_payload_pool());
		uint8_t *data = (uint8_t *)rte_pktmbuf_append(mbuf, (uint16_t)len);
		struct tcp_chain one = chain_of(mbuf);

		for (uint32_t i = 0; i < len; i++) {
			data[i] = (uint8_t)from++;
		}
		chain_append(&chain, &one);
	}
	return chain;
}

/* The ranges are exactly the runs of bytes that the map has. */
static void check_ranges(const struct tcp_ooo_queue *queue, const bool *have, uint32_t base)
{
	uint32_t covered = 0;
	uint32_t total = 0;
	uint32_t segments = 0;

	for (uint32_t i = 0; i < SPACE; i++) {
		total += have[i];
	}
	for (uint32_t r = 0; r < queue->count; r++) {
		const struct ooo_range *range = &queue->range[r];

		CU_ASSERT(seq_lt(range->start, range->end));
		CU_ASSERT(r == 0 || seq_lt(queue->range[r - 1].end, range->start));
		for (uint32_t at = range->start; at != range->end; at++) {
			CU_ASSERT(have[at - base]);
			covered++;
		}
		segments += range->chain.segments;
	}
	CU_ASSERT_EQUAL(covered, total);
	CU_ASSERT_EQUAL(segments, queue->segments);
}

static uint32_t check_taken(struct tcp_chain *chain, uint32_t at)
{
	for (struct rte_mbuf *seg = chain->head; seg != NULL; seg = seg->next) {
		const uint8_t *data = rte_pktmbuf_mtod(seg, const uint8_t *);

		for (uint32_t i = 0; i < seg->data_len; i++, at++) {
			CU_ASSERT_EQUAL(data[i], (uint8_t)at);
		}
	}
	chain_free(chain);
	return at;
}

static void insert_random(struct tcp_ooo_queue *queue, bool *have, uint32_t base, uint32_t next)
{
	uint32_t from = next + random_below(SPACE - next);
	uint32_t to = from + 1 + random_below(SPACE - from < 60 ? SPACE - from : 60);
	struct tcp_chain chain = make(from, to);
	struct tcp_sack_block duplicate;
	bool all = true;
	enum ooo_result result;

	for (uint32_t i = from; i < to; i++) {
		all = all && have[i];
	}
	result = ooo_insert(queue, base + from, base + to, &chain, &duplicate);
	CU_ASSERT_EQUAL(result == OOO_DUPLICATE, all);
	for (uint32_t at = duplicate.start; at != duplicate.end; at++) {
		CU_ASSERT(have[at - base]);
	}
	if (result == OOO_KEPT) {
		memset(have + from, 1, to - from);
	}
	CU_ASSERT(chain.head == NULL);
}

static void round_of(uint32_t base)
{
	static struct tcp_ooo_queue queue;
	bool have[SPACE] = {false};
	uint32_t next = 0; /* what would be rcv_nxt */

	memset(&queue, 0, sizeof(queue));
	while (next < SPACE) {
		struct tcp_chain taken = {0};

		insert_random(&queue, have, base, next);
		check_ranges(&queue, have, base);
		if (random_below(6) == 0) {
			uint32_t before;

			/* In-order data arrives up to somewhere; the queue follows. */
			next += random_below(SPACE - next < 20 ? SPACE - next + 1 : 20);
			memset(have, 0, next);
			before = next;
			next = ooo_take(&queue, base + next, &taken) - base;
			CU_ASSERT_EQUAL(check_taken(&taken, before), next);
			memset(have, 0, next);
			CU_ASSERT(next == SPACE || !have[next]);
			check_ranges(&queue, have, base);
		}
	}
	ooo_clear(&queue);
	CU_ASSERT_EQUAL(queue.segments, 0);
}

static void test_against_byte_map(void)
{
	random_state = 11;
	for (uint32_t i = 0; i < 200; i++) {
		round_of(i % 2 == 0 ? 0U - SPACE / 2 : i * 1000);
	}
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

/*  ranges:  [10,20)  [30,40)  [50,60); the newest first, RFC 2018 section 4 */
static void test_sack_blocks(void)
{
	static struct tcp_ooo_queue queue;
	struct tcp_sack_block blocks[3];
	struct tcp_sack_block duplicate;
	const uint32_t starts[] = {30, 10, 50, 40};

	memset(&queue, 0, sizeof(queue));
	for (int i = 0; i < 4; i++) {
		struct tcp_chain chain = make(starts[i], starts[i] + (i == 3 ? 5 : 10));

		CU_ASSERT_EQUAL(ooo_insert(&queue, starts[i], starts[i] + (i == 3 ? 5 : 10), &chain,
					   &duplicate),
				OOO_KEPT);
	}
	CU_ASSERT_EQUAL_FATAL(ooo_sack_blocks(&queue, blocks, 3), 3);
	CU_ASSERT(blocks[0].start == 30 && blocks[0].end == 45);
	CU_ASSERT(blocks[1].start == 50 && blocks[1].end == 60);
	CU_ASSERT(blocks[2].start == 10 && blocks[2].end == 20);
	CU_ASSERT_EQUAL(ooo_sack_blocks(&queue, blocks, 1), 1);
	ooo_clear(&queue);
}

static void test_full(void)
{
	static struct tcp_ooo_queue queue;
	struct tcp_sack_block duplicate;
	struct tcp_chain chain;

	memset(&queue, 0, sizeof(queue));
	for (uint32_t i = 0; i < OOO_RANGES_MAX; i++) {
		chain = make(i * 4 + 2, i * 4 + 4);
		CU_ASSERT_EQUAL(ooo_insert(&queue, i * 4 + 2, i * 4 + 4, &chain, &duplicate),
				OOO_KEPT);
	}
	chain = make(200, 202);
	CU_ASSERT_EQUAL(ooo_insert(&queue, 200, 202, &chain, &duplicate), OOO_FULL);
	/* What joins two ranges still fits. */
	chain = make(4, 6);
	CU_ASSERT_EQUAL(ooo_insert(&queue, 4, 6, &chain, &duplicate), OOO_KEPT);
	CU_ASSERT_EQUAL(queue.count, OOO_RANGES_MAX - 1);
	ooo_clear(&queue);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

CU_TestInfo ooo_queue_tests[] = {{"against a byte map", test_against_byte_map},
				 {"SACK blocks", test_sack_blocks},
				 {"full", test_full},
				 CU_TEST_INFO_NULL};
