/*
 * Packet memory: all mbufs lie in the region, and references find them again.
 */
#include "dataplane/packets.h"
#include "suite.h"
#include "test_eal.h"

#include <errno.h>
#include <string.h>

#define MBUFS 500u

static void create(struct dp_packets *packets, uint32_t worker, unsigned int flags)
{
	CU_ASSERT_EQUAL_FATAL(dp_packets_create(packets, worker, MBUFS, 2048, 0, flags), 0);
}

static uint32_t allocate_all(const struct dp_packets *packets, struct rte_mbuf **mbufs)
{
	uint32_t count = 0;

	while (count < MBUFS + 1 && (mbufs[count] = rte_pktmbuf_alloc(packets->pool)) != NULL) {
		count++;
	}
	return count;
}

static void mbufs_lie_in_the_region(void)
{
	struct dp_packets packets;
	struct rte_mbuf *mbufs[MBUFS + 1];
	uint32_t outside = 0;

	create(&packets, 0, 0);
	uint32_t count = allocate_all(&packets, mbufs);
	CU_ASSERT_EQUAL(count, MBUFS);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *begin = (uint8_t *)mbufs[i];
		uint8_t *end = (uint8_t *)mbufs[i]->buf_addr + mbufs[i]->buf_len;

		outside += begin < packets.region.base ||
			   end > packets.region.base + packets.region.size ||
			   (uintptr_t)begin % ABI_SEGMENT_ALIGN != 0 ||
			   rte_pktmbuf_tailroom(mbufs[i]) < 2048;
		memset(rte_pktmbuf_mtod(mbufs[i], void *), (int)i, 2048);
	}
	CU_ASSERT_EQUAL(outside, 0);
	rte_pktmbuf_free_bulk(mbufs, count);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(packets.pool), 0);
	dp_packets_destroy(&packets);
}

/* design: one frame of 1,514 bytes pins 2,368. */
static void truesize_is_what_an_mbuf_takes(void)
{
	struct dp_packets packets;

	create(&packets, 0, 0);
	CU_ASSERT_EQUAL(packets.truesize, 2368);
	CU_ASSERT(packets.region.size >= (size_t)MBUFS * packets.truesize);
	dp_packets_destroy(&packets);
}

static void references_find_their_mbuf(void)
{
	struct dp_packets workers[3];
	const struct dp_packets_table table = {.count = 3, .workers = workers};

	for (uint32_t i = 0; i < 3; i++) {
		create(&workers[i], i, 0);
	}
	for (uint32_t i = 0; i < 3; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(workers[i].pool);
		CU_ASSERT_PTR_NOT_NULL_FATAL(m);
		uint8_t *data = (uint8_t *)rte_pktmbuf_append(m, 1400) + 77;
		uint64_t ref = dp_packets_ref(&table, m, data, 1323);

		CU_ASSERT_NOT_EQUAL(ref, 0);
		CU_ASSERT_EQUAL(abi_ref_region(ref), i);
		CU_ASSERT_EQUAL(abi_ref_length(ref), 1323);
		CU_ASSERT_PTR_EQUAL(workers[i].region.base + abi_ref_offset(ref), data);
		CU_ASSERT_PTR_EQUAL(dp_packets_mbuf(&table, ref), m);
		rte_pktmbuf_free(m);
	}
	for (uint32_t i = 0; i < 3; i++) {
		dp_packets_destroy(&workers[i]);
	}
}

/* An answer may have mbufs of several pools: only those of the table are packet memory. */
static void chains_are_counted(void)
{
	struct dp_packets workers[2];
	const struct dp_packets_table table = {.count = 2, .workers = workers};
	const struct dp_packets_table one = {.count = 1, .workers = workers};

	create(&workers[0], 0, 0);
	create(&workers[1], 1, 0);
	struct rte_mbuf *head = rte_pktmbuf_alloc(workers[0].pool);
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(head, rte_pktmbuf_alloc(workers[1].pool)), 0);
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_chain(head, rte_pktmbuf_alloc(workers[0].pool)), 0);
	CU_ASSERT_EQUAL(dp_packets_in(&table, head), 3);
	CU_ASSERT_EQUAL(dp_packets_in(&one, head), 2);
	rte_pktmbuf_free(head);
	dp_packets_destroy(&workers[0]);
	dp_packets_destroy(&workers[1]);
}

