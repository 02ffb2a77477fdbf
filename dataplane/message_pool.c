/* The pool of messages and their blocks, and references that are given back. */
#include <assert.h>
#include <errno.h>
#include <rte_mbuf.h>

#include "dataplane/local_memory.h"
#include "dataplane/message.h"
#include "dataplane/packets.h"

#define PUT_BATCH        64u /* references given back together */
#define MESSAGE_COLLAPSE 8u  /* a segment that carries less than this part of its truesize */

static_assert(sizeof(struct message_block) == 256, "block of references");

int message_pool_init(struct message_pool *pool, uint32_t blocks, int numa_node,
		      const struct dp_packets_table *packets, uint32_t worker,
		      struct dp_counters *counters)
{
	*pool = (struct message_pool){
		.count = blocks,
		.free_count = blocks,
		.truesize = packets->workers[worker].truesize,
		.collapse_max = packets->workers[worker].truesize / MESSAGE_COLLAPSE,
		.packets = packets,
		.copies = packets->workers[worker].pool,
		.counters = counters,
	};
	pool->refused.refused = true;
	pool->blocks = local_alloc(blocks * sizeof(pool->blocks[0]), numa_node);
	pool->messages = local_alloc(blocks * sizeof(pool->messages[0]), numa_node);
	if (!pool->blocks || !pool->messages) {
		message_pool_fini(pool);
		return -ENOMEM;
	}
	for (uint32_t i = blocks; i-- > 0;) {
		pool->blocks[i].next = pool->free;
		pool->free = &pool->blocks[i];
		pool->messages[i].next_free = pool->free_message;
		pool->free_message = &pool->messages[i];
	}
	return 0;
}

void message_pool_fini(struct message_pool *pool)
{
	local_free(pool->blocks, pool->count * sizeof(pool->blocks[0]));
	local_free(pool->messages, pool->count * sizeof(pool->messages[0]));
	pool->blocks = NULL;
	pool->messages = NULL;
}

/* What is given back was last looked at a GOP ago: the cache misses shall overlap. */
static void find_mbufs(const struct message_pool *pool, const uint64_t *refs, uint32_t count,
		       struct rte_mbuf **mbufs)
{
	for (uint32_t i = 0; i < count; i++) {
		mbufs[i] = dp_packets_mbuf(pool->packets, refs[i]);
		rte_prefetch0(mbufs[i]);
		rte_prefetch0(&mbufs[i]->next); /* its second cache line */
	}
}

static void put_batch(struct message_pool *pool, const uint64_t *refs, uint32_t count)
{
	struct rte_mbuf *mbufs[PUT_BATCH];
	uint32_t last = 0;

	find_mbufs(pool, refs, count, mbufs);
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf *m = dp_packets_drop(mbufs[i]);
		if (m) {
			mbufs[last++] = m;
		}
	}
	pool->pinned -= last;
	rte_pktmbuf_free_bulk(mbufs, last);
}

void message_put_refs(struct message_pool *pool, const uint64_t *refs, uint32_t count)
{
	while (count > 0) {
		uint32_t n = count < PUT_BATCH ? count : PUT_BATCH;

		put_batch(pool, refs, n);
		refs += n;
		count -= n;
	}
}

void message_segment_done(struct message_pool *pool, struct rte_mbuf *mbuf)
{
	struct rte_mbuf *m = dp_packets_drop(mbuf);

	if (m) {
		rte_mbuf_raw_free(m);
	} else {
		pool->pinned++;
	}
}
