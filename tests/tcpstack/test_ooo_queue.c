#include <string.h>

#include <rte_mbuf.h>

#include "ooo_queue.h"
#include "peer.h"
#include "seq.h"
#include "suites.h"

#define SPACE 400

static uint64_t random_state;
static struct ooo_range ranges[OOO_RANGES_MAX + 8];
static struct ooo_pool pool;
static uint64_t collapsed;

/* collapse_max 0: every mbuf stays what it is. */
static void start(struct tcp_ooo_queue *queue, uint32_t collapse_max)
{
	collapsed = 0;
	ooo_pool_init(&pool, ranges, RTE_DIM(ranges), &collapsed);
	pool.collapse_max = collapse_max;
	ooo_init(queue, &pool);
}

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
	uint32_t count = 0;

	for (const struct ooo_range *range = queue->first; range != NULL; range = range->next) {
		CU_ASSERT(seq_lt(range->start, range->end));
		CU_ASSERT(range->prev == NULL || seq_lt(range->prev->end, range->start));
		CU_ASSERT(range->next != NULL || queue->last == range);
		count++;
		for (uint32_t at = range->start; at != range->end; at++) {
			CU_ASSERT(have[at - base]);
			covered++;
		}
		segments += range->chain.segments;
	}
	CU_ASSERT_EQUAL(covered, total);
	CU_ASSERT_EQUAL(segments, queue->segments);
	CU_ASSERT_EQUAL(segments, pool.segments);
	CU_ASSERT_EQUAL(count, queue->count);
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

/* It is the first run of bytes of [from, to) that were there. */
static void check_duplicate(const bool *have, uint32_t base, uint32_t from, uint32_t to,
			    const struct tcp_sack_block *duplicate)
{
	uint32_t end;

	while (from < to && !have[from]) {
		from++;
	}
	for (end = from; end < to && have[end];) {
		end++;
	}
	CU_ASSERT_EQUAL(duplicate->end - duplicate->start, end - from);
	CU_ASSERT(end == from || duplicate->start == base + from);
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
	check_duplicate(have, base, from, to, &duplicate);
	if (result == OOO_KEPT) {
		memset(have + from, 1, to - from);
	}
	CU_ASSERT(chain.head == NULL);
}