/* The longest reference of the largest mbuf must fit its field. */
static void jumbo_frames_fit(void)
{
	struct dp_packets packets;
	const struct dp_packets_table table = {.count = 1, .workers = &packets};

	CU_ASSERT_EQUAL_FATAL(dp_packets_create(&packets, 0, 64, 9024, 0, 0), 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(packets.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	uint8_t *data = (uint8_t *)rte_pktmbuf_append(m, 9022);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	uint64_t ref = dp_packets_ref(&table, m, data + 9021, 1);
	CU_ASSERT_PTR_EQUAL(packets.region.base + abi_ref_offset(ref), data + 9021);
	rte_pktmbuf_free(m);
	dp_packets_destroy(&packets);
	CU_ASSERT_EQUAL(dp_packets_create(&packets, 0, 64, 20000, 0, 0), -EINVAL);
}

static void hugepages_when_there_are_any(void)
{
	struct dp_packets packets;
	struct rte_mbuf *mbufs[MBUFS + 1];

	create(&packets, 0, DP_REGION_HUGEPAGES);
	CU_ASSERT_EQUAL(allocate_all(&packets, mbufs), MBUFS);
	rte_pktmbuf_free_bulk(mbufs, MBUFS);
	dp_packets_destroy(&packets);
}

/* Of the half that is taken next, how many were among the half given back last. */
static uint32_t taken_again(struct dp_packets *packets)
{
	struct rte_mbuf *mbufs[MBUFS + 1];
	struct rte_mbuf *again[MBUFS / 2];
	uint32_t known = 0;

	CU_ASSERT_EQUAL_FATAL(allocate_all(packets, mbufs), MBUFS);
	for (uint32_t i = 0; i < MBUFS; i++) {
		rte_pktmbuf_free(mbufs[i]);
	}
	CU_ASSERT_EQUAL_FATAL(rte_pktmbuf_alloc_bulk(packets->pool, again, MBUFS / 2), 0);
	for (uint32_t i = 0; i < MBUFS / 2; i++) {
		for (uint32_t k = MBUFS / 2; k < MBUFS; k++) {
			known += again[i] == mbufs[k];
		}
	}
	rte_pktmbuf_free_bulk(again, MBUFS / 2);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(packets->pool), 0);
	return known;
}

static void last_given_back_is_first_taken(void)
{
	struct dp_packets packets;

	create(&packets, 0, 0);
	CU_ASSERT(packets.lifo);
	CU_ASSERT(taken_again(&packets) > MBUFS / 3); /* but for the core's cache */
	dp_packets_destroy(&packets);
}

/* DPDK's drivers are packages of their own: without this one a pool is slower, and says so. */
static void without_the_driver_it_is_a_ring(void)
{
	struct dp_packets packets;
	struct rte_mempool_ops *stack = NULL;

	for (uint32_t i = 0; i < rte_mempool_ops_table.num_ops; i++) {
		if (strcmp(rte_mempool_ops_table.ops[i].name, "stack") == 0) {
			stack = &rte_mempool_ops_table.ops[i];
		}
	}
	CU_ASSERT_PTR_NOT_NULL(stack);
	if (stack == NULL) {
		return;
	}
	stack->name[0] = 'S';
	create(&packets, 0, 0);
	stack->name[0] = 's';
	CU_ASSERT(!packets.lifo);
	CU_ASSERT(taken_again(&packets) < MBUFS / 6);
	dp_packets_destroy(&packets);
}

int main(void)
{
	static const struct suite_test tests[] = {
		{"mbufs lie in the region", mbufs_lie_in_the_region},
		{"truesize is what an mbuf takes", truesize_is_what_an_mbuf_takes},
		{"references find their mbuf", references_find_their_mbuf},
		{"chains are counted", chains_are_counted},
		{"jumbo frames fit", jumbo_frames_fit},
		{"hugepages when there are any", hugepages_when_there_are_any},
		{"last given back is first taken", last_given_back_is_first_taken},
		{"without the driver it is a ring", without_the_driver_it_is_a_ring},
		{NULL, NULL},
	};

	test_eal_start();
	int status = suite_run("packets", tests);
	(void)rte_eal_cleanup();
	return status;
}
