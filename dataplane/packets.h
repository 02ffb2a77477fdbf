/*
 * Packet memory: one mbuf pool per worker over a sealed region, so that control can read payload.
 *
 * The region's number in references (control/abi/ref.h) is the worker's index. Workers may hold
 * mbufs of each other's pools (software spread), hence the table of all of them.
 */
#ifndef DP_PACKETS_H
#define DP_PACKETS_H

#include <rte_mbuf.h>

#include "abi/ref.h"
#include "dataplane/region.h"

struct dp_packets {
	struct rte_mempool *pool; /* receive mbufs: data room for the MTU */
	struct dp_region region;
	uint32_t truesize; /* bytes of the region that one mbuf takes */
	bool lifo;         /* the mbuf given back last is taken first */
};

struct dp_packets_table {
	uint32_t count;
	struct dp_packets *workers; /* [count] */
};

/* 0 or -errno. `data_room` is bytes of payload buffer behind the headroom. */
int dp_packets_create(struct dp_packets *packets, uint32_t worker, uint32_t mbufs,
		      uint16_t data_room, int numa_node, unsigned int region_flags)
	__attribute__((warn_unused_result));
void dp_packets_destroy(struct dp_packets *packets);

/* Reference to `len` bytes at `data`, which lie in `m`; the mbuf is of one of the table's pools. */
uint64_t dp_packets_ref(const struct dp_packets_table *table, const struct rte_mbuf *m,
			const uint8_t *data, uint32_t len);

/* How many mbufs of a chain are of one of the table's pools. */
uint32_t dp_packets_in(const struct dp_packets_table *table, const struct rte_mbuf *chain);

/* The mbuf that a reference of ours names. */
static inline struct rte_mbuf *dp_packets_mbuf(const struct dp_packets_table *table, uint64_t ref)
{
	return (struct rte_mbuf *)(void *)(table->workers[abi_ref_region(ref)].region.base +
					   abi_ref_segment(ref));
}

/*
 * Reference counts of received mbufs. The worker that owns the connection is the only one that
 * changes them, so that they need no locked instructions, which DPDK's own functions use.
 */
static inline void dp_packets_hold(struct rte_mbuf *m)
{
	rte_mbuf_refcnt_set(m, (uint16_t)(rte_mbuf_refcnt_read(m) + 1));
}

/* Drops a reference count; the mbuf, to be given back to its pool, when it was the last, or NULL.
 */
static inline struct rte_mbuf *dp_packets_drop(struct rte_mbuf *m)
{
	uint16_t count = rte_mbuf_refcnt_read(m);

	if (count == 1) {
		return rte_pktmbuf_prefree_seg(m);
	}
	rte_mbuf_refcnt_set(m, (uint16_t)(count - 1));
	return NULL;
}

#endif