static void round_of(uint32_t base, uint32_t collapse_max)
{
	static struct tcp_ooo_queue queue;
	bool have[SPACE] = {false};
	uint32_t next = 0; /* what would be rcv_nxt */

	start(&queue, collapse_max);
	while (next < SPACE) {
		struct tcp_chain taken = {0};

		insert_random(&queue, have, base, next);
		check_ranges(&queue, have, base);
		if (random_below(6) == 0) {
			struct tcp_sack_block duplicate;
			bool had[SPACE];
			uint32_t from = next;
			uint32_t before;

			/* In-order data arrives up to somewhere; the queue follows. */
			next += random_below(SPACE - next < 20 ? SPACE - next + 1 : 20);
			memcpy(had, have, sizeof(had));
			memset(have, 0, next);
			before = next;
			next = ooo_take(&queue, base + next, &taken, &duplicate) - base;
			check_duplicate(had, base, from, before, &duplicate);
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
	for (uint32_t i = 0; i < 400; i++) {
		round_of(i % 2 == 0 ? 0U - SPACE / 2 : i * 1000, i % 4 < 2 ? 0 : 30);
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

	start(&queue, 0);
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

	start(&queue, 0);
	for (uint32_t i = 0; i < OOO_RANGES_MAX; i++) {
		chain = make(i * 4 + 2, i * 4 + 4);
		CU_ASSERT_EQUAL(ooo_insert(&queue, i * 4 + 2, i * 4 + 4, &chain, &duplicate),
				OOO_KEPT);
	}
	chain = make(2000, 2002);
	CU_ASSERT_EQUAL(ooo_insert(&queue, 2000, 2002, &chain, &duplicate), OOO_FULL);
	/* What joins two ranges still fits. */
	chain = make(4, 6);
	CU_ASSERT_EQUAL(ooo_insert(&queue, 4, 6, &chain, &duplicate), OOO_KEPT);
	CU_ASSERT_EQUAL(queue.count, OOO_RANGES_MAX - 1);
	ooo_clear(&queue);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

/* The pool is empty: a new range is refused, what continues one is kept. */
static void test_pool_empty(void)
{
	struct tcp_ooo_queue queues[3];
	struct tcp_sack_block duplicate;
	struct tcp_chain chain;
	uint32_t kept = 0;

	start(&queues[0], 0);
	ooo_init(&queues[1], &pool);
	for (uint32_t i = 0; i < RTE_DIM(ranges) + 4; i++) {
		chain = make(i * 4 + 2, i * 4 + 4);
		kept += ooo_insert(&queues[i % 2], i * 4 + 2, i * 4 + 4, &chain, &duplicate) ==
			OOO_KEPT;
	}
	CU_ASSERT_EQUAL(kept, RTE_DIM(ranges));
	chain = make(4, 6);
	CU_ASSERT_EQUAL(ooo_insert(&queues[0], 4, 6, &chain, &duplicate), OOO_KEPT);
	ooo_clear(&queues[0]);
	ooo_init(&queues[2], &pool);
	chain = make(4, 6);
	CU_ASSERT_EQUAL(ooo_insert(&queues[2], 4, 6, &chain, &duplicate), OOO_KEPT);
	ooo_clear(&queues[1]);
	ooo_clear(&queues[2]);
	CU_ASSERT_EQUAL(pool.segments, 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

static struct tcp_chain one_mbuf(uint32_t from, uint32_t to)
{
	struct tcp_chain chain = {0};

	while (chain.segments != 1) {
		chain_free(&chain);
		chain = make(from, to);
	}
	return chain;
}

/* The highest numbers go, part of a range where that is enough. */
static void test_drop_last(void)
{
	struct tcp_ooo_queue queue;
	struct tcp_sack_block duplicate;
	struct tcp_chain chain;

	start(&queue, 0);
	for (uint32_t i = 0; i < 10; i++) {
		chain = one_mbuf(10 + i * 10, 20 + i * 10);
		(void)ooo_insert(&queue, 10 + i * 10, 20 + i * 10, &chain, &duplicate);
	}
	chain = one_mbuf(200, 210);
	(void)ooo_insert(&queue, 200, 210, &chain, &duplicate);
	ooo_drop_last(&queue, 4);
	CU_ASSERT_EQUAL(queue.count, 1);
	CU_ASSERT_EQUAL(queue.segments, 7);
	CU_ASSERT_EQUAL(queue.last->end, 80);
	CU_ASSERT_TRUE(ooo_holds(&queue, 70, 80));
	CU_ASSERT_TRUE(ooo_holds(&queue, 10, 80));
	CU_ASSERT_FALSE(ooo_holds(&queue, 70, 81));
	CU_ASSERT_FALSE(ooo_holds(&queue, 9, 20));
	CU_ASSERT_FALSE(ooo_holds(&queue, 80, 90));
	chain = (struct tcp_chain){0};
	CU_ASSERT_EQUAL(ooo_take(&queue, 10, &chain, &duplicate), 80);
	CU_ASSERT_EQUAL(check_taken(&chain, 10), 80);
	ooo_drop_last(&queue, 1);
	CU_ASSERT_EQUAL(pool.segments, 0);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

/* Single bytes join one mbuf; nobody's mbuf but our own is written to. */
static void test_collapse(void)
{
	struct tcp_ooo_queue queue;
	struct tcp_sack_block duplicate;
	struct tcp_chain chain;
	struct rte_mbuf *shared;

	start(&queue, 8);
	for (uint32_t i = 0; i < 250; i++) {
		chain = make(10 + i, 11 + i);
		CU_ASSERT_EQUAL(ooo_insert(&queue, 10 + i, 11 + i, &chain, &duplicate), OOO_KEPT);
	}
	CU_ASSERT_EQUAL(queue.segments, 1);
	CU_ASSERT_EQUAL(collapsed, 249);
	shared = queue.last->chain.tail;
	rte_mbuf_refcnt_update(shared, 1);
	chain = one_mbuf(260, 265);
	(void)ooo_insert(&queue, 260, 265, &chain, &duplicate);
	CU_ASSERT_EQUAL(queue.segments, 2);
	chain = one_mbuf(265, 273); /* not small */
	(void)ooo_insert(&queue, 265, 273, &chain, &duplicate);
	CU_ASSERT_EQUAL(queue.segments, 3);
	rte_pktmbuf_free_seg(shared);
	chain = (struct tcp_chain){0};
	CU_ASSERT_EQUAL(ooo_take(&queue, 10, &chain, &duplicate), 273);
	CU_ASSERT_EQUAL(check_taken(&chain, 10), 273);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(wire_payload_pool()), 0);
}

CU_TestInfo ooo_queue_tests[] = {{"against a byte map", test_against_byte_map},
				 {"SACK blocks", test_sack_blocks},
				 {"full", test_full},
				 {"pool empty", test_pool_empty},
				 {"drop last", test_drop_last},
				 {"collapse", test_collapse},
				 CU_TEST_INFO_NULL};
