#include "news.h"

static uint64_t head(const struct news *news)
{
	/* Acquire: pairs with the worker's release after it wrote the slots. */
	return atomic_load_explicit(&news->pub->news_head, memory_order_acquire);
}

void news_init(struct news *news, const struct abi_pub *pub, uint64_t offset, struct abi_sub *sub)
{
	news->pub = pub;
	news->ring = (const _Atomic uint32_t *)((const uint8_t *)pub + offset);
	news->sleeping = &sub->news_sleeping;
	news->seen = head(news);
}

/*
 * With ABI_NEWS_RING or more unread, or when the writer came so far while we read, some are lost.
 */
bool news_read(struct news *news, void (*see)(void *app, uint32_t slot), void *app)
{
	uint64_t to = head(news);
	uint64_t from = news->seen;

	news->seen = to;
	if (to == from) {
		return true;
	}
	for (uint64_t i = from; to - from < ABI_NEWS_RING && i != to; i++) {
		see(app,
		    atomic_load_explicit(&news->ring[i % ABI_NEWS_RING], memory_order_relaxed));
	}
	atomic_thread_fence(memory_order_acquire);
	return head(news) - from < ABI_NEWS_RING;
}

/*
 * The flag, the fence and the second look stand against the worker's news, its fence and its look
 * at the flag: one of the two sees the other.
 */
bool news_begin_sleep(struct news *news)
{
	atomic_store_explicit(news->sleeping, 1, memory_order_seq_cst);
	atomic_thread_fence(memory_order_seq_cst);
	return head(news) == news->seen;
}

void news_end_sleep(struct news *news)
{
	atomic_store_explicit(news->sleeping, 0, memory_order_relaxed);
}
