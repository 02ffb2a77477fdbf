#include "dataplane/packets.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <stdio.h>
#include <sys/mman.h>

/* Of each worker's cache of free mbufs: one rx refill and one tx completion burst fit. */
#define CACHE_MBUFS 256

/* What stands in the pool's private area: DPDK's part first. */
struct pool_private {
	struct rte_pktmbuf_pool_private pktmbuf;
	uint32_t worker;
};

/*
 * With IOVA as virtual address contiguous virtual memory is contiguous for the device too, so that
 * mbufs may lie across pages; otherwise none may.
 */
static unsigned int pool_flags(void)
{
	return rte_eal_iova_mode() == RTE_IOVA_VA ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0;
}

/*
 * What was given back last comes first, as the caches still know it. Where the driver for that is
 * not installed the pool keeps what it was created with, a ring.
 */
static struct rte_mempool *create_pool(uint32_t worker, uint32_t mbufs, uint16_t data_room,
				       int numa_node, bool *lifo)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	uint32_t room = RTE_PKTMBUF_HEADROOM + (uint32_t)data_room;
	uint32_t cache = mbufs < 8 * CACHE_MBUFS ? mbufs / 8 : CACHE_MBUFS;

	if (room > UINT16_MAX || room + sizeof(struct rte_mbuf) > ABI_REF_LENGTH_MAX) {
		rte_errno = EINVAL;
		return NULL;
	}
	(void)snprintf(name, sizeof(name), "packets%u", worker);
	struct rte_mempool *pool = rte_mempool_create_empty(
		name, mbufs, (uint32_t)sizeof(struct rte_mbuf) + room, cache,
		sizeof(struct pool_private), numa_node, pool_flags());
	if (pool == NULL) {
		return NULL;
	}
	*lifo = rte_mempool_set_ops_byname(pool, "stack", NULL) == 0;
	struct rte_pktmbuf_pool_private private = {.mbuf_data_room_size = (uint16_t)room};
	rte_pktmbuf_pool_init(pool, &private);
	((struct pool_private *)rte_mempool_get_priv(pool))->worker = worker;
	return pool;
}

/* Bytes of contiguous memory that the pool wants, when pages are of `page_size`. */
static ssize_t pool_size(const struct rte_mempool *pool, size_t page_size)
{
	size_t chunk;
	size_t align;
	uint32_t shift = (uint32_t)__builtin_ctzll(page_size);

	if (pool->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) {
		shift = 0;
	}
	return rte_mempool_op_calc_mem_size_default(pool, pool->size, shift, &chunk, &align);
}

static int populate(struct dp_packets *packets)
{
	struct rte_mempool *pool = packets->pool;
	char *base = (char *)packets->region.base;
	size_t size = packets->region.size;
	int mbufs;

	if (pool->flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG) {
		mbufs = rte_mempool_populate_iova(pool, base, (rte_iova_t)(uintptr_t)base, size,
						  NULL, NULL);
	} else {
		mbufs = rte_mempool_populate_virt(pool, base, size, packets->region.page_size, NULL,
						  NULL);
	}
	if (mbufs < 0) {
		return mbufs;
	}
	if ((uint32_t)mbufs < pool->size) {
		return -ENOMEM;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return 0;
}

int dp_packets_create(struct dp_packets *packets, uint32_t worker, uint32_t mbufs,
		      uint16_t data_room, int numa_node, unsigned int region_flags)
{
	char name[32];
	size_t page_size = region_flags & DP_REGION_HUGEPAGES ? (size_t)2 << 20 : 4096;

	*packets = (struct dp_packets){.region = {.fd = -1}};
	packets->pool = create_pool(worker, mbufs, data_room, numa_node, &packets->lifo);
	if (packets->pool == NULL) {
		return -rte_errno;
	}
	packets->truesize =
		packets->pool->header_size + packets->pool->elt_size + packets->pool->trailer_size;

	/* For the smaller page where hugepages may be missing: it needs the most room. */
	ssize_t size =
		pool_size(packets->pool, region_flags & DP_REGION_REQUIRED ? page_size : 4096);
	int err = size < 0 ? (int)size : 0;
	if (err == 0 && (uint64_t)size > ABI_PACKET_SIZE_MAX) {
		err = -EFBIG;
	}
	if (err == 0) {
		(void)snprintf(name, sizeof(name), "penstock-packets-%u", worker);
		err = dp_region_create(&packets->region, name, (size_t)size, numa_node,
				       region_flags);
	}
	if (err == 0) {
		/* A core dump would hold what publishers sent, keys included. */
		(void)madvise(packets->region.base, packets->region.size, MADV_DONTDUMP);
		err = populate(packets);
	}
	if (err < 0) {
		dp_packets_destroy(packets);
	}
	return err;
}

void dp_packets_destroy(struct dp_packets *packets)
{
	/* The pool first: its free list stands in the mbufs' headers. */
	rte_mempool_free(packets->pool);
	packets->pool = NULL;
	dp_region_destroy(&packets->region);
}

uint64_t dp_packets_ref(const struct dp_packets_table *table, const struct rte_mbuf *m,
			const uint8_t *data, uint32_t len)
{
	uint32_t worker = ((struct pool_private *)rte_mempool_get_priv(m->pool))->worker;
	const uint8_t *segment = (const uint8_t *)m;

	return abi_ref_make(worker, (uint64_t)(segment - table->workers[worker].region.base),
			    (uint32_t)(data - segment), len);
}

static bool is_ours(const struct dp_packets_table *table, const struct rte_mempool *pool)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (table->workers[i].pool == pool) {
			return true;
		}
	}
	return false;
}

uint32_t dp_packets_in(const struct dp_packets_table *table, const struct rte_mbuf *chain)
{
	uint32_t mbufs = 0;

	for (; chain != NULL; chain = chain->next) {
		mbufs += is_ours(table, chain->pool);
	}
	return mbufs;
}
