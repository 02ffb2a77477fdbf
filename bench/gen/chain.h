/*
 * Chains of mbufs from pieces of a wire: shared payload as external buffer, all else copied.
 */
#ifndef GEN_CHAIN_H
#define GEN_CHAIN_H

#include <rte_mbuf.h>
#include <sys/uio.h>

/* Smaller pieces are copied: an mbuf of their own, here and in every segment, costs more. */
#define CHAIN_SHARE_LEAST 512u

struct chain_source {
	struct rte_mempool *data_pool;
	struct rte_mempool *slice_pool;
	uint8_t *shared; /* NULL: nothing is shared */
	rte_iova_t iova;
	size_t shared_len;
	struct rte_mbuf_ext_shared_info info;
};

void chain_source_init(struct chain_source *source, struct rte_mempool *data_pool,
		       struct rte_mempool *slice_pool);

/* Memory that outlives all chains and is contiguous for devices. */
void chain_source_share(struct chain_source *source, uint8_t *base, rte_iova_t iova, size_t len);

/* The pieces as a chain, or NULL without mbufs. */
struct rte_mbuf *chain_make(struct chain_source *source, const struct iovec *iov, uint32_t count);

#endif
