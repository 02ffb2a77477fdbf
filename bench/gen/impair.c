#include "bench/gen/impair.h"

#include <rte_mbuf.h>
#include <string.h>

#include "bench/common/rng.h"

#define MILLION      1000000u
#define LATE_US      50u /* a late frame is at least so late, and up to LATE_MORE_US later */
#define LATE_MORE_US 2000u
#define PASS_MAX     1024u

void impair_init(struct impair *i, const struct impair_config *config, struct rte_mempool *pool)
{
	memset(i, 0, sizeof(*i));
	i->config = *config;
	i->pool = pool;
	i->random = config->seed;
}

void impair_fini(struct impair *i)
{
	while (i->held_count > 0) {
		rte_pktmbuf_free(i->held[--i->held_count].frame);
	}
}

static bool happens(struct impair *i, uint32_t ppm)
{
	return ppm != 0 && rng_below(&i->random, MILLION) < ppm;
}

/* True when the frame was taken out of the stream. */
static bool take(struct impair *i, struct rte_mbuf *frame, uint64_t now_us)
{
	if (happens(i, i->config.loss_ppm)) {
		rte_pktmbuf_free(frame);
		i->lost++;
		return true;
	}
	if (i->held_count < IMPAIR_HELD && happens(i, i->config.reorder_ppm)) {
		i->held[i->held_count].frame = frame;
		i->held[i->held_count].until_us =
			now_us + LATE_US + rng_below(&i->random, LATE_MORE_US);
		i->held_count++;
		i->reordered++;
		return true;
	}
	return false;
}

static uint32_t release(struct impair *i, struct rte_mbuf **out, uint32_t count, uint32_t max,
			uint64_t now_us)
{
	for (uint32_t h = 0; h < i->held_count && count < max;) {
		if (i->held[h].until_us > now_us) {
			h++;
			continue;
		}
		out[count++] = i->held[h].frame;
		i->held[h] = i->held[--i->held_count];
	}
	return count;
}

uint32_t impair_pass(struct impair *i, struct rte_mbuf **frames, uint32_t count, uint32_t max,
		     uint64_t now_us)
{
	struct rte_mbuf *out[PASS_MAX];
	uint32_t n = 0;

	max = max < PASS_MAX ? max : PASS_MAX;
	for (uint32_t f = 0; f < count; f++) {
		struct rte_mbuf *copy;

		if (take(i, frames[f], now_us)) {
			continue;
		}
		out[n++] = frames[f];
		/* What is still to pass needs its room. */
		if (n + (count - f - 1) < max && happens(i, i->config.duplicate_ppm)) {
			copy = rte_pktmbuf_copy(frames[f], i->pool, 0, UINT32_MAX);
			if (copy != NULL) {
				out[n++] = copy;
				i->duplicated++;
			}
		}
	}
	n = release(i, out, n, max, now_us);
	memcpy(frames, out, n * sizeof(struct rte_mbuf *));
	return n;
}
