/*
 * What is written for a player: a chain of mbufs of the players' pool, filled one after the other.
 *
 * Bytes that do not fit for want of an mbuf make the chain `lacking`: play_chain_cut() then takes
 * back what was written since a mark, so that only whole messages leave.
 */
#ifndef DP_PLAY_CHAIN_H
#define DP_PLAY_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

struct play_chain {
	struct rte_mempool *pool;
	struct rte_mbuf *head; /* NULL: nothing written */
	struct rte_mbuf *last;
	uint32_t mbufs;
	bool lacking; /* an mbuf could not be had */
};

struct play_mark {
	struct rte_mbuf *last;
	uint32_t mbufs;
	uint32_t bytes;
	uint16_t last_len;
};

static inline void play_chain_init(struct play_chain *chain, struct rte_mempool *pool)
{
	*chain = (struct play_chain){.pool = pool};
}

void play_chain_put(struct play_chain *chain, const void *data, uint32_t len);

struct play_mark play_chain_mark(const struct play_chain *chain);
/* Back to the mark; not lacking any more. */
void play_chain_cut(struct play_chain *chain, const struct play_mark *mark);

#endif
