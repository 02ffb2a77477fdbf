/*
 * Impairment of our own end of the link: frames are lost, come twice or come late, by chance that a
 * seed decides. One for each direction.
 */
#ifndef GEN_IMPAIR_H
#define GEN_IMPAIR_H

#include <stdbool.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

#define IMPAIR_HELD 64u /* frames that are late at once; more come in time */

struct impair_config {
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint32_t reorder_ppm;
	uint64_t seed;
};

struct impair {
	struct impair_config config;
	struct rte_mempool *pool; /* for copies */
	uint64_t random;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint32_t held_count;
	struct {
		struct rte_mbuf *frame;
		uint64_t until_us;
	} held[IMPAIR_HELD];
};

void impair_init(struct impair *impair, const struct impair_config *config,
		 struct rte_mempool *pool);
/* Frees what is held. */
void impair_fini(struct impair *impair);

static inline bool impair_is_active(const struct impair *i)
{
	return (i->config.loss_ppm | i->config.duplicate_ppm | i->config.reorder_ppm) != 0;
}

/*
 * `count` frames pass; returns how many stand in `frames` afterwards, at most `max`: those that
 * were held until now among them.
 */
uint32_t impair_pass(struct impair *impair, struct rte_mbuf **frames, uint32_t count, uint32_t max,
		     uint64_t now_us);

#endif
